"""What many threads have to tell one, which takes together what has come meanwhile."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

TOGETHER = 0.004
"""Seconds in which what comes may wait for more to come, once much comes."""
_MOMENT = 0.0005
"""The same where more is there: just long enough for others to get on."""
AT_ONCE = 512
"""Taken at once, at most: what follows from it is not kept waiting by the rest. Of fewer, the
targets among them may be done before their taker comes to the next: it has one turn in many."""

T = TypeVar("T")


class Mailbox(Generic[T]):
    """`put` is for any thread and for signal handlers, `take` for one thread.

    To wake a thread costs more than most events do, and where many come, it would be woken
    for each: so it naps a moment between two of its looks, if the one before has found several.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._events: deque[T] = deque()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waits = False
        self._sleep = sleep
        self._naps = False

    def __len__(self) -> int:
        """How many wait to be taken."""
        return len(self._events)

    def put(self, event: T) -> None:
        """Add one event."""
        self._events.append(event)
        if self._waits:
            self._waits = False
            self._wake.put(None)

    def take(self, seconds: float | None) -> list[T]:
        """What has come; waits so long, in seconds, for anything, and without end for None."""
        events = self._events
        if self._naps:
            self._sleep(_MOMENT if events or seconds == 0 else TOGETHER)
        if not events:
            self._wait(seconds)
        taken = [events.popleft() for _ in range(min(len(events), AT_ONCE))]
        self._naps = len(taken) > 1
        return taken

    def _wait(self, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            self._waits = True
            if self._events:  # what came before that has woken nobody
                break
            try:
                self._wake.get(timeout=None if until is None else max(0, until - time.monotonic()))
            except queue.Empty:
                break
        self._waits = False
