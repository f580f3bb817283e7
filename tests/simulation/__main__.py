"""All scenarios: `python -m tests.simulation` prints the table, and fails where `auto` does."""

from __future__ import annotations

import sys

from pyfetch.workers import Workers
from tests.simulation.scenarios import FIXED, SCENARIOS, auto, ran

LEAST = 0.9
MOST_PUSHED_BACK = 0.02


def main(names: list[str]) -> int:
    wrong = 0
    print("| scenario | best fixed number | `auto` brings of that | settled on | 429 and 503 |")
    print("|---|---|---|---|---|")
    for scenario in SCENARIOS:
        if names and not any(name in scenario.name for name in names):
            continue
        best = max(FIXED, key=lambda number: ran(scenario, Workers(number)).work)
        most = ran(scenario, Workers(best)).work
        found = ran(scenario, auto(), after=240)
        share = found.work / most
        wrong += share < LEAST or found.pushed_back > MOST_PUSHED_BACK
        figures = f"{share:.0%} | {found.settled} | {found.pushed_back:.1%}"
        print(f"| {scenario.name} | {best} | {figures} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
