"""The rows about `--workers auto`."""

from __future__ import annotations

from pyfetch.scheduling.worker_limit import WorkerLimit
from tools.simulation.scenarios import FIXED, SCENARIOS, auto, ran

LEAST = 0.9
MOST_PUSHED_BACK = 0.02
SEEDS = (1, 2, 3)
"""Of the random waits: what `auto` brings is the median of a run for each."""
HEAD = (
    "| scenario | best fixed number | `auto` brings of that | settled on | 429 and 503 |\n"
    "|---|---|---|---|---|"
)
NAMES = [scenario.name for scenario in SCENARIOS]


def row(name: str) -> tuple[str, bool]:
    """The scenario's row in the table, and whether it is as it has to be."""
    scenario = next(each for each in SCENARIOS if each.name == name)
    works = {number: ran(scenario, WorkerLimit(number)).work for number in FIXED}
    best = max(works, key=works.__getitem__)
    runs = [ran(scenario, auto(), seed=seed) for seed in SEEDS]
    found = sorted(runs, key=lambda run: run.work)[len(runs) // 2]
    share = found.work / works[best]
    pushed_back = ran(scenario, auto(), after=240).pushed_back
    figures = f"{best} | {share:.0%} | {found.settled} | {pushed_back:.1%}"
    held = share >= LEAST and pushed_back < MOST_PUSHED_BACK
    return f"| {name} | {figures} |" + ("" if held else " MISSED"), held
