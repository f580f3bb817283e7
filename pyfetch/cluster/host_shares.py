"""Who should have a part of a host's budget: is a split worth it, and whose turn is it? Pure."""

from __future__ import annotations

from typing import Generic, NamedTuple

from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.waiting_host import WaitingHost

COUNTED_OVER = 1.0
"""Seconds over which a rate is counted: so long a part that was used is nobody's."""
BIG = 32
"""A host is not split unless as many targets wait."""
_WORTH = 2.0
"""It is split if more wait than its owner does in so many seconds."""
_MEASURED_FOR = 0.25
"""Seconds that an owner gets to show its speed."""
_RATE_MEASURED_FOR = 3.0
"""The same at a host with a rate: to divide that costs a second, and is seldom of any use."""
_USED = 0.7
"""A rate is divided if its owner does not come to this fraction of it."""
SLICE = 0.5
"""Seconds for which a member has a budget that takes turns, at least."""
_INTERVALS = 2
"""The same in intervals of its rate."""
_LONGEST_LEASE = 8.0
"""Seconds for which a member keeps a part that it asked for and may not need any more, at most."""


class Turns(NamedTuple, Generic[M]):
    """Who is to have a part."""

    holders: list[M]
    again_at: float | None
    """When to look again, because members wait for their turn, or may have a part that is idle."""


def is_worth_a_split(host: WaitingHost[M], member: M, now: float) -> bool:
    """Whether this member, which has nothing to do, should get a part of this host's budget."""
    budget, limits = host.budget, host.limits
    if budget is None or limits is None or len(host.targets) < BIG or now < host.paused_until:
        return False
    holders = budget.holders
    if not holders or member in holders or len(holders) >= budget.units:
        return False
    parts = [host.parts[holder] for holder in holders]
    if any(not budget.told(holder) for holder in holders):
        return False
    if any(part.wants for part in host.parts.values()):
        return False  # members take turns
    measured_for = _RATE_MEASURED_FOR if limits.interval else _MEASURED_FOR
    if any(now - part.since < measured_for for part in parts):
        return False
    speed = sum(part.speed or 0.0 for part in parts)
    if limits.interval and any(part.speed is None for part in parts):
        return False
    if limits.interval and speed > _USED / limits.interval:
        return False
    if host.news and host.news.rate is not None and speed > _USED * host.news.rate:
        return False
    return len(host.targets) > _WORTH * speed


def next_holders(host: WaitingHost[M], now: float) -> Turns[M]:
    """Let those have a part, too, that ask for one; if there are too many, they take turns.

    So they do where there is a rate: to divide it takes a second, in which a part is not used.
    """
    budget, limits = host.budget, host.limits
    if budget is None or limits is None:
        return Turns([], None)
    holders = budget.holders
    wanting = [each for each, part in host.parts.items() if part.wants and each not in holders]
    if not wanting:
        return Turns(holders, None)
    most = max(1, len(holders)) if limits.interval else budget.units
    if len(holders) + len(wanting) <= most:
        _lend(host, wanting)
        together = [*holders, *wanting]
        return Turns(together, now + max(host.parts[each].lease for each in wanting))
    time = max(SLICE, _INTERVALS * max(map(host.interval_of, holders), default=0.0))
    if limits.interval and len(holders) > 1:
        time += COUNTED_OVER
    had_theirs = sorted(
        (each for each in holders if budget.told(each) and now - host.parts[each].since >= time),
        key=lambda each: host.parts[each].since,
    )
    free = most - len(holders)
    leaving = had_theirs[: max(0, len(wanting) - free)]
    stay = [each for each in holders if each not in leaving]
    coming = wanting[: most - len(stay)]
    _lend(host, coming)
    first_had_it = now if coming else min(host.parts[each].since for each in holders)
    return Turns([*stay, *coming], max(first_had_it + time, now + time / 10))


def _lend(host: WaitingHost[M], members: list[M]) -> None:
    """Say for how long these members may keep a part that they have only asked for."""
    for member in members:
        part = host.parts[member]
        part.lease = min(_LONGEST_LEASE, max(SLICE, 2 * part.lease))


def busy_holders(host: WaitingHost[M], now: float) -> list[M]:
    """Those holders that have targets of the host, or may have requests that were led there.

    One that waits for a part to be free is to get it, too.
    """
    if host.budget is None:
        return []
    return [
        each
        for each in host.budget.holders
        if (part := host.parts[each]).out or part.wants or now - part.since < part.lease
    ]
