"""One run of a scenario, and what was seen of it."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pyfetch.cluster.workload import shares_of_cluster
from pyfetch.engine.read_ahead import LOOKAHEAD
from pyfetch.models import Result
from pyfetch.settings import Settings
from tools.simulation.cluster.bound import least_seconds
from tools.simulation.cluster.driven import DrivenCoordinator
from tools.simulation.cluster.executor import VirtualExecutor
from tools.simulation.cluster.lists import Order, Sizes, targets
from tools.simulation.cluster.origins import Manner, Origins, VirtualOrigin
from tools.simulation.cluster.timeline import Timeline

Incident = tuple[float, Callable[[VirtualExecutor], None]]
"""What befalls the members, and when, in seconds."""

COST = 50e-6
"""Seconds that the coordinator needs for a message, in virtual time."""


@dataclass(frozen=True)
class ClusterScenario:
    """A list, hosts, budgets and members."""

    name: str
    sizes: Sizes = field(repr=False)
    order: Order
    settings: Settings
    members: int = 100
    manner_of: Callable[[str], Manner] = lambda _: Manner()
    incidents: tuple[Incident, ...] = ()
    seed: int = 1
    cost: float = COST
    read_ahead: int = LOOKAHEAD


@dataclass(frozen=True)
class Seen:
    """What was seen of a run."""

    urls: int
    seconds: float
    """Virtual seconds from the start to the last result."""
    least: float
    """The least that they could have been."""
    results: Counter[int] = field(repr=False)
    """How many results each index has."""
    failed: int
    hosts: list[VirtualOrigin] = field(repr=False)
    busy: float
    """The share of the workers' time in which they made requests."""
    cpu: float
    """Seconds of CPU that the coordinator has really used for a URL."""
    cpu_of_all: float
    """The same for the whole simulation, all together."""
    memory: int
    """The most bytes that the process had, all hosts and members included."""
    over_rate_of_all: float
    """Requests in one second beyond what `--rate-total` allows, at most."""
    most_held: int
    """Results that waited for one before them, at most."""

    @property
    def share(self) -> float:
        """How much of the possible throughput there was."""
        return self.least / self.seconds

    @property
    def each_once(self) -> bool:
        """Whether each URL has one result."""
        return len(self.results) == self.urls and set(self.results.values()) == {1}

    @property
    def most_over_at_once(self) -> float:
        """Requests in flight at a host beyond its budget, at most."""
        return max(host.most_at_once - host.budget_at_once for host in self.hosts)

    @property
    def most_over_a_second(self) -> float:
        """Requests in one second beyond a budget, of a host or of the run, at most."""
        over = max(host.most_in_a_second - host.budget_rate for host in self.hosts)
        return max(over, self.over_rate_of_all)

    @property
    def left_alone(self) -> float:
        """The longest time that a host had URLs waiting, budget left, and no request."""
        return max(host.left_alone for host in self.hosts)

    @property
    def news_took(self) -> float:
        """How long it took at most until no member asked a host any more that was shut."""
        return max(host.news_took for host in self.hosts)

    @property
    def owners(self) -> float:
        """How many times hosts changed hands, for each of them."""
        return sum(host.changes_of_member for host in self.hosts) / len(self.hosts)


def run(scenario: ClusterScenario) -> Seen:
    """Run it from the first URL to the last."""
    began = time.process_time()
    settings = scenario.settings
    settings_retry_seed(scenario.seed)
    timeline = Timeline()
    origins = Origins(scenario.manner_of, settings)
    executor = VirtualExecutor(scenario.members, origins, timeline)
    hosts = scenario.order(scenario.sizes, scenario.seed)
    results: Counter[int] = Counter()
    failed = 0
    ended_at = 0.0

    def took(result: Result) -> None:
        nonlocal failed, ended_at
        results[result.index] += 1
        failed += result.failed
        ended_at = timeline.now

    workers = [(0.0, scenario.members * settings.most_workers)]
    for at, befalls in scenario.incidents:
        timeline.at(at, befalls, executor)
    executor.resized = lambda places: workers.append((timeline.now, places * settings.most_workers))
    coordinator = DrivenCoordinator(
        settings, executor, shares_of_cluster(settings), timeline, took,
        scenario.cost, scenario.read_ahead,
    )  # fmt: skip
    coordinator.go(targets(hosts, lambda origin: origins.of(origin).wants(timeline.now)))
    all_hosts = list(origins.by_name.values())
    there = _worker_seconds(workers, ended_at)
    urls = len(hosts)
    return Seen(
        urls=urls,
        seconds=ended_at,
        least=least_seconds(all_hosts, workers, origins.rate),
        over_rate_of_all=origins.most_in_a_second - origins.rate,
        results=results,
        failed=failed,
        hosts=all_hosts,
        busy=sum(member.busy for member in executor.members) / there,
        cpu=coordinator.mailbox.cpu / urls,
        cpu_of_all=(time.process_time() - began) / urls,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        most_held=coordinator.results.most_held,
    )


def settings_retry_seed(seed: int) -> None:
    """Let the random waits be the same in each run."""
    from pyfetch.scheduling.retry import RetryPolicy

    RetryPolicy().randomness.seed(seed)  # all policies share it


def _worker_seconds(workers: list[tuple[float, int]], until: float) -> float:
    return sum(number * max(0.0, until - time) for time, number in workers)
