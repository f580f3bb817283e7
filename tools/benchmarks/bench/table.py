"""The figures as Markdown: a table for each workload, and one of all ratios to pyfetch."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.benchmarks.bench.measure import Failed, Figures, Run
from tools.benchmarks.bench.rounds import Runs
from tools.benchmarks.bench.workloads import MB, Workload

BASE = "pyfetch"
"""The program that all ratios are to."""
NONE = "–"  # noqa: RUF001 — as tables have it


@dataclass(frozen=True, slots=True)
class Outcome:
    """A workload over one scheme, and all runs of it."""

    workload: Workload
    scheme: str
    runs: Runs

    @property
    def heading(self) -> str:
        """With the scheme, if it has any."""
        has_scheme = len(self.workload.documents) > 0
        return f"{self.workload.title}, {self.scheme}" if has_scheme else self.workload.title


@dataclass(frozen=True, slots=True)
class Middle:
    """Medians over the rounds, and how far apart these were."""

    seconds: float
    least: float
    most: float
    cpu: float
    peak: int
    """Bytes, the most of all rounds."""
    rounds: int


def middle(runs: Sequence[Run]) -> Middle | Failed:
    """One failure is that of the program, whatever its other rounds were."""
    figures: list[Figures] = []
    for run in runs:
        if isinstance(run, Failed):
            return run
        figures.append(run)
    if not figures:
        return Failed("not run")
    seconds = [each.seconds for each in figures]
    return Middle(
        statistics.median(seconds),
        min(seconds),
        max(seconds),
        statistics.median(each.cpu for each in figures),
        max(each.peak for each in figures),
        len(figures),
    )


def table(outcome: Outcome) -> str:
    """The table of one workload, below its heading."""
    workload = outcome.workload
    rate = "MB/s" if workload.by_bytes else "files/s" if workload.documents else "runs/s"
    titles = ["program", "median s", "min–max s", rate, "CPU s", "peak MB", "ratio"]  # noqa: RUF001
    base = middle(outcome.runs.get(BASE, []))
    rows = [
        [program.name, *cells(workload, middle(outcome.runs[program.key]), base)]
        for program in workload.programs
        if program.key in outcome.runs
    ]
    return f"### {outcome.heading}\n\n{markdown(titles, rows)}"


def cells(workload: Workload, found: Middle | Failed, base: Middle | Failed) -> list[str]:
    if isinstance(found, Failed):
        return [f"failed: {found.why}", NONE, NONE, NONE, NONE, NONE]
    amount = workload.size / MB if workload.by_bytes else len(workload.documents) or 1
    many = found.rounds > 1
    return [
        precise(found.seconds),
        f"{precise(found.least)}–{precise(found.most)}" if many else "one run",  # noqa: RUF001
        f"{amount / found.seconds:,.0f}",
        f"{found.cpu:.2f}",
        f"{found.peak / MB:,.0f}",
        ratio(found, base),
    ]


def precise(seconds: float) -> str:
    return f"{seconds:.{3 if seconds < 1 else 2 if seconds < 100 else 0}f}"


def ratio(found: Middle | Failed, base: Middle | Failed) -> str:
    """How many times pyfetch's time it took; below 1 it was faster."""
    if isinstance(found, Failed):
        return "failed"
    if isinstance(base, Failed):
        return NONE
    return f"{found.seconds / base.seconds:.2f}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """Ratios of all programs in all workloads."""
    keys = dict.fromkeys(
        program.key
        for outcome in outcomes
        for program in outcome.workload.programs
        if program.key in outcome.runs
    )
    rows = []
    for outcome in outcomes:
        base = middle(outcome.runs.get(BASE, []))
        ratios = (
            ratio(middle(outcome.runs[key]), base) if key in outcome.runs else NONE for key in keys
        )
        rows.append([outcome.heading, *ratios])
    return f"### Time in relation to pyfetch\n\n{markdown(['workload', *keys], rows)}"


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, all others to the right; aligned to be read as text too."""
    lines = [list(titles), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:]))
