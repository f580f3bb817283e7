"""The real coordinator over virtual members and hosts, in virtual time; see tools/simulation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyfetch.settings import HostSettings
from tools.simulation.cluster.lists import even, origin, shuffled
from tools.simulation.cluster.origins import Manner
from tools.simulation.cluster.run import ClusterScenario, run
from tools.simulation.cluster.scenarios import deaths, settings

pytestmark = pytest.mark.slow

STEADY = Manner(latency=0.1, spread=0.2)
SMALL = ClusterScenario(
    "small", even(40, 600), shuffled, settings(workers=4), members=8, manner_of=lambda _: STEADY,
)  # fmt: skip


def test_workers_of_all_members_are_busy() -> None:
    """A list that no limit holds back keeps all workers at work."""
    seen = run(SMALL)
    assert seen.share > 0.85
    assert seen.each_once


def test_more_is_read_ahead_while_members_have_room() -> None:
    """The read-ahead grows where it is too small for the workers that there are."""
    assert run(replace(SMALL, read_ahead=32)).share > 0.75


def test_hosts_with_limits_keep_all_members_busy() -> None:
    """Members that come to nothing at first get hosts of those that have too many."""
    seen = run(replace(SMALL, settings=settings(workers=4, per_host=2)))
    assert seen.most_over_at_once <= 0
    assert seen.share > 0.55  # 0.46 if no host is handed on; starts and ends are a third of it


def test_one_host_is_divided_among_members() -> None:
    """Two workers each of four members ask a host that takes eight requests at once."""
    one = replace(SMALL, sizes=[400], settings=settings(workers=2, per_host=8), members=8)
    seen = run(one)
    assert seen.most_over_at_once <= 0
    assert len(seen.hosts[0].members) >= 4
    assert seen.share > 0.7


def test_no_second_has_more_requests_than_the_rate_of_a_host() -> None:
    seen = run(replace(SMALL, sizes=[40, 40], settings=settings(workers=4, rate=10)))
    assert seen.most_over_a_second <= 1
    assert seen.share > 0.8


def test_the_rate_of_all_hosts_holds_while_its_parts_change_hands() -> None:
    """No second has more than one request beyond it."""
    rate = settings(workers=4, rate=100, rate_total=True)
    seen = run(replace(SMALL, settings=rate, sizes=even(40, 400)))
    assert seen.over_rate_of_all <= 1
    assert seen.share > 0.6


def test_a_pause_that_one_member_meets_reaches_all_at_once() -> None:
    """A host that is shut to all is asked no more within a second."""
    shut = replace(STEADY, shut=(1.0, 3.0))
    seen = run(
        replace(SMALL, sizes=[400], settings=settings(workers=4, per_host=16),
                manner_of=lambda _: shut)
    )  # fmt: skip
    assert seen.hosts[0].shut_known_at is not None
    assert seen.news_took < 1.0
    assert seen.each_once
    assert not seen.failed


def test_a_host_to_which_others_redirect_is_asked_within_its_limits() -> None:
    foreign = origin(40)
    away = replace(STEADY, redirects=lambda index: foreign if index % 3 == 0 else None)
    limits = settings({40: HostSettings(per_host=4)}, workers=4)
    seen = run(
        replace(SMALL, settings=limits,
                manner_of=lambda name: STEADY if name == foreign else away)
    )  # fmt: skip
    assert seen.most_over_at_once <= 0
    assert seen.each_once
    assert not seen.failed


@pytest.mark.parametrize("seed", [1, 2])
def test_what_members_had_that_died_is_done_once_by_others(seed: int) -> None:
    limited = settings(workers=4, per_host=2)
    seen = run(replace(SMALL, settings=limited, incidents=deaths(4, 2.0, seed), seed=seed))
    assert seen.each_once
    assert not seen.failed
    assert seen.most_over_at_once <= 0
