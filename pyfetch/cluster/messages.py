"""What a run and its processes tell each other: plain values, pickled."""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.activity import Activity
from pyfetch.errors import RunError
from pyfetch.facts import FileFacts, Known
from pyfetch.models import Result, Target
from pyfetch.naming.template import Said
from pyfetch.settings import Settings
from pyfetch.storage.filesystem import DirectoryIdentity
from pyfetch.transfer import Phase


class Begin(NamedTuple):
    """The first message to a process: how it is to fetch."""

    settings: Settings
    log_level: int
    """Lowest level of the log lines that are wanted."""
    watched: bool
    """Whether somebody looks at what is in flight, so that it must be reported often."""
    place: int
    """Which of the processes it is: each is pinned to another CPU."""
    directory: DirectoryIdentity | None = None
    """What the output directory must be, where files are kept."""


class StopNow:
    """Stop the run."""


class NameGiven(NamedTuple):
    """The answer to `NameWanted`: where the file of a target goes."""

    target_index: int
    path: str
    known: Known


ToProcess = Begin | list[Target] | NameGiven | StopNow | None
"""Targets to fetch, or (None) that no more will come."""


class TargetDone(NamedTuple):
    """A target is done."""

    result: Result
    facts: FileFacts | None
    """New facts about its file."""
    path: str | None
    """Where its file is, if not at the target's own path."""


class NameWanted(NamedTuple):
    """An answer has come that says how the file of a target is to be called."""

    target_index: int
    said: Said
    beside: bool
    """Whether the name needs a suffix, because a file that stays has it."""


class TransferState(NamedTuple):
    """The figures of a transfer that is running."""

    target_index: int
    received: int
    resumed: int
    size: int | None
    phase: Phase


class InFlightReport(NamedTuple):
    """All transfers that are running; also a sign of life."""

    transfers: list[TransferState]
    activity: Activity


class NeedsMore:
    """A worker has nothing to do, because the targets of the process may not start yet."""


class LogLine(NamedTuple):
    """A line for the log."""

    level: int
    text: str


class ProcessEnded(NamedTuple):
    """The last message: the process is done, with an error if it had to stop."""

    error: RunError | None
    workers: str | None
    """How many workers were settled on, and why."""


FromProcess = TargetDone | NameWanted | InFlightReport | NeedsMore | LogLine | ProcessEnded
"""What a process tells; several messages come in one list."""
