"""Into how many parts the limits of a host can be divided, and what one part of them allows. Pure.

A rate is divided into whole requests a second: with an interval of 0.25 s, no second has more than
four, while three members with a third of ten each could begin four in one second.
"""

from __future__ import annotations

import math

from pyfetch.scheduling.host_budgets import HostBudget
from pyfetch.scheduling.host_limits import Limits

_LEAST_BYTES = 64 * 1024
"""A limit of bytes a second is not divided into smaller ones than this."""


def units_of(limits: Limits) -> int:
    """Into how many parts these limits can be divided; at least 1."""
    return max(1, min(_numbers(limits)))


def part_of(limits: Limits, units: int, whole: int) -> Limits:
    """What `units` of `whole` parts allow together."""
    if units == whole:
        return limits
    rate = _whole_rate(limits) * units // whole if limits.interval else 0
    return limits.replaced(
        per_host=limits.per_host and limits.per_host * units // whole,
        interval=1 / rate if rate else limits.interval,
        limit_rate=limits.limit_rate and limits.limit_rate * units // whole,
    )


def budget_of(origin: str, serial: int, limits: Limits, units: int, whole: int) -> HostBudget:
    """What to tell a member that has so many parts of a host."""
    if not units:
        return HostBudget(origin, serial, 0)
    part = part_of(limits, units, whole)
    return HostBudget(origin, serial, part.per_host, part.interval, part.limit_rate)


def _numbers(limits: Limits) -> list[int]:
    numbers = []
    if limits.per_host is not None:
        numbers.append(limits.per_host)
    if limits.interval:
        numbers.append(_whole_rate(limits))
    if limits.limit_rate is not None:
        numbers.append(limits.limit_rate // _LEAST_BYTES)
    return numbers


def _whole_rate(limits: Limits) -> int:
    return math.floor(1 / limits.interval + 1e-9)
