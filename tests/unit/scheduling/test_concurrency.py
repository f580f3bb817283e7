"""How many workers are found, on simulated hosts in virtual time. `make simulate` has them all."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice

import pytest

from pyfetch.models import Failure, HostSignal
from pyfetch.scheduling.concurrency import AdaptiveWorkerLimit
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from tools.simulation.scenarios import Scenario, auto, one, ran, taking_turns
from tools.simulation.world import SimulatedHost, World, always


def all_of(world: World) -> set[int]:
    return set(world.done)


SLOWS_BEYOND_16 = Scenario("slows beyond 16 at once", one(capacity=always(16), latency=always(0.2)))


@pytest.mark.slow
def test_what_is_found_does_as_well_as_the_best_fixed_number() -> None:
    """That is 16 here. Other numbers, hosts, and those that push back: with the tests of stress."""
    workers = auto()
    best = ran(SLOWS_BEYOND_16, WorkerLimit(16)).work
    assert ran(SLOWS_BEYOND_16, workers).work >= 0.9 * best
    summary = workers.summary()
    assert summary
    assert summary.startswith(f"workers: {workers.limit} in the end (")
    assert "at once brought" in summary


def test_a_host_that_pushes_back_is_asked_as_often_as_it_allows() -> None:
    found = ran(Scenario("429 beyond 5 a second", one(limit=5)), auto(), after=60)
    assert found.work >= 0.9 * 5 * 60
    assert found.pushed_back < 0.02


def settled(latency: Callable[[float], float]) -> AdaptiveWorkerLimit:
    workers = auto()
    ran(Scenario("", one(latency=latency), cpu=0.01), workers)
    return workers


@pytest.mark.slow
def test_little_latency_needs_few_workers_and_much_needs_many() -> None:
    """The client itself does 100 files a second here."""
    assert settled(always(0.01)).limit <= 8
    assert settled(always(0.4)).limit >= 32


@pytest.mark.slow
def test_never_more_than_allowed() -> None:
    workers = AdaptiveWorkerLimit(12)
    ran(Scenario("", one(latency=always(0.5)), cpu=0.01), workers)
    assert 9 <= workers.limit <= 12


def test_a_list_that_is_too_short_to_learn_from_ends_as_it_began() -> None:
    world = world_with([SimulatedHost()], auto(), 5)
    world.run()
    assert len(world.done) == 5
    assert world.limits == [(world.limits[0][0], 8)]


def limit_after(idle: list[tuple[float, bool]]) -> int:
    """Of eight transfers at once, each answered after 50 ms. `idle`: what was noted, and when."""
    workers = auto()
    workers.review(0.0, 1, lambda: 0)
    for step in range(1, 5):
        now = step * 0.05
        for at, full in idle:
            if now - 0.05 <= at < now:
                workers.idle(at, full=full)
        for _ in range(8):
            workers.ended(now - 0.05, 0.05, pushed_back=False)
        workers.review(now, 8, lambda: 0)
    return workers.limit


def test_a_moment_without_targets_while_a_list_is_read_does_not_end_the_search() -> None:
    """Then each worker finds its next target, so nobody notes any more that all are busy."""
    assert limit_after([(0.0, False), (0.001, False), (0.002, False), (0.003, True)]) == 16


def test_workers_that_lack_targets_most_of_the_time_are_enough() -> None:
    """However often it is noted that for a moment all were busy."""
    moments = [(start + at, at < 0.01) for start in (0.0, 0.05, 0.1) for at in (0.0, 0.001, 0.02)]
    assert limit_after(moments) == 8


@pytest.mark.slow
def test_a_number_that_was_only_being_tried_is_not_what_was_settled_on() -> None:
    workers = auto()
    world = World(
        Jobs(HostQueues(), workers, RetryPolicy()),
        {"http://a": SimulatedHost(capacity=always(16))},
        taking_turns(["http://a"]),
    )
    summaries = set()
    for _ in range(150):
        world.run(0.2)
        summaries.add((workers.limit, workers.summary()))
    tried = {limit for limit, _ in summaries}
    said = {int((summary or "").split()[1]) for _, summary in summaries}
    assert 20 in tried
    assert 20 not in said
    assert 16 in said


def world_with(
    hosts: list[SimulatedHost], workers: WorkerLimit, number: int, limits: Limits | None = None
) -> World:
    named = {f"http://host-{number}": host for number, host in enumerate(hosts)}
    policy = RetryPolicy(randomness=random.Random(1))
    jobs = Jobs(HostQueues(limits or Limits(), policy), workers, policy)
    return World(jobs, named, islice(taking_turns(list(named)), number))


@pytest.mark.slow
def test_two_thousand_of_a_dead_host_hardly_delay_two_thousand_of_a_healthy_one() -> None:
    """With a number of workers that is found, and of ten thousand: with the tests of stress."""
    alone = world_with([SimulatedHost()], WorkerLimit(8), 2_000)
    alone.run()
    both = world_with([SimulatedHost(drops_packets=True), SimulatedHost()], WorkerLimit(8), 4_000)
    both.run()
    assert all_of(both) == set(range(1, 4_001))
    fetched = [answer.time for answer in both.answers if answer.sign is HostSignal.ANSWERED]
    assert len(fetched) == 2_000
    # What it costs to find out that a host is dead does not grow with the list.
    assert fetched[-1] <= alone.now + 6
    assert both.now <= alone.now + 6
    failed = [done.attempt.result for done in both.done.values() if done.attempt.result.failed]
    assert {result.error for result in failed} == {Failure.CONNECT}


@pytest.mark.slow
def test_no_host_starves() -> None:
    """Each of many gets its turn when those ahead of it in the list have had theirs, or nearly."""
    hosts = [SimulatedHost(latency=always(0.01 * (1 + number % 7))) for number in range(50)]
    world = world_with(hosts, WorkerLimit(8), 2_000, Limits(per_host=2))
    world.run()
    assert all_of(world) == set(range(1, 2_001))
    behind = [
        place - int(answer.url.rpartition("/")[2])
        for place, answer in enumerate(world.answers, start=1)
    ]
    # Nothing is overtaken by more than what is in flight, caps and eight workers considered.
    assert max(behind) <= 8 + 2 * 50


@pytest.mark.slow
def test_caps_hold_while_workers_are_found() -> None:
    hosts = [SimulatedHost(latency=always(0.2)) for _ in range(4)]
    world = world_with(hosts, auto(), 2_000, Limits(per_host=3))
    world.run()
    assert max(world.most_at_once.values()) == 3
    assert all_of(world) == set(range(1, 2_001))


@pytest.mark.slow
def test_a_host_that_comes_back_is_used_again() -> None:
    """Down for five minutes; with retries enough, nothing of it is lost."""
    hosts = [SimulatedHost(always(0.1)), SimulatedHost(always(0.1), outage=(5, 305))]
    named = {f"http://host-{number}": host for number, host in enumerate(hosts)}
    policy = RetryPolicy(retries=20, randomness=random.Random(1))
    jobs = Jobs(HostQueues(Limits(), policy), WorkerLimit(8), policy)
    world = World(jobs, named, islice(taking_turns(list(named)), 6_000))
    world.run()
    assert {done.attempt.result.error for done in world.done.values()} == {None}
    during = [a for a in world.answers if 10 < a.time < 300 and a.sign is HostSignal.UNREACHED]
    assert len(during) < 30, "a lone probe now and then"
    assert world.now < 305 + 60 + 120


def reviewed(workers: WorkerLimit, now: float) -> int:
    workers.review(now, workers.limit, lambda: 0)
    return workers.limit


def test_after_a_shortage_of_descriptors_more_transfers_are_tried_one_by_one() -> None:
    workers = WorkerLimit(8)
    assert workers.due() is None
    workers.fall_short(5, 100.0)
    assert workers.limit == 5
    risen = []
    while (due := workers.due()) is not None:
        assert reviewed(workers, due - 0.1) == workers.limit
        risen.append((due, reviewed(workers, due)))
    assert risen == [(105.0, 6), (110.0, 7), (115.0, 8)]


def test_a_shortage_that_comes_back_makes_the_next_rise_later_and_later() -> None:
    workers, now, rests = WorkerLimit(64), 0.0, []
    for _ in range(7):
        for left in (12, 11, 10):  # those that were under way together fail together
            workers.fall_short(left, now)
        due = workers.due()
        assert due is not None
        rests.append(due - now)
        now = due
        assert reviewed(workers, now) == 11
    assert rests == [5, 10, 20, 40, 80, 120, 120]


def test_a_shortage_leaves_one_transfer_and_the_cap_of_the_start_stays() -> None:
    workers = WorkerLimit(100)
    workers.at_most(3)
    workers.fall_short(0, 0.0)
    assert workers.limit == 1
    for now in range(5, 1000, 5):
        reviewed(workers, float(now))
    assert workers.limit == 3


@pytest.mark.slow
def test_auto_finds_its_number_again_after_a_shortage() -> None:
    workers = auto()
    world = world_with([SimulatedHost(latency=always(1.0))], workers, 1_000_000)
    world.run(5)
    workers.fall_short(4, world.now)
    assert workers.limit == 4
    world.run(2)
    assert workers.limit <= 4
    world.run(90)
    assert workers.limit > 8
