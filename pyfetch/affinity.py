"""On which CPUs this process runs: the threads of a run on one, as one at a time computes.

The interpreter's lock lets one thread compute at a time. Where the system wakes each of them on
whatever CPU is idle, it goes on there without anything in the caches, and is awake before the
lock is free. What needs no interpreter, as to decrypt and hash much, may be anywhere.

Linux alone says and does what this needs: sched_setaffinity(2), proc(5).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pyfetch.threads import daemon

LOOK_EVERY = 0.5
"""Seconds after which it is seen whether others want the CPU, too."""
CROWDED = 0.25
"""Share of a CPU that others take, from which on it is better to go where the system wants."""
APART_FOR = 2.0
"""Seconds for which they are there at first; twice as long each time after."""

_TICKS = 100
"""How many of /proc/stat are a second (`USER_HZ`)."""
_PROCESSOR = 36
"""Which field of /proc/self/stat is the CPU, counted from the one behind the name."""


class Busy(NamedTuple):
    """What a CPU has done so far, and this process; in seconds."""

    at: float
    all: float
    ours: float

    def crowded_since(self, before: Busy) -> bool:
        """Whether others have taken much of the CPU since then."""
        others = (self.all - before.all) - (self.ours - before.ours)
        return others > CROWDED * (self.at - before.at)


class Affinity:
    """Of the threads of this process. Where the system cannot say or do it, nothing is done."""

    def __init__(self) -> None:
        knows = hasattr(os, "sched_getaffinity")
        self.allowed: set[int] = os.sched_getaffinity(0) if knows else set()
        """The CPUs that this process may use; none where nobody knows."""
        self._home: int | None = None
        """The CPU on which all threads are; None while each is where the system wants it."""

    @property
    def is_gathered(self) -> bool:
        """Whether all threads are on one CPU now."""
        return self._home is not None

    def gather(self) -> None:
        """Have all threads run on one CPU from now on, as long as that is hardly anybody else's.

        It is for processes of our own: what a program's other threads do is not for us to say.
        """
        if len(self.allowed) < 2:
            return
        try:
            self._gather()
        except (OSError, ValueError):
            self._scatter()
        else:
            daemon(self._watch, "affinity").start()

    def leave(self) -> None:
        """Let this thread run on any CPU, until it comes back."""
        if self._home is not None:
            _put(0, self.allowed)

    def come_back(self) -> None:
        """Have this thread run where the others do."""
        home = self._home
        if home is not None:
            _put(0, {home})

    @contextlib.contextmanager
    def anywhere(self) -> Iterator[None]:
        """`leave` and `come_back`."""
        self.leave()
        try:
            yield
        finally:
            self.come_back()

    def _watch(self) -> None:
        apart_for = APART_FOR
        try:
            with contextlib.suppress(OSError, ValueError):
                while True:
                    self._wait_until_crowded()
                    self._scatter()
                    time.sleep(apart_for)
                    apart_for *= 2
                    self._gather()
        finally:
            self._scatter()

    def _wait_until_crowded(self) -> None:
        home = self._home
        assert home is not None  # noqa: S101
        now = _busy(home)
        while True:
            before = now
            time.sleep(LOOK_EVERY)
            now = _busy(home)
            if now.crowded_since(before):
                return

    def _gather(self) -> None:
        home = _current()
        _busy(home)  # who cannot look must not stay
        self._home = home
        _put_all({home})

    def _scatter(self) -> None:
        self._home = None
        _put_all(self.allowed)


def processors() -> int:
    """How many CPUs this process may use."""
    return len(affinity.allowed) or os.cpu_count() or 1


def _current() -> int:
    """The CPU on which the main thread is, or was last."""
    # Before them is the name in brackets, which may have any character.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[_PROCESSOR])


def _busy(cpu: int) -> Busy:
    begin = f"cpu{cpu} "
    with Path("/proc/stat").open() as lines:
        for line in lines:
            if line.startswith(begin):
                user, nice, system = map(int, line.split()[1:4])
                took = (user + nice + system) / _TICKS
                return Busy(time.monotonic(), took, time.process_time())
    raise ValueError(f"/proc/stat has nothing of CPU {cpu}")


def _put_all(where: set[int]) -> None:
    put: set[Path] = set()
    while more := set(Path("/proc/self/task").iterdir()) - put:  # those that began meanwhile, too
        for thread in more:
            _put(int(thread.name), where)
        put |= more


def _put(thread: int, where: set[int]) -> None:
    with contextlib.suppress(OSError):  # it has ended, or may not
        os.sched_setaffinity(thread, where)


affinity = Affinity()
"""That of this process."""
