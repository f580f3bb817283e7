"""Pure, the time passed in: how many targets a process should have, about a second of work.

Few at first, while nobody knows what a second's work is; more when it says that what it has
may not start yet, so that a host that must wait does not idle the workers.
"""

from __future__ import annotations

import math

AHEAD = 1.0
"""Seconds of work that a process has before it."""
_WEIGHT = 0.5
_OVER = 0.25
_LEAST_PART = 0.25


class Share:
    """What one process has to do, and how fast it is."""

    def __init__(self, workers: int, now: float) -> None:
        self._workers = workers
        self._rate = 0.0
        self._extra = 0
        self._finished = 0
        self._since = now
        self.outstanding = 0
        """Targets that it has and that are not done."""

    @property
    def load(self) -> float:
        """Targets for each of its workers."""
        return self.outstanding / self._workers

    @property
    def idle(self) -> int:
        """Workers that have nothing to do."""
        return max(0, self._workers - self.outstanding)

    @property
    def wanted(self) -> int:
        """How many it should have."""
        return self._workers + math.ceil(self._rate * AHEAD) + self._extra

    def room(self) -> int:
        """How many more it should get now: none, or so many that a message is worth it.

        Where a worker has nothing to do, any number is.
        """
        room = self.wanted - self.outstanding
        return room if room >= max(1, self.wanted * _LEAST_PART) or self.load < 1 else 0

    def given(self, number: int) -> None:
        """It has got so many more."""
        self.outstanding += number

    def finished(self, number: int, now: float) -> None:
        """So many of them are done."""
        self.outstanding -= number
        self._finished += number
        self._extra = max(0, self._extra - number)
        elapsed = now - self._since
        if elapsed >= _OVER:
            self._rate += _WEIGHT * (self._finished / elapsed - self._rate)
            self._finished, self._since = 0, now

    def hungry(self) -> None:
        """What it has may not start yet: it should have more."""
        self._extra = max(self._workers, 2 * self._extra)

    @property
    def is_hungry(self) -> bool:
        """Whether it has said so, and has not got that much more."""
        return self._extra > 0 and self.outstanding < self.wanted
