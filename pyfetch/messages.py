"""What a run and its processes say to each other: plain values, pickled."""

from __future__ import annotations

from dataclasses import dataclass

from pyfetch.errors import RunError
from pyfetch.model import FileFacts, Result, Target
from pyfetch.settings import Settings


@dataclass(frozen=True, slots=True)
class Begin:
    """The first thing that a process is told: how it is to fetch."""

    settings: Settings
    verbosity: int
    """The least level of what is logged."""
    watched: bool
    """Whether what is in flight is to be reported now and then."""


@dataclass(frozen=True, slots=True)
class StopNow:
    """All is to end soon."""


ToProcess = Begin | list[Target] | StopNow | None
"""More to do, or (None) that there will be no more."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A target is done."""

    result: Result
    facts: FileFacts | None
    path: str | None


@dataclass(frozen=True, slots=True)
class InFlight:
    """A transfer that is running, as it was a moment ago."""

    index: int
    received: int
    resumed: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Flying:
    """All that is in flight."""

    transfers: list[InFlight]


@dataclass(frozen=True, slots=True)
class Hungry:
    """A worker has nothing to do, though the process has targets: they may not start yet."""


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the log."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The process is done, with an error if it had to stop."""

    error: RunError | None
    workers: str | None
    """How many workers were settled on, and why."""


FromProcess = Finished | Flying | Hungry | Said | Ended
"""What a process says; several come in one list."""
