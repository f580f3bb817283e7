"""What a run and its processes say to each other: plain values, pickled."""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.errors import RunError
from pyfetch.models import FileFacts, Result, Target
from pyfetch.settings import Settings


class Begin(NamedTuple):
    """The first thing that a process is told: how it is to fetch."""

    settings: Settings
    verbosity: int
    """The least level of what is logged."""
    watched: bool
    """Whether what is in flight is to be reported now and then."""
    place: int
    """Which of the processes it is: each is pinned to another CPU."""


class StopNow:
    """All is to end soon."""


ToProcess = Begin | list[Target] | StopNow | None
"""More to do, or (None) that there will be no more."""


class Finished(NamedTuple):
    """A target is done."""

    result: Result
    facts: FileFacts | None
    path: str | None


class InFlight(NamedTuple):
    """A transfer that is running, as it was a moment ago."""

    index: int  # type: ignore[assignment] # of a tuple's own, nobody has need
    received: int
    resumed: int
    size: int | None


class Flying(NamedTuple):
    """All that is in flight."""

    transfers: list[InFlight]


class Hungry:
    """A worker has nothing to do, though the process has targets: they may not start yet."""


class Said(NamedTuple):
    """A line for the log."""

    level: int
    text: str


class Ended(NamedTuple):
    """The process is done, with an error if it had to stop."""

    error: RunError | None
    workers: str | None
    """How many workers were settled on, and why."""


FromProcess = Finished | Flying | Hungry | Said | Ended
"""What a process says; several come in one list."""
