"""On which CPUs this process runs: the threads of a run on one, as one at a time computes.

The interpreter's lock lets one thread compute at a time. Where the system wakes each of them on
whatever CPU is idle, it goes on there without anything in the caches, and is awake before the
lock is free. What needs no interpreter, as to decrypt and hash much, may be anywhere.

Linux alone says and does what this needs: sched_setaffinity(2), proc(5).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from pyfetch.system import daemon

LOOK_EVERY = 0.5
"""Seconds after which it is seen whether others want the CPU, too."""
CROWDED = 0.25
"""Share of a CPU that others take, from which on it is better to go where the system wants."""
APART_FOR = 2.0
"""Seconds for which they are there at first; twice as long where the CPU is soon crowded again."""
APART_AT_MOST = 60.0

_TICKS = 100
"""How many of /proc/stat are a second (`USER_HZ`)."""
_PROCESSOR = 36
"""Which field of /proc/self/stat is the CPU, counted from the one behind the name."""
_LONGEST = 1 << 20
"""Bytes of such a file that are read at most."""


class Busy(NamedTuple):
    """What a CPU has done so far, and for us; in seconds."""

    at: float
    all: float
    ours: float

    def crowded_since(self, before: Busy) -> bool:
        """Whether others have taken much of the CPU since then."""
        others = (self.all - before.all) - (self.ours - before.ours)
        return others > CROWDED * (self.at - before.at)


class _Away(NamedTuple):
    """A thread that may be on any CPU."""

    clock: int
    """What tells its time, for any thread."""
    since: float
    """What that was when it left, in seconds of CPU."""


class Affinity:
    """Of the threads of this process. Where the system cannot say or do it, nothing is done."""

    def __init__(self) -> None:
        self.allowed: set[int] = set()
        """The CPUs that this process may use, once `gather` was called; else none."""
        self._home: int | None = None
        """The CPU on which all threads are; None while each is where the system wants it."""
        self._lock = threading.Lock()
        """Held by whoever says where threads may be."""
        self._away: dict[int, _Away] = {}
        """By their native ids, those that have left."""
        self._ours_elsewhere = 0.0
        """Seconds of CPU that threads took until they came back."""

    @property
    def is_gathered(self) -> bool:
        """Whether all threads, but for those that have left, are on one CPU now."""
        return self._home is not None

    def gather(self) -> None:
        """Have all threads run on one CPU from now on, as long as that is hardly anybody else's.

        It is for processes of our own: what a program's other threads do is not for us to say.
        """
        if not hasattr(os, "sched_getaffinity"):
            return
        with contextlib.suppress(OSError, ValueError, IndexError):
            allowed = os.sched_getaffinity(0)
            proc = _Proc()
            home = proc.current()
            proc.busy(home)  # who cannot look must not stay
            os.sched_setaffinity(0, {home})
            self.allowed = allowed
            self._gather(home)
            if len(allowed) > 1:
                daemon(lambda: self._watch(proc, home), "affinity").start()

    def leave(self) -> None:
        """Let this thread run on any CPU, until it comes back."""
        if not self.allowed:
            return
        clock = time.pthread_getcpuclockid(threading.get_ident())
        with self._lock:
            self._away[threading.get_native_id()] = _Away(clock, time.thread_time())
            _put(0, self.allowed)

    def come_back(self) -> None:
        """Have this thread run where the others do. Nothing happens where it has not left."""
        if not self.allowed:
            return
        with self._lock:
            away = self._away.pop(threading.get_native_id(), None)
            if away is not None:
                self._ours_elsewhere += time.thread_time() - away.since
                if self._home is not None:
                    _put(0, {self._home})

    @contextlib.contextmanager
    def anywhere(self) -> Iterator[None]:
        """`leave` and `come_back`."""
        self.leave()
        try:
            yield
        finally:
            self.come_back()

    def _watch(self, proc: _Proc, home: int) -> None:
        self.leave()  # it has to get on where others are busy
        # Not in step with another process that goes from the same CPU.
        at_first = apart_for = APART_FOR * (1 + os.getpid() % 8 / 16)
        with contextlib.suppress(OSError, ValueError, IndexError):
            while True:
                since = time.monotonic()
                with contextlib.suppress(OSError, ValueError):  # as long as that can be seen
                    self._wait_until_crowded(proc, home)
                if time.monotonic() - since > 2 * apart_for:
                    apart_for = at_first
                self._scatter()
                time.sleep(apart_for)
                apart_for = min(2 * apart_for, APART_AT_MOST)
                home = proc.current()
                self._gather(home)

    def _wait_until_crowded(self, proc: _Proc, home: int) -> None:
        now = self._busy(proc, home)
        while True:
            before = now
            time.sleep(LOOK_EVERY)
            now = self._busy(proc, home)
            if now.crowded_since(before):
                return

    def _busy(self, proc: _Proc, home: int) -> Busy:
        took = proc.busy(home)
        ours = time.process_time()
        with self._lock:
            ours -= self._ours_elsewhere
            for away in self._away.values():
                with contextlib.suppress(OSError):  # it has ended
                    ours -= time.clock_gettime(away.clock) - away.since
        return Busy(time.monotonic(), took, ours)

    def _gather(self, home: int) -> None:
        with self._lock:
            self._home = home
            self._put_all({home})

    def _scatter(self) -> None:
        with self._lock:
            self._home = None
            self._put_all(self.allowed)

    def _put_all(self, where: set[int]) -> None:
        put: set[int] = set(self._away)
        # Those that began meanwhile, too: they are where the one was that made them.
        while more := {thread.native_id or 0 for thread in threading.enumerate()} - put - {0}:
            for thread in more:
                _put(thread, where)
            put |= more


class _Proc:
    """What the system says, through descriptors that are kept: there may be no other one free."""

    def __init__(self) -> None:
        self._self = os.open("/proc/self/stat", os.O_RDONLY)
        self._all = os.open("/proc/stat", os.O_RDONLY)

    def current(self) -> int:
        """The CPU on which the main thread is, or was last."""
        # In front of the fields is the name in brackets, which may have any character.
        said = os.pread(self._self, _LONGEST, 0).rpartition(b")")[2]
        return int(said.split()[_PROCESSOR])

    def busy(self, cpu: int) -> float:
        """Seconds that a CPU has spent on programs. Raises `ValueError` where nobody says."""
        name = b"cpu%d" % cpu
        for line in os.pread(self._all, _LONGEST, 0).splitlines():
            fields = line.split()
            if fields and fields[0] == name:
                user, nice, system = map(int, fields[1:4])
                return (user + nice + system) / _TICKS
        raise ValueError(f"nothing is said of CPU {cpu}")


def processors() -> int:
    """How many CPUs this process may use."""
    if affinity.allowed:
        return len(affinity.allowed)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _put(thread: int, where: set[int]) -> None:
    with contextlib.suppress(OSError):  # it has ended
        os.sched_setaffinity(thread, where)


affinity = Affinity()
"""That of this process."""
