"""Rates, in virtual time."""

from __future__ import annotations

from itertools import islice, pairwise

from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from tests.support.cases import cases
from tools.simulation.scenarios import taking_turns
from tools.simulation.world import SimulatedHost, World, always


def times_of_requests(limits: Limits) -> dict[str, list[float]]:
    """When each of two hosts that answer at once was asked; and when both were."""
    hosts = {host: SimulatedHost(latency=always(0)) for host in ("http://a", "http://b")}
    jobs = Jobs(HostQueues(limits), WorkerLimit(8), RetryPolicy())
    world = World(jobs, hosts, islice(taking_turns(list(hosts)), 100))
    world.run()
    found = {host: [a.time for a in world.answers if a.url.startswith(host)] for host in hosts}
    return found | {"both": [answer.time for answer in world.answers]}


@cases(
    ("limits", "whose"),
    [(Limits(interval=0.1), "http://a"), (Limits(interval_of_all=0.1), "both")],
)
def test_no_two_requests_are_closer_than_the_rate_allows(limits: Limits, whose: str) -> None:
    times = times_of_requests(limits)[whose]
    assert len(times) >= 50
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.1 - 1e-9


def test_no_host_waits_for_the_rate_of_another() -> None:
    times = times_of_requests(Limits(interval=0.1))
    assert times["http://b"][-1] - times["http://a"][0] < 50 * 0.1 + 0.1
