"""What lists meet, and how many workers find it best: a fixed number, or the one that is found."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from pyfetch.models import HostSignal, Target
from pyfetch.scheduling.concurrency import AdaptiveWorkerLimit
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.urls import Url
from tools.simulation.world import Network, SimulatedHost, World, always

FIXED = (1, 2, 4, 8, 16, 32, 64, 128)
MOST = 128
MINUTE = 60.0


@dataclass(frozen=True)
class Scenario:
    """Hosts whose URLs take turns in the list, and what lies between them and the client."""

    name: str
    hosts: Callable[[], list[SimulatedHost]]
    size: Callable[[int], int] = lambda _: 0
    network: Callable[[], Network] = field(default=lambda: Network(math.inf, math.inf))
    cpu: float = 0.002
    """Seconds of the client's own time for each file: 500 files a second at most."""
    retries: int = 20


@dataclass(frozen=True)
class Ran:
    """What came through."""

    work: float
    """Files in the first minute, or megabytes where files have a size."""
    pushed_back: float
    """The share of answers that were 429 or 503, after the first minute."""
    settled: int
    """Workers at the end of the first minute."""


def ran(scenario: Scenario, workers: WorkerLimit, after: float = 0.0, seed: int = 1) -> Ran:
    """Drive the scenario for a minute, and then for so many seconds more."""
    world = world_of(scenario, workers, seed=seed)
    world.run(MINUTE)
    first = len(world.answers)
    fetched = [a for a in world.answers if a.sign is HostSignal.ANSWERED]
    received = world.received
    settled = workers.limit
    if after:
        world.run(after)
    later = world.answers[first:]
    pushed_back = sum(answer.sign is HostSignal.PUSHED_BACK for answer in later)
    return Ran(
        received / 1e6 if received else len(fetched), pushed_back / max(1, len(later)), settled
    )


def world_of(scenario: Scenario, workers: WorkerLimit, seed: int = 1) -> World:
    hosts = {f"http://host-{number}": host for number, host in enumerate(scenario.hosts())}
    policy = RetryPolicy(retries=scenario.retries, randomness=random.Random(seed))
    return World(
        Jobs(HostQueues(Limits(), policy), workers, policy),
        hosts,
        taking_turns(list(hosts)),
        size=scenario.size,
        cpu=scenario.cpu,
        network=scenario.network(),
    )


def taking_turns(origins: list[str]) -> Iterator[Target]:
    for index in count(1):
        origin = origins[index % len(origins)]
        yield Target(index, Url(f"{origin}/{index}", origin, f"{origin}/{index}"))


def auto() -> AdaptiveWorkerLimit:
    return AdaptiveWorkerLimit(MOST)


def one(**host: object) -> Callable[[], list[SimulatedHost]]:
    return lambda: [SimulatedHost(**host)]  # type: ignore[arg-type]


def tiny_and_huge(index: int) -> int:
    """Most have some kB, a few many MB: log-normal, the same for each run."""
    return int(min(2e7, random.Random(index).lognormvariate(10, 2.5)))


def from_then_on(time: float, before: float, after: float) -> Callable[[float], float]:
    return lambda now: before if now < time else after


SCENARIOS = [
    Scenario("5 ms of latency", one(latency=always(0.005))),
    Scenario("50 ms", one(latency=always(0.05))),
    Scenario("200 ms", one(latency=always(0.2))),
    Scenario("500 ms", one(latency=always(0.5))),
    Scenario("slows beyond 16 at once", one(capacity=always(16))),
    Scenario("slows beyond 3 at once", one(capacity=always(3), latency=always(0.1))),
    Scenario("429 beyond 50 a second", one(limit=50)),
    Scenario("the same, Retry-After: 1", one(limit=50, retry_after=1.0)),
    Scenario("429 beyond 5 a second", one(limit=5)),
    Scenario("503 beyond 24 at once", one(refuses_beyond=24, latency=always(0.1))),
    Scenario(
        "three hosts of unlike speed",
        lambda: [
            SimulatedHost(always(0.01), always(4)),
            SimulatedHost(always(0.1), always(16)),
            SimulatedHost(always(0.5), always(64)),
        ],
    ),
    Scenario(
        "slows beyond 64, after 30 s beyond 8",
        one(capacity=from_then_on(30, 64, 8), latency=always(0.2)),
    ),
    Scenario("50 ms, after 30 s 400 ms", one(latency=from_then_on(30, 0.05, 0.4))),
    Scenario(
        "tiny and huge files",
        one(),
        size=tiny_and_huge,
        network=lambda: Network(50e6, 5e6),
    ),
    Scenario(
        "huge files, 1 MB/s a connection",
        one(),
        size=lambda _: 100_000_000,
        network=lambda: Network(30e6, 1e6),
    ),
    Scenario(
        "a bandwidth cap of 10 MB/s",
        one(),
        size=lambda _: 500_000,
        network=lambda: Network(10e6, 2e6),
    ),
    Scenario(
        "503 for one URL in 400, always",
        one(refuses=lambda index: None if index % 400 else 503),
        retries=3,
    ),
    Scenario(
        "429 with Retry-After: 5 for one URL in 400, always",
        one(refuses=lambda index: None if index % 400 else 429, retry_after=5.0),
        retries=3,
    ),
    Scenario(
        "the first 8 URLs of a host hang, the rest are fine",
        one(hangs=lambda index: index <= 8),
        retries=3,
    ),
    Scenario(
        "an outage of one of two hosts, 5 minutes",
        lambda: [
            SimulatedHost(always(0.1), always(16)),
            SimulatedHost(always(0.1), always(16), outage=(20, 320)),
        ],
    ),
]
