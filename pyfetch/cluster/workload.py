"""What each member gets: its share of the settings, and how many targets. Pure.

A member should have about a second of work. It gets few targets at first, while its speed is not
known, and more if it reports that its targets may not start yet: so its workers are not idle while
some host must not be asked.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pyfetch.settings import AUTO, Settings

AHEAD = 1.0
"""Seconds of work that a member should have in addition to what its workers are doing."""
_WEIGHT = 0.5
"""Weight of the latest measurement of the speed."""
_MEASURED_OVER = 0.25
"""Shortest time over which the speed is measured, in seconds."""
MOST_MEMBERS = 1024
"""Members on a cluster, at most."""
_LEAST_PART = 0.25
"""Targets are sent if at least this fraction of what the member should have is missing."""


class Workload:
    """How many targets one member has, and how fast it is."""

    def __init__(self, workers: int, now: float) -> None:
        self._workers = workers
        self._rate = 0.0
        """Targets a second."""
        self._held_back = 0
        """Targets that it has and that may not start yet, as far as it has said."""
        self._finished = 0
        self._since = now
        self.outstanding = 0
        """Targets that it has got and not done."""

    @property
    def speed(self) -> float:
        """Targets a second, as measured last."""
        return self._rate

    @property
    def per_worker(self) -> float:
        """Targets that it has and that may start, for each of its workers."""
        return (self.outstanding - self._held_back) / self._workers

    @property
    def idle_workers(self) -> int:
        """Workers that have nothing to do."""
        return max(0, self._workers + self._held_back - self.outstanding)

    @property
    def wanted(self) -> int:
        """How many targets it should have."""
        return self._workers + math.ceil(self._rate * AHEAD) + self._held_back

    def room(self) -> int:
        """How many more targets to send now; 0 if a message is not worth it yet.

        It always is if a worker has nothing to do.
        """
        room = self.wanted - self.outstanding
        least = max(1, (self.wanted - self._held_back) * _LEAST_PART)
        return room if room >= least or self.per_worker < 1 else 0

    def given(self, number: int) -> None:
        """Take in that `number` more targets were sent to the member."""
        self.outstanding += number

    def finished(self, number: int, now: float) -> None:
        """Take in that the member has done `number` targets."""
        self.outstanding -= number
        self._finished += number
        self._held_back = max(0, min(self._held_back - number, self.outstanding))
        elapsed = now - self._since
        if elapsed >= _MEASURED_OVER:
            self._rate += _WEIGHT * (self._finished / elapsed - self._rate)
            self._finished, self._since = 0, now

    def returned(self, number: int) -> None:
        """Take in that the member has given `number` targets back."""
        self.outstanding -= number
        self._held_back = min(self._held_back, self.outstanding)

    def needs_more(self, waiting: int) -> None:
        """Take in that so many targets of the member may not start yet: it should have others."""
        self._held_back = min(waiting, self.outstanding)

    @property
    def waits_for_more(self) -> bool:
        """Whether it needs more, and has not got them yet."""
        return self._held_back > 0 and self.outstanding < self.wanted


def split_settings(settings: Settings) -> list[Settings]:
    """The settings of each process of this machine.

    Workers, and what `--cpus` and `--ahead` say, are divided among them, so there are no more
    processes than the lowest of these numbers.
    """
    numbers = [settings.process_number, settings.most_workers]
    numbers += [number for number in (settings.cpus, settings.ahead) if isinstance(number, int)]
    number = min(numbers)
    return [
        replace(
            _without_function(settings),
            processes=1,
            fail_fast=False,
            workers=settings.workers
            if settings.workers == AUTO
            else share_of(settings.workers, number, place),
            max_workers=share_of(settings.max_workers, number, place),
            cpus=settings.cpus if settings.cpus == AUTO else share_of(settings.cpus, number, place),
            ahead=settings.ahead and share_of(settings.ahead, number, place),
        )
        for place in range(number)
    ]


def shares_of_cluster(settings: Settings) -> list[Settings]:
    """The settings of each member on a cluster, which has all the workers."""
    own = replace(
        _without_function(settings),
        processes=1,
        fail_fast=False,
        cluster=None,
        cluster_file=None,
        cluster_tls=None,
        cluster_upload=False,
    )
    return [own] * MOST_MEMBERS


def _without_function(settings: Settings) -> Settings:
    """The same, with the name of a program's function only: it goes to members in another way."""
    if settings.map is None or isinstance(settings.map, str):
        return settings
    return replace(settings, map=str(getattr(settings.map, "__qualname__", settings.map)))


def share_of(whole: int, number: int, place: int) -> int:
    """One of `number` shares of a whole, which differ by one at most; at least 1."""
    return max(1, whole // number + (place < whole % number))
