"""The least time that a list can take: what budgets, hosts and workers allow, and no more."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tools.simulation.cluster.origins import VirtualOrigin


def least_seconds(
    hosts: Iterable[VirtualOrigin], workers: list[tuple[float, int]], rate: float = math.inf
) -> float:
    """No schedule, even one that knows all before, is done earlier.

    `workers`: when so many more (or fewer) of them were there. `rate`: of all requests together.
    """
    hosts = list(hosts)
    work = sum(host.busy for host in hosts)
    of_all = (sum(host.served for host in hosts) - 1) / rate
    return max(*map(_least_of, hosts), _least_of_workers(work, workers), of_all)


def _least_of(host: VirtualOrigin) -> float:
    """What the host alone needs: for its requests one after the other, and for their number."""
    if not host.served:
        return 0.0
    rate = min(host.budget_rate, host.manner.limit)
    seconds = max(host.busy / host.budget_at_once, (host.served - 1) / rate)
    start, end = host.manner.shut
    return seconds if seconds <= start else seconds + end - start


def _least_of_workers(work: float, workers: list[tuple[float, int]]) -> float:
    """When so many seconds of work are done, if no worker is ever idle."""
    number, since = 0, 0.0
    for time, more in sorted(workers):
        done = number * (time - since)
        if number and done >= work:
            break
        work, number, since = work - done, number + more, time
    return since + work / number if number > 0 else math.inf
