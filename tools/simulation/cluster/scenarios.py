"""Lists, hosts and members that a run over a cluster meets, and what must hold of each run."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from pyfetch.settings import HostSettings, Settings
from tools.simulation.cluster.executor import VirtualExecutor
from tools.simulation.cluster.lists import even, grouped, origin, shuffled, zipf
from tools.simulation.cluster.origins import Answer, Manner
from tools.simulation.cluster.run import ClusterScenario, Incident, Seen

WORKERS = 32
SLOW = Manner(latency=0.4, spread=0.3)
"""With 3,200 workers, some 7,500 URLs a second."""
HEAVY_TAIL = Manner(latency=0.4, spread=0.6)


@dataclass(frozen=True)
class Bounds:
    """What must hold."""

    share: float = 0.9
    """Of the throughput that hosts, budgets and workers allow, at least."""
    left_alone: float = 10.0
    """Seconds for which a host has URLs waiting, budget left, and no request, at most."""
    news: float = 1.0
    """Seconds after which no member asks a host any more that one has found shut, at most."""
    over: int = 1
    """Requests at once, or in a second, beyond a budget, at most."""
    failed: float = 0.0
    """The share of URLs that fail."""

    def missed(self, seen: Seen) -> list[str]:
        """What does not hold, as clauses."""
        checks = {
            f"{seen.share:.0%} of the throughput": seen.share < self.share,
            f"left alone for {seen.left_alone:.1f} s": seen.left_alone > self.left_alone,
            f"news took {seen.news_took:.1f} s": seen.news_took > self.news,
            f"{seen.most_over_at_once:.0f} over the budget": seen.most_over_at_once > self.over,
            f"{seen.most_over_a_second:.0f} over the rate": seen.most_over_a_second > self.over,
            f"{seen.failed} failed": seen.failed > self.failed * seen.urls,
            "not each URL once": not seen.each_once,
        }
        return [clause for clause, is_so in checks.items() if is_so]


def settings(hosts: dict[int, HostSettings] | None = None, **named: object) -> Settings:
    """Of a run that keeps nothing."""
    own = tuple((f"host-{host}", said) for host, said in (hosts or {}).items())
    named = {"workers": WORKERS, **named}
    return Settings(discard=True, hosts=own, **named)  # type: ignore[arg-type]


def some(
    numbers: Callable[[int], bool], manner: Manner, others: Manner = SLOW
) -> Callable[[str], Manner]:
    """Hosts with these numbers have one manner, all others another one."""
    return lambda name: manner if numbers(number_of(name)) else others


def number_of(name: str) -> int:
    """The number of a host."""
    return int(name.rsplit("-", 1)[-1].partition(":")[0])


def deaths(number: int, until: float, seed: int) -> tuple[Incident, ...]:
    """Members that die at random moments."""
    randomness = random.Random(seed)

    def dies(place: int) -> Callable[[VirtualExecutor], None]:
        return lambda executor: executor.lose(place)

    return tuple(
        (randomness.uniform(0, until), dies(randomness.randrange(1000))) for _ in range(number)
    )


def stall(place: int, seconds: float) -> Callable[[VirtualExecutor], None]:
    return lambda executor: executor.living[place].stall(seconds)


def grow(places: int) -> Callable[[VirtualExecutor], None]:
    return lambda executor: executor.grow(places)


MILLION = ClusterScenario(
    "1,000,000 URLs, 10,000 hosts, `--per-host 2`",
    even(10_000, 1_000_000), shuffled, settings(per_host=2), manner_of=lambda _: HEAVY_TAIL,
)  # fmt: skip

SCENARIOS: list[tuple[ClusterScenario, Bounds]] = [
    (MILLION, Bounds()),
    (
        ClusterScenario(
            "hosts of unlike size (Zipf), `--per-host 12`",
            zipf(5_000, 60_000, 0.6),
            shuffled,
            settings(per_host=16),
            manner_of=lambda _: SLOW,
        ),
        Bounds(),
    ),
    (
        ClusterScenario(
            "grouped by host, `--per-host 4`",
            even(600, 60_000),
            grouped,
            settings(per_host=4),
            members=20,
            manner_of=lambda _: SLOW,
        ),
        Bounds(share=0.8),
    ),
    (
        ClusterScenario(
            "one host, `--per-host 200`",
            [20_000],
            shuffled,
            settings(per_host=200),
            manner_of=lambda _: SLOW,
        ),
        Bounds(share=0.8),
    ),
    (
        ClusterScenario(
            "three in five URLs at one host, `per_host = 1000` there",
            [30_000, *even(1_000, 20_000)],
            shuffled,
            settings({0: HostSettings(per_host=1_000)}),
            manner_of=lambda _: SLOW,
        ),
        Bounds(share=0.6),
    ),
    (
        ClusterScenario(
            "`--rate 5`",
            even(1_000, 60_000),
            shuffled,
            settings(rate=5),
            manner_of=lambda _: SLOW,
        ),
        Bounds(share=0.65),
    ),
    (
        ClusterScenario(
            "one host, `--rate 100`",
            [6_000],
            shuffled,
            settings(rate=100),
            manner_of=lambda _: SLOW,
        ),
        Bounds(),
    ),
    (
        ClusterScenario(
            "429 beyond 20 a second, `Retry-After: 1`",
            even(100, 20_000),
            shuffled,
            settings(per_host=16, retries=20),
            members=20,
            manner_of=lambda _: replace(SLOW, limit=20.0),
        ),
        Bounds(share=0.6),
    ),
    (
        ClusterScenario(
            "shut for 10 s each, `Retry-After`, `--per-host 64`",
            even(20, 60_000),
            shuffled,
            settings(per_host=64),
            members=40,
            manner_of=lambda name: replace(
                SLOW, shut=(5.0 + number_of(name), 15.0 + number_of(name))
            ),
        ),
        Bounds(share=0.65),
    ),
    (
        ClusterScenario(
            "a tenth of the hosts is dead",
            even(1_000, 60_000),
            shuffled,
            settings(per_host=4, retries=1),
            manner_of=some(
                lambda number: number % 10 == 0,
                Manner(dead=Answer.REFUSED_CONNECTION),
            ),
        ),
        Bounds(share=0.55, failed=0.1),
    ),
    (
        ClusterScenario(
            "redirects to one foreign host, `--per-host 300`",
            even(1_000, 30_000),
            shuffled,
            settings(per_host=300),
            manner_of=some(
                lambda number: number < 1_000,
                replace(SLOW, redirects=lambda index: origin(1_000) if index % 4 == 0 else None),
            ),
        ),
        Bounds(share=0.65, left_alone=20.0),
    ),
    (
        ClusterScenario(
            "20 of 100 members die",
            even(1_000, 60_000),
            shuffled,
            settings(per_host=4),
            manner_of=lambda _: SLOW,
            incidents=deaths(20, 12.0, 1),
        ),
        Bounds(share=0.65),
    ),
    (
        ClusterScenario(
            "50 members, 50 more after 10 s",
            even(2_000, 100_000),
            shuffled,
            settings(per_host=4),
            members=50,
            manner_of=lambda _: SLOW,
            incidents=((10.0, grow(50)),),
        ),
        Bounds(share=0.7),
    ),
    (
        ClusterScenario(
            "a member stalls for 20 s",
            even(1_000, 40_000),
            shuffled,
            settings(per_host=4),
            members=40,
            manner_of=lambda _: SLOW,
            incidents=((5.0, stall(3, 20.0)),),
        ),
        Bounds(share=0.5, left_alone=30.0),
    ),
    (
        ClusterScenario(
            "`--rate 500 --rate-total`",
            even(1_000, 8_000),
            shuffled,
            settings(rate=500, rate_total=True),
            manner_of=lambda _: SLOW,
        ),
        Bounds(share=0.7, left_alone=20.0),
    ),
]
