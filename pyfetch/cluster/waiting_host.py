"""One host of a run over several members: what waits, who may ask it, what is known. Pure."""

from __future__ import annotations

import math
from collections import deque
from typing import Generic

from pyfetch.cluster.divided_budget import DividedBudget, M
from pyfetch.cluster.host_parts import part_of, units_of
from pyfetch.models import Target
from pyfetch.scheduling.host_budgets import HostNews
from pyfetch.scheduling.host_limits import Limits

_AHEAD = 2.0
"""Seconds of work at one host that a member should have before it."""
_MEASURED_OVER = 0.25
"""Shortest time over which the speed at a host is measured, in seconds."""
_WEIGHT = 0.5
"""Weight of the latest measurement."""
_FEW = 2
"""Targets of a host with a rate that a member has before it at least."""


class MemberPart:
    """What one member has of a host."""

    __slots__ = (
        "_finished",
        "_measured_at",
        "enough",
        "heard",
        "is_parked",
        "is_shown",
        "lease",
        "out",
        "since",
        "speed",
        "wants",
    )  # fmt: skip

    def __init__(self, now: float) -> None:
        self.out = 0
        """Targets that it has got and not done."""
        self.heard = 0
        """Number of the latest news that it was told."""
        self.is_shown = False
        """Whether its heap of hosts has an entry of this one."""
        self.is_parked = False
        """Whether that entry was taken out, as it has enough targets for now."""
        self.enough = math.inf
        """How many targets it should have, for what it may do."""
        self.wants = False
        """Whether it waits for a part of the budget."""
        self.since = now
        """From when it may use its part of the budget, or might when that last began."""
        self.lease = 0.0
        """Seconds for which it may keep a part that it has only asked for."""
        self.speed: float | None = None
        """Targets a second; None while it is not known."""
        self._finished = 0
        self._measured_at = now

    def begins(self, at: float) -> None:
        """It has a part of the budget, which it may use from this time on: measure anew."""
        self.since = self._measured_at = at
        self._finished = 0

    def finished(self, now: float) -> bool:
        """Measure that it has done a target. Returns whether its speed is known anew."""
        self._finished += 1
        elapsed = now - self._measured_at
        if elapsed < _MEASURED_OVER:
            return False
        latest = self._finished / elapsed
        before = latest if self.speed is None else self.speed
        self.speed = before + _WEIGHT * (latest - before)
        self._finished, self._measured_at = 0, now
        return True


class WaitingHost(Generic[M]):
    """One host. It is kept while anything waits or runs there, and a while longer."""

    __slots__ = (
        "budget", "heir", "is_free_shown", "is_idle", "is_paced", "is_shared_shown", "limits",
        "news", "news_at", "news_number", "origin", "out", "owner", "parts", "paused_until",
        "targets", "wakes_at",
    )  # fmt: skip

    def __init__(self, origin: str, limits: Limits | None) -> None:
        """`limits`: None if there are none."""
        self.origin = origin
        self.limits = limits
        self.is_paced = limits is not None and limits.interval > 0
        """Whether its requests must keep a distance."""
        self.budget = DividedBudget[M](units_of(limits)) if limits else None
        self.targets: deque[Target] = deque()
        """Those that no member has."""
        self.parts: dict[M, MemberPart] = {}
        """By member that has targets or a budget, or has asked for one."""
        self.out = 0
        """Targets that members have got and not done."""
        self.owner: M | None = None
        """The member that gets its targets first, where there are no limits."""
        self.heir: M | None = None
        """The member that is to have it once no member has targets of it."""
        self.news: HostNews | None = None
        """What was learned last."""
        self.news_at = 0.0
        self.news_number = 0
        self.paused_until = -math.inf
        self.wakes_at = math.inf
        """When a timer will look at it."""
        self.is_free_shown = self.is_shared_shown = self.is_idle = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.origin}: {len(self.targets)}, out: {self.out}>"

    @property
    def is_free(self) -> bool:
        """Whether no member owns it."""
        return self.owner is None if self.budget is None else not self.budget.is_held

    def is_shared(self, now: float) -> bool:
        """Whether any member may ask it: it has no limits, and has shown none."""
        if self.budget is not None:
            return False
        news = self.news
        return news is None or (news.rate is None and self.paused_until <= now)

    def has_divided_rate(self, member: M) -> bool:
        """Whether a member may have had a part of a rate, and not all of it."""
        budget, limits = self.budget, self.limits
        if budget is None or limits is None or not limits.interval:
            return False
        return budget.units > 1 and budget.in_force_of(member) < budget.units

    @property
    def most_at_once(self) -> int:
        """To how many workers it gives work now, at most."""
        limits, number = self.limits, len(self.targets)
        if limits and limits.interval:
            return 1
        return min(number, limits.per_host) if limits and limits.per_host else number

    def may_have(self, member: M) -> bool:
        """Whether this member gets its targets."""
        budget = self.budget
        return self.owner == member if budget is None else budget.told(member) > 0

    def room(self, part: MemberPart, now: float) -> float:
        """How many more targets a member should get of it."""
        if now < self.paused_until or self.heir is not None:
            return 0
        room = part.enough - part.out
        if self.news is not None and self.news.rate is not None:
            room = min(room, math.ceil(_AHEAD * self.news.rate) + _FEW - part.out)
        return room

    def set_enough(self, member: M, part: MemberPart) -> None:
        """Say how many targets a member should have, by its part of the limits and its speed."""
        if self.budget is None or self.limits is None:
            return
        units = self.budget.told(member)
        limits = part_of(self.limits, units, self.budget.units) if units else self.limits
        enough = math.inf
        if limits.per_host is not None:
            speed = part.speed or 0.0
            enough = limits.per_host + max(limits.per_host, math.ceil(speed * _AHEAD))
        if limits.interval:
            enough = min(enough, math.ceil(_AHEAD / limits.interval) + _FEW)
        part.enough = enough

    def interval_of(self, member: M) -> float:
        """Seconds between two requests of a member, by its part of the limits; 0: any."""
        if self.budget is None or self.limits is None or not self.limits.interval:
            return 0.0
        units = self.budget.told(member) or 1
        return part_of(self.limits, units, self.budget.units).interval

    def learn(self, news: HostNews, now: float) -> None:
        """Take in what a member has learned; it counts more than what was known before."""
        self.news, self.news_at = news, now
        self.news_number += 1
        self.paused_until = now + news.wait if news.reason else -math.inf

    def known(self, now: float) -> HostNews | None:
        """What is known of it now, if that matters."""
        if self.news is None:
            return None
        news = self.news.after(now - self.news_at)
        return news if news.matters else None
