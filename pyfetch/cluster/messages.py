"""Messages between a run and its processes: plain values, sent as pickles."""

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
    """The first message to a process, with its settings."""

    settings: Settings
    log_level: int
    """Log lines below this level are not sent."""
    watched: bool
    """Whether transfers in flight are shown, so that they must be reported often."""
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
    """Path of its file, if that is not the target's own path."""


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
    """All transfers in flight; also shows that the process is alive."""

    transfers: list[TransferState]
    activity: Activity


class NeedsMore:
    """A worker is idle, because the targets that the process has may not start yet."""


class LogLine(NamedTuple):
    """A line for the log."""

    level: int
    text: str


class ProcessEnded(NamedTuple):
    """The last message: the process is done, with an error if it had to stop."""

    error: RunError | None
    workers: str | None
    """How many workers turned out best, and why."""


FromProcess = TargetDone | NameWanted | InFlightReport | NeedsMore | LogLine | ProcessEnded
"""Messages of a process; they come in lists."""
