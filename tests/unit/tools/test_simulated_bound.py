"""What a simulated run over a cluster is compared with."""

from __future__ import annotations

import math

import pytest

from tools.simulation.cluster.bound import least_seconds
from tools.simulation.cluster.origins import Manner, VirtualOrigin

WORKERS = [(0.0, 10)]


def host(
    served: int, at_once: int | None, rate: float | None = None, **manner: object
) -> VirtualOrigin:
    """One that has served so many requests, of a second each."""
    made = VirtualOrigin(Manner(**manner), at_once, rate)  # type: ignore[arg-type]
    made.served, made.busy = served, float(served)
    return made


@pytest.mark.parametrize(
    ("hosts", "least"),
    [
        ([host(100, None)], 10),
        ([host(100, 2)], 50),
        ([host(100, 2), host(30, 1)], 50),
        ([host(101, None, 2.0)], 50),
        ([host(101, None, limit=4.0)], 25),
        ([host(100, 2, shut=(20.0, 25.0))], 55),
        ([host(100, 2, shut=(60.0, 65.0))], 50),
        ([host(0, 1)], 0),
    ],
)
def test_no_schedule_is_faster_than_budgets_hosts_and_workers_allow(
    hosts: list[VirtualOrigin], least: float
) -> None:
    assert least_seconds(hosts, WORKERS) == pytest.approx(least)


def test_workers_count_while_they_are_there() -> None:
    """Ten workers for 2 s, then five of them, do the work of 100 s in 18 s."""
    assert least_seconds([host(100, None)], [(0.0, 10), (2.0, -5)]) == pytest.approx(18)


def test_without_workers_nothing_ends() -> None:
    assert least_seconds([host(100, None)], [(0.0, 10), (2.0, -10)]) == math.inf


def test_a_rate_for_all_hosts_together_holds_for_their_sum() -> None:
    hosts = [host(51, None), host(50, None)]
    assert least_seconds(hosts, WORKERS, rate=2.0) == pytest.approx(50)
