"""One thread of this process computes at a time, as long as that takes moments only.

The interpreter's lock lets one thread at a time compute, too, but is let go of at each system call:
of eight threads with small files, most of the time goes into waking and putting to sleep. Who holds
the baton from the head of an answer to the next request has that lock for itself. Nothing depends
on the baton but speed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pyfetch.affinity import affinity, processors

PATIENCE = 0.1
"""Seconds after which one goes on without it. Who holds it for so long waits for something."""
IDLE = 0.001
"""Seconds of mere waiting while it is held, on average, from which it does harm: file systems may
be slow, and many wait for one as well as one."""
_OFF_FOR = 1.0
"""Seconds for which nobody takes it then."""
_LOOK_EVERY = 4
"""How many times it is taken for each that is measured: the clocks are calls of the system."""
_NOT_MEASURED = 0.0, 0.0


class _Mine(threading.local):
    since: tuple[float, float] | None = None


class Baton:
    """`take` and `give` are for any thread. Nobody takes it while `spared` says that."""

    def __init__(
        self,
        number: int = 1,
        clock: Callable[[], float] = time.monotonic,
        computed: Callable[[], float] = time.thread_time,
        spared: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._computed = computed
        self._spared = spared
        self._lock = threading.Lock() if number == 1 else threading.Semaphore(number)
        self._mine = _Mine()
        self._taken = 0
        self._idle = 0.0
        """Seconds that those who held it have not computed: a moving average."""
        self._off_until = 0.0

    @property
    def is_held(self) -> bool:
        """Whether this thread has it."""
        return self._mine.since is not None

    @property
    def is_off(self) -> bool:
        """Whether it is of no use for now."""
        if not self._off_until:
            return False
        if self._clock() < self._off_until:
            return True
        self._off_until = 0.0
        return False

    def take(self) -> None:
        """Wait to be one that computes; not for long."""
        if self._spared() or self._mine.since or self.is_off:
            return
        before = self._taken
        if not self._lock.acquire(timeout=PATIENCE):
            if self._taken == before:
                self._off_until = self._clock() + _OFF_FOR
            return
        self._taken += 1
        self._mine.since = (
            _NOT_MEASURED if self._taken % _LOOK_EVERY else (self._clock(), self._computed())
        )

    def give(self) -> None:
        """Let another one compute: before each wait. Nothing happens where it was not taken."""
        since = self._mine.since
        if not since:
            return
        self._mine.since = None
        if since is not _NOT_MEASURED:
            self._measured(*since)
        self._lock.release()

    def _measured(self, began: float, computed: float) -> None:
        idle = (self._clock() - began) - (self._computed() - computed)
        self._idle += (min(idle, 4 * IDLE) - self._idle) / 16  # one that was long says little
        if self._idle > IDLE:
            self._idle = 0.0
            self._off_until = self._clock() + _OFF_FOR


baton = Baton(spared=lambda: affinity.is_gathered)
"""That of this process, as there is one interpreter's lock. On one CPU the threads need none: who
wakes another one there goes on until it waits."""
streams = Baton(processors() + 1)
"""For bodies that come so fast that to read, hash and write them is all that takes time: as many
at once as there are CPUs, and one that waits."""
