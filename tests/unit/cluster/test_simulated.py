"""The real coordinator over virtual members and hosts, in virtual time; see tools/simulation."""

from __future__ import annotations

from dataclasses import replace

from tools.simulation.cluster.lists import even, shuffled
from tools.simulation.cluster.origins import Manner
from tools.simulation.cluster.run import ClusterScenario, run
from tools.simulation.cluster.scenarios import settings

STEADY = Manner(latency=0.1, spread=0.2)
SMALL = ClusterScenario(
    "small", even(40, 800), shuffled, settings(workers=4), members=8, manner_of=lambda _: STEADY,
)  # fmt: skip


def test_workers_of_all_members_are_busy() -> None:
    """A list that no limit holds back keeps all workers at work."""
    seen = run(SMALL)
    assert seen.share > 0.9
    assert seen.each_once


def test_more_is_read_ahead_while_members_have_room() -> None:
    """The read-ahead grows where it is too small for the workers that there are."""
    seen = run(replace(SMALL, read_ahead=32))
    assert seen.share > 0.75
