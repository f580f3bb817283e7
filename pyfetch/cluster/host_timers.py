"""When a host has to be looked at again, though nothing has happened. Pure, the time passed in."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Generic, NamedTuple

from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.waiting_host import WaitingHost


class Freed(NamedTuple, Generic[M]):
    """A part of a budget that a member does not use any more."""

    member: M
    serial: int | None = None
    """Number of the change that it keeps to; None: it is gone."""


class HostTimers(Generic[M]):
    """A heap of times at which a host has to be looked at, or a part of its budget is free."""

    def __init__(self) -> None:
        self._timers: list[tuple[float, int, str, Freed[M] | None]] = []
        self._number = count()

    def due(self) -> float | None:
        """The earliest of these times; None: there is none."""
        return self._timers[0][0] if self._timers else None

    def wake_at(self, time: float, host: WaitingHost[M], now: float) -> None:
        """Look at a host at this time, unless that will be done earlier."""
        if now < time < host.wakes_at:
            host.wakes_at = time
            heappush(self._timers, (time, next(self._number), host.origin, None))

    def free_at(self, time: float, host: WaitingHost[M], freed: Freed[M]) -> None:
        """Take in at this time that a part of a host's budget is free."""
        heappush(self._timers, (time, next(self._number), host.origin, freed))

    def take_due(self, now: float) -> Iterator[tuple[str, Freed[M] | None]]:
        """Take out what is due: the origin, and the part that is free; None: look at the host."""
        while self._timers and self._timers[0][0] <= now:
            _, _, origin, freed = heappop(self._timers)
            yield origin, freed
