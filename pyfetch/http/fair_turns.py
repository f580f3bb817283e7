"""Lets few threads at a time do something; who waits longest comes next."""

from __future__ import annotations

import threading
from collections import deque


class FairTurns:
    """A semaphore that is fair, as `threading.Semaphore` is not.

    There, a thread that gives its turn back and asks for the next one gets it before those that
    wait, as they have to wake up first: some would hardly ever have a turn.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        """One lock for each thread that waits: it is released to hand over a turn."""

    @property
    def waiting(self) -> int:
        """How many threads wait for a turn."""
        return len(self._waiting)

    def take(self, seconds: float) -> bool:
        """Wait for a turn, for so many seconds at most. Returns whether this thread has one."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        if gate.acquire(timeout=seconds):
            return True
        with self._lock:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return False
        return True  # it was handed over at the last moment

    def give_back(self) -> None:
        """Let the next thread have the turn."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
