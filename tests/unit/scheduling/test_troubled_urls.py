"""URLs that hang or are always refused, among others of their host, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from pyfetch.models import HostSignal
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from tests.support.cases import cases
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


@cases("retry_after", [None, 5.0, 60.0])
def test_one_url_that_is_always_429_delays_no_other(retry_after: float | None) -> None:
    world = world_of(200, refuses=refusing(429, {77}), retry_after=retry_after)
    world.run()
    assert len(good_ones(world)) == 199
    assert max(good_ones(world)) < AFTER_ALL_GOOD_ONES


@pytest.mark.slow
@pytest.mark.parametrize("retry_after", [5.0, 3600.0])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "bad",
    [{100, 200, 300}, set(range(50, 400, 60)), {100, 101}, {100, 101, 102}, {100, 101, 300, 301}],
    ids=["three", "six", "two neighbours", "three neighbours", "two pairs"],
)
def test_a_few_urls_that_are_always_refused_delay_others_for_a_moment(
    bad: set[int], status: int, retry_after: float
) -> None:
    """Also if they are refused at the same moment, or told to come back in an hour."""
    world = world_of(NUMBER, refuses=refusing(status, bad), retry_after=retry_after)
    world.run()
    assert len(good_ones(world)) == NUMBER - len(bad)
    assert max(good_ones(world)) < AFTER_ALL_GOOD_ONES + 0.5


@cases("status", [429, 503])
@cases("bad", [{1}, {100, 101}, {400}])
@pytest.mark.slow
def test_a_url_that_is_told_to_come_back_in_an_hour_fails_no_other(
    bad: set[int], status: int
) -> None:
    """With one worker, nothing is under way that could show whether others are served."""
    policy = refusing(status, bad)
    world = world_of(NUMBER, WorkerLimit(1), refuses=policy, retry_after=3600.0)
    world.run()
    assert len(good_ones(world)) == NUMBER - len(bad)
    assert max(good_ones(world)) < 8.1 + 4 * len(bad), "a short pause, then another URL"


def test_a_host_that_refuses_all_urls_for_an_hour_is_asked_for_few() -> None:
    everything = set(range(1, NUMBER + 1))
    world = world_of(NUMBER, refuses=refusing(429, everything), retry_after=3600.0)
    world.run()
    assert len(world.done) == NUMBER
    assert len(world.answers) == 8, "those that were under way"


@pytest.mark.slow
def test_a_lone_429_does_not_lower_the_number_of_workers() -> None:
    workers, alone = auto(), auto()
    world_of(2000, alone).run()
    world_of(2000, workers, refuses=refusing(429, {800, 1400}), retry_after=5.0).run()
    assert workers.limit == alone.limit
    assert "was asked too much" not in (workers.summary() or "")


@cases("hung", [8, 20])
def test_auto_does_not_wait_for_first_urls_that_hang_before_it_tries_others(hung: int) -> None:
    world = world_of(hung + NUMBER, auto(), hangs=lambda index: index <= hung)
    world.run()
    assert len(good_ones(world)) == NUMBER
    assert max(good_ones(world)) < 5, "before any of those that hang has timed out"


def test_a_host_that_never_answers_gets_more_connections_ever_more_slowly() -> None:
    """Where it takes long for the first answer, that is no reason to ask for 128 URLs at once."""
    workers = auto()
    world = world_of(1000, workers, hangs=lambda _: True)
    world.run(4.9)
    assert workers.limit == 32
    assert not world.answers


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4, 16])
def test_new_tries_at_urls_that_hung_leave_the_workers_to_others(workers: int) -> None:
    hung = set(range(1, workers + 1))
    world = world_of(workers + 10 * NUMBER, WorkerLimit(workers), hangs=lambda index: index in hung)
    world.run()
    # Their first tries take all workers for 5 s.
    share = (workers - workers // 4) / workers
    assert max(good_ones(world)) < 5.5 + 10 * NUMBER * 0.0235 / workers / share
    assert {world.done[index].attempt.result.attempts for index in hung} == {4}


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


@cases("hung", [8, 30])
@cases("workers", [1, 4, 16])
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
