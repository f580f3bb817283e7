"""What holds for a whole run, divided among its members: `--rate-total`, `--limit-rate`. Pure.

Each member has a part. About each second, those that do not use theirs get less, and others more.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable
from typing import Generic

from pyfetch.cluster.divided_budget import DividedBudget, M, whole_shares
from pyfetch.cluster.host_parts import part_of, units_of
from pyfetch.cluster.host_shares import COUNTED_OVER
from pyfetch.cluster.host_timers import Freed
from pyfetch.cluster.messages import RunBudget
from pyfetch.scheduling.host_limits import Limits

AGAIN_EVERY = 1.0
"""Seconds between two looks at who uses its part."""
_AHEAD = 2.0
"""Seconds of work that a member should have at most where there is a rate."""
_ENOUGH_CHANGE = 0.05
"""Parts are divided again if that moves at least this fraction of the whole."""
_LEAST_USE, _MOST_USE = 0.1, 1.25
"""A member is taken to use at least and at most these fractions of its part."""


class RunNumbers(Generic[M]):
    """Divides requests and bytes a second among members. `send`: called with each one's part."""

    def __init__(self, limits: Limits, send: Callable[[M, RunBudget], None]) -> None:
        """`limits`: `interval` and `limit_rate` of the whole run."""
        self._limits = limits
        self._send = send
        self._budget = DividedBudget[M](units_of(limits))
        self._members: list[M] = []
        self._freed: deque[tuple[float, Freed[M]]] = deque()
        """Parts that will be free, and when."""
        self._again_at = -math.inf

    def enough(self, member: M) -> int:
        """How many targets a member should have at most: others may be faster.

        0 if it has no part: there may be too many members for all to have one.
        """
        part = self.part(member)
        if part is None:
            return 0
        return math.ceil(_AHEAD / part.interval) + 1 if part.interval else sys.maxsize

    def joined(self, member: M) -> None:
        """A member is ready: let it have a part, now or as soon as others have made theirs less."""
        self._members.append(member)
        self._divide(dict.fromkeys(self._members, 1.0))

    def gone(self, member: M, now: float) -> None:
        """A member has ended: others may have its part."""
        if member in self._members:
            self._members.remove(member)
            self._budget.leave(member)
            self._free(Freed(member), now)
            self._divide(dict.fromkeys(self._members, 1.0))

    def obeyed(self, member: M, serial: int, now: float) -> None:
        """A member keeps to the part that it was told."""
        self._free(Freed(member, serial), now)

    def _free(self, freed: Freed[M], now: float) -> None:
        """Let a part be free: that of a rate after a second, in which it may have been used."""
        after = COUNTED_OVER if self._limits.interval else 0.0
        self._freed.append((now + after, freed))
        self.wake(now)

    def due(self) -> float:
        """When to call `wake`; `inf`: not before something has happened."""
        return self._freed[0][0] if self._freed else math.inf

    def wake(self, now: float) -> None:
        """Give on what is free by now."""
        while self._freed and self._freed[0][0] <= now:
            _, (member, serial) = self._freed.popleft()
            if serial is None:
                self._budget.gone(member)
            else:
                self._budget.confirmed(member, serial)
            self._settle()

    def part(self, member: M) -> Limits | None:
        """What a member may do; None: nothing."""
        units = self._budget.told(member)
        return part_of(self._limits, units, self._budget.units) if units else None

    def divide_again(self, use_of: Callable[[M], float], now: float) -> None:
        """Divide by who uses how much of its part (1: all of it), if it is time for that."""
        if now < self._again_at:
            return
        self._again_at = now + AGAIN_EVERY
        members, units = self._members[: self._budget.units], self._budget.units
        if len(members) < 2:
            return
        weights = {each: self._weight(each, use_of(each)) for each in members}
        shares = whole_shares(units, weights)
        moved = sum(max(0, share - self._budget.told(each)) for each, share in shares.items())
        if moved >= _ENOUGH_CHANGE * units:
            self._divide(weights)

    def _weight(self, member: M, use: float) -> float:
        has = self._budget.told(member)
        if not has:  # it has just joined
            return self._budget.units / len(self._members)
        return has * min(_MOST_USE, max(_LEAST_USE, use))

    def _divide(self, weights: dict[M, float]) -> None:
        units = self._budget.units
        self._budget.divide(dict(list(weights.items())[:units]))
        self._settle()

    def _settle(self) -> None:
        for change in self._budget.settle():
            part = self.part(change.member)
            if part is None:
                told = RunBudget(change.serial, wait=math.inf)
            else:
                is_first = not change.before and self._budget.in_force > change.units
                wait = part.interval if is_first else 0.0
                told = RunBudget(change.serial, part.interval, wait, part.limit_rate)
            self._send(change.member, told)


def run_limits(rate: float | None, limit_rate: int | None) -> Limits | None:
    """The numbers of a run as limits; None if there are none."""
    if rate is None and limit_rate is None:
        return None
    return Limits(interval=1 / rate if rate else 0.0, limit_rate=limit_rate)
