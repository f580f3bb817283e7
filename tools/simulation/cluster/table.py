"""The rows about runs over a cluster."""

from __future__ import annotations

from tools.simulation.cluster.run import run
from tools.simulation.cluster.scenarios import MILLION, SCENARIOS

HEAD = (
    "| simulated on a cluster | of the possible throughput | left alone at most | news took "
    "| over a budget at most | coordinator |\n|---|---|---|---|---|---|"
)
NAMES = [scenario.name for scenario, _ in SCENARIOS]
LONG = frozenset({MILLION.name})
"""Rows that take minutes: they are made only if they are asked for."""


def row(name: str) -> tuple[str, bool]:
    """The scenario's row in the table, and whether all is as it has to be."""
    scenario, bounds = next(each for each in SCENARIOS if each[0].name == name)
    seen = run(scenario)
    over = max(0, seen.most_over_at_once, seen.most_over_a_second)
    cells = (
        name,
        f"{seen.share:.0%}",
        f"{seen.left_alone:.1f} s",
        f"{seen.news_took:.1f} s",
        f"{over:.0f}",
        f"{seen.cpu * 1e6:.0f} µs",
    )
    missed = ", ".join(bounds.missed(seen))
    return f"| {' | '.join(cells)} |" + (f" MISSED: {missed}" if missed else ""), not missed
