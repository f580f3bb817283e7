"""How many workers are found, on more simulated hosts than the unit tests have."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from pyfetch.models import Failure, HostSignal
from pyfetch.scheduling.concurrency import AdaptiveWorkerLimit
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from tools.simulation.scenarios import MOST, SCENARIOS, Scenario, auto, one, ran, taking_turns
from tools.simulation.world import SimulatedHost, World, always

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
HOSTS = [
    Scenario("slows beyond 16 at once", one(capacity=always(16), latency=always(0.2))),
    Scenario("429 beyond 5 a second", one(limit=5)),
    Scenario("slows beyond 3 at once", one(capacity=always(3), latency=always(0.1))),
    Scenario("503 beyond 12 at once", one(refuses_beyond=12, latency=always(0.2))),
    Scenario("the client does 100 files a second", one(latency=always(0.4)), cpu=0.01),
    BY_NAME["huge files, 1 MB/s a connection"],
]


@pytest.mark.parametrize("scenario", HOSTS, ids=lambda scenario: scenario.name)
def test_what_is_found_does_as_well_as_the_best_fixed_number(scenario: Scenario) -> None:
    best = max(ran(scenario, WorkerLimit(number)).work for number in (4, 8, 16, 32, 64))
    found = ran(scenario, auto(), after=60)
    assert found.work >= 0.9 * best
    assert found.pushed_back < 0.02


def world_with(hosts: list[SimulatedHost], workers: WorkerLimit, number: int) -> World:
    named = {f"http://host-{number}": host for number, host in enumerate(hosts)}
    policy = RetryPolicy(randomness=random.Random(1))
    jobs = Jobs(HostQueues(Limits(), policy), workers, policy)
    return World(jobs, named, islice(taking_turns(list(named)), number))


@pytest.mark.parametrize("workers", [WorkerLimit(8), AdaptiveWorkerLimit(MOST)], ids=["8", "auto"])
def test_ten_thousand_of_a_dead_host_hardly_delay_ten_thousand_of_a_healthy_one(
    workers: WorkerLimit,
) -> None:
    alone = world_with([SimulatedHost()], WorkerLimit(8), 10_000)
    alone.run()
    both = world_with([SimulatedHost(drops_packets=True), SimulatedHost()], workers, 20_000)
    both.run()
    assert set(both.done) == set(range(1, 20_001))
    fetched = [answer.time for answer in both.answers if answer.sign is HostSignal.ANSWERED]
    assert len(fetched) == 10_000
    assert fetched[-1] <= 1.1 * alone.now
    assert both.now <= 1.1 * alone.now
    failed = [done.attempt.result for done in both.done.values() if done.attempt.result.failed]
    assert {result.error for result in failed} == {Failure.CONNECT}
