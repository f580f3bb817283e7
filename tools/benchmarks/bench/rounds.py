"""The order of runs: programs take turns, round after round, each round from another one on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from tools.benchmarks.bench.measure import Failed, Figures, Run
from tools.benchmarks.bench.peers import Program

LEAST_LIMIT = 120.0
TIMES_AS_LONG = 10.0
"""A peer is killed when it has taken so many times what pyfetch took, though never before
`LEAST_LIMIT` seconds."""
FIRST_LIMIT = 1800.0
"""Seconds for pyfetch itself, while there is nothing to compare it with."""
LONG = 60.0
"""What takes more seconds than this runs once: minutes vary little."""

Runs = dict[str, list[Run]]
"""By the program's key, in the order of the rounds."""


def in_turn(
    programs: Sequence[Program],
    rounds: int,
    run: Callable[[Program, float], Run],
    budget: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Runs:
    """All runs of the programs, of which pyfetch is the first. One that fails is not run again.

    No round but the first begins once `budget` seconds have passed.
    """
    began = clock()
    runs: Runs = {program.key: [] for program in programs}
    for turn in range(rounds):
        if turn and clock() - began > budget:
            break
        first = turn % len(programs)
        for program in (*programs[first:], *programs[:first]):
            before = runs[program.key]
            if before and is_over(before[-1]):
                continue
            before.append(run(program, limit(runs[programs[0].key])))
    return runs


def is_over(last: Run) -> bool:
    return isinstance(last, Failed) or last.seconds > LONG


def limit(of_pyfetch: Sequence[Run]) -> float:
    """Seconds that a program may take, given the runs of pyfetch so far."""
    if not of_pyfetch:
        return FIRST_LIMIT
    first = of_pyfetch[0]
    return (
        max(LEAST_LIMIT, TIMES_AS_LONG * first.seconds)
        if isinstance(first, Figures)
        else LEAST_LIMIT
    )
