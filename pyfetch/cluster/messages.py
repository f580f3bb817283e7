"""Messages between the coordinator of a run and its members: plain values, sent as pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyfetch.activity import Activity
from pyfetch.cluster.computing_messages import (
    Computing,
    FileFetched,
    FileKnown,
    FilesCounted,
    TasksDone,
    TasksRecorded,
)
from pyfetch.cluster.pack_messages import FromPackingMember, ToPackingMember
from pyfetch.errors import RunError
from pyfetch.facts import FileFacts, Known
from pyfetch.models import IfExists, Result, Target
from pyfetch.naming.template import Said
from pyfetch.scheduling.host_budgets import (
    BudgetObeyed,
    HostAsked,
    HostBudget,
    HostNews,
    HostWanted,
)
from pyfetch.settings import Settings
from pyfetch.storage.filesystem import DirectoryIdentity
from pyfetch.timing import Phase

if TYPE_CHECKING:  # loaded where something is computed
    from pyfetch.compute.pool import Use


class Begin(NamedTuple):
    """The first message to a member, with its settings."""

    settings: Settings
    log_level: int
    """Log lines below this level are not sent."""
    watched: bool
    """Whether transfers in flight are shown, so that they must be reported often."""
    place: int
    """Which of the members it is: each is pinned to another CPU."""
    directory: DirectoryIdentity | None = None
    """What the output directory must be for a member of this machine; None: no files are kept."""
    elsewhere: Elsewhere | None = None
    """What a member that may be on another machine has to know."""
    computing: Computing | None = None
    """How it computes with files; None: it only fetches."""


class Elsewhere(NamedTuple):
    """What a member that may be on another machine has to know."""

    working_directory: str
    """Relative paths of the settings are relative to this one."""
    writes_probe: bool
    """Whether files are kept: then it writes a probe file, which the coordinator reads."""
    lease: float
    """It ends at once if nothing has come for so many seconds, as the coordinator may be gone."""
    members: int = 1
    """How many members the machine has room for: they share its CPUs."""


class StopNow:
    """Stop the run."""


class NameGiven(NamedTuple):
    """The answer to `NameWanted`: where the file of a target goes."""

    target_index: int
    path: str
    known: Known
    if_exists: IfExists | None
    """What to do with a file that is there, if it is not what the settings say."""


class OutputIsShared(NamedTuple):
    """The answer to `ProbeWritten` where a member needs no shared output directory."""

    is_shared: bool
    """Whether the coordinator has found the probe in its own."""


class HostsTold(NamedTuple):
    """What the member may do at some hosts from now on, and what others have learned of them."""

    budgets: tuple[HostBudget, ...] = ()
    news: tuple[HostNews, ...] = ()
    give_back: tuple[str, ...] = ()
    """Origins whose targets go to another member, as far as no attempt was made at them."""


class TargetsReturned(NamedTuple):
    """Targets of a host at which no attempt was made, and none will be."""

    origin: str
    indexes: tuple[int, ...]


class RunBudget(NamedTuple):
    """The member's part of the numbers that hold for the whole run; replaces the one before."""

    serial: int
    """Which of these messages it is; `RunBudgetObeyed` names it. 0: none is wanted."""
    interval: float = 0.0
    """Seconds from one request to the next, to any host; 0: no limit."""
    wait: float = 0.0
    """Seconds from now in which no request may begin; `inf`: not before another message."""
    limit_rate: int | None = None
    """Bytes a second, from all hosts together; None: no limit."""


ToMember = (
    Begin
    | list[Target]
    | HostsTold
    | RunBudget
    | NameGiven
    | ToPackingMember
    | FileKnown
    | TasksRecorded
    | OutputIsShared
    | StopNow
    | None
)
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
    """All transfers in flight; also shows that the member is alive."""

    transfers: list[TransferState]
    activity: Activity
    asked: tuple[HostAsked, ...] = ()
    """How often hosts were asked since the last report."""


class NeedsMore(NamedTuple):
    """A worker is idle, because the targets that the member has may not start yet."""

    waiting: int
    """How many these are; those are counted, too, whose files wait to be computed."""


class RunBudgetObeyed(NamedTuple):
    """What the member does keeps to its part of the numbers of the run."""

    serial: int


class ProbeWritten(NamedTuple):
    """A probe file is in the output directory, if both see the same one."""

    name: str
    """Its name in `.pyfetch`, and its content. Empty: no files are kept, so there is none."""
    host: str
    """Name of the machine."""


class IsReady:
    """A member that computes can begin; others need not say so."""


class IsUnfit(NamedTuple):
    """The last message of a member that cannot work where it is."""

    why: str
    """A sentence without a full stop."""


class LogLine(NamedTuple):
    """A line for the log."""

    level: int
    text: str


class MemberEnded(NamedTuple):
    """The last message: the member is done, with an error if it had to stop."""

    error: RunError | None
    workers: str | None
    """How many workers turned out best, and why."""
    used: Use | None = None
    """How processes that compute were used."""


FromMember = (
    TargetDone
    | NameWanted
    | FromPackingMember
    | InFlightReport
    | NeedsMore
    | FileFetched
    | FilesCounted
    | TasksDone
    | HostNews
    | HostWanted
    | BudgetObeyed
    | TargetsReturned
    | RunBudgetObeyed
    | ProbeWritten
    | IsReady
    | IsUnfit
    | LogLine
    | MemberEnded
)
"""Messages of a member; they come in lists."""
