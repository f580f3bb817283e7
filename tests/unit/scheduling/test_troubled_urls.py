"""URLs that hang or are always refused, among others of their host, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from pyfetch.models import HostSignal
from pyfetch.scheduling.concurrency import WorkerLimit
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from tools.simulation.scenarios import auto, taking_turns
from tools.simulation.world import SimulatedHost, World, always

NUMBER = 400
AFTER_ALL_GOOD_ONES = 1.1
"""Seconds that 400 URLs take if none has a trouble, eight at once, 20 ms each."""


def world_of(
    number: int, workers: WorkerLimit | None = None, retries: int = 3, **host: Any
) -> World:
    policy = RetryPolicy(retries=retries, randomness=random.Random(1))
    return World(
        Jobs(HostQueues(Limits(), policy), workers or WorkerLimit(8), policy),
        {"http://a": SimulatedHost(latency=always(0.02), **host)},
        islice(taking_turns(["http://a"]), number),
        cpu=0.0001, timeout=5.0,
    )  # fmt: skip


def refusing(status: int, bad: set[int]) -> Callable[[int], int | None]:
    return lambda index: status if index in bad else None


def good_ones(world: World) -> list[float]:
    """When each URL was served."""
    return [answer.time for answer in world.answers if answer.sign is HostSignal.ANSWERED]


@pytest.mark.slow
@pytest.mark.parametrize("retry_after", [None, 5.0])
@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize(
    "bad",
    [{100}, {100, 200, 300}, set(range(50, 400, 50)), {1}, {400}],
    ids=["one", "three", "seven", "the first", "the last"],
)
def test_urls_that_are_always_503_delay_no_other(
    bad: set[int], retries: int, retry_after: float | None
) -> None:
    world = world_of(NUMBER, retries=retries, refuses=refusing(503, bad), retry_after=retry_after)
    world.run()
    assert len(good_ones(world)) == NUMBER - len(bad)
    assert max(good_ones(world)) < AFTER_ALL_GOOD_ONES
    # What they take themselves is their own waits, and those run side by side.
    assert world.now < AFTER_ALL_GOOD_ONES + retries * ((retry_after or 0) + 4)
    assert len(world.answers) == NUMBER + retries * len(bad)


@pytest.mark.slow
@pytest.mark.parametrize(
    "workers", [WorkerLimit(8), WorkerLimit(1), auto()], ids=["8", "1", "auto"]
)
def test_a_503_of_two_neighbours_costs_a_moment(workers: WorkerLimit) -> None:
    world = world_of(NUMBER, workers, refuses=refusing(503, {100, 101}))
    before = world_of(NUMBER, type(workers)(workers.limit))
    before.run()
    world.run()
    assert len(good_ones(world)) == NUMBER - 2
    assert max(good_ones(world)) < before.now + 4


@pytest.mark.parametrize("retry_after", [None, 5.0, 60.0])
def test_one_url_that_is_always_429_delays_no_other(retry_after: float | None) -> None:
    world = world_of(200, refuses=refusing(429, {77}), retry_after=retry_after)
    world.run()
    assert len(good_ones(world)) == 199
    assert max(good_ones(world)) < AFTER_ALL_GOOD_ONES


def test_three_urls_that_are_always_429_pause_their_host_for_one_wait() -> None:
    world = world_of(NUMBER, refuses=refusing(429, {100, 200, 300}), retry_after=5.0)
    world.run()
    assert len(good_ones(world)) == NUMBER - 3
    assert max(good_ones(world)) < AFTER_ALL_GOOD_ONES + 6


def test_a_host_that_refuses_all_for_a_while_is_paused_all_the_same() -> None:
    """Nothing of it is lost, and while it refuses, only single probes are sent."""
    refusals: list[int] = []

    def refuses_at_first(index: int) -> int | None:
        if len(refusals) < 30:
            refusals.append(index)
            return 503
        return None

    world = world_of(NUMBER, retries=20, refuses=refuses_at_first)
    world.run()
    assert len(good_ones(world)) == NUMBER
    refused = [a.time for a in world.answers if a.sign is HostSignal.PUSHED_BACK]
    assert refused[-1] - refused[10] > 30, "the pauses between them grow"


@pytest.mark.parametrize("hung", [8, 30])
@pytest.mark.parametrize("workers", [1, 4, 16])
def test_urls_in_front_that_hang_do_not_doom_those_behind_them(workers: int, hung: int) -> None:
    world = world_of(hung + 40, WorkerLimit(workers), retries=1, hangs=lambda index: index <= hung)
    world.run()
    assert len(good_ones(world)) == 40
    done = world.done.values()
    assert sum(one.attempt.result.failed for one in done) == hung


def test_a_host_that_hangs_for_all_urls_is_given_up_after_so_many_probes() -> None:
    world = world_of(1000, hangs=lambda _: True)
    world.run()
    assert len(world.done) == 1000
    asked = {answer.url for answer in world.answers}
    assert 13 <= len(asked) <= 30
    assert world.now < 30
