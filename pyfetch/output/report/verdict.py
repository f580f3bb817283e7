"""What held a run back: where the time of its workers went, and which option would change that."""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.output.report.figures import Figures

_WORTH_NAMING = 0.05
"""Share of the workers' time from which on a cause is named."""
_BUSY_CPU = 0.8
"""Share of one CPU from which on the interpreter counts as what holds back."""


class RunFacts(NamedTuple):
    """What a report knows of a run beside its results."""

    seconds: float
    workers: int
    """The most transfers at once."""
    cpu_seconds: float
    """That this process has computed."""
    processes: int = 1
    per_host: int | None = None
    rate: float | None = None
    limit_rate: int | None = None


class Cause(NamedTuple):
    """Something that took time."""

    share: float
    """Of the time of all workers, from 0 to 1."""
    name: str
    advice: str


def causes(figures: Figures, run: RunFacts | None) -> list[Cause]:
    """What took the time, the most important first. `run`: None where only results are known."""
    if not figures.timed:
        return []
    seconds = run.seconds if run else figures.end
    peak = max(figures.in_flight.rates(figures.end), default=0.0)
    workers = run.workers if run else max(1, round(peak))
    capacity = max(workers * seconds, figures.busy, 1e-9)
    found = [
        *_of_phases(figures, run, capacity),
        _of_idle_workers(figures, run, capacity),
    ]
    if run and seconds:
        busy = min(1.0, run.cpu_seconds / seconds / run.processes)
        if busy >= _BUSY_CPU:
            advice = "Python runs on one CPU at a time: try --processes auto."
            found.append(Cause(busy, "computing (CPU)", advice))
    return sorted((c for c in found if c.share >= _WORTH_NAMING), reverse=True)


def _of_phases(figures: Figures, run: RunFacts | None, capacity: float) -> list[Cause]:
    spent = figures.spent
    own = min(figures.ours, spent["body"])
    if run and run.limit_rate:
        ours = Cause(own / capacity, "--limit-rate", "It is the limit that you set.")
    else:
        ours = Cause(
            own / capacity,
            "disk and hashes",
            "Bodies waited for the disk or for their hash: a faster disk, or --processes.",
        )
    latency = (
        "Answers took their time to begin: more transfers at once fill it"
        " (--workers, or --workers auto)."
    )
    return [
        Cause(spent["dns"] / capacity, "name look-ups", "A nearer resolver or a cache would help."),
        Cause(
            (spent["connect"] + spent["tls"]) / capacity,
            "making connections",
            "Many connections for few files each: fewer workers a host keep them open longer.",
        ),
        Cause(spent["first_byte"] / capacity, "latency", latency),
        Cause(
            (spent["body"] - own) / capacity,
            "bandwidth",
            "Bodies were coming all the time: the line or the server is the limit.",
        ),
        ours,
    ]


def _of_idle_workers(figures: Figures, run: RunFacts | None, capacity: float) -> Cause:
    share = max(0.0, capacity - figures.busy) / capacity
    paused = sum(host.paused for host in figures.hosts.values())
    if run and run.rate:
        return Cause(share, "--rate", "Workers waited for the rate that you set.")
    if paused > 0.1 * (run.seconds if run else figures.end):
        advice = "Hosts asked for a pause (429, 503): a --rate below their limit ends sooner."
        return Cause(share, "hosts that push back", advice)
    if run and run.per_host:
        return Cause(share, "--per-host", "Workers waited for their turn at a host.")
    advice = "There was nothing to do for all workers: few URLs, slow input, or waits."
    return Cause(share, "idle workers", advice)
