"""The processes of a run, and the targets that each of them has."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pyfetch.activity import IDLE, Activity, combined_activity
from pyfetch.attempt import Assignment
from pyfetch.cluster.messages import Begin, FromProcess, InFlightReport, TransferState
from pyfetch.cluster.process import Gone, WorkerProcess
from pyfetch.cluster.workload import Workload, split_settings
from pyfetch.errors import StoppedError
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.storage.filesystem import DirectoryIdentity
from pyfetch.transfer import Transfer

_SILENT_LOOKS = 6
"""After this many checks without a message in between, a process is killed as it hangs."""
_MOST_STILLBORN = 3
"""The run fails after this many processes in a row have ended without sending a message."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Member:
    """A process of a run."""

    process: WorkerProcess
    place: int
    """Index of its settings among the split ones."""
    workload: Workload
    targets: dict[int, Target] = field(default_factory=dict, repr=False)
    """Targets that it has not done yet, by index."""
    transfers: list[Transfer] = field(default_factory=list, repr=False)
    """The transfers in flight, as it has reported last."""
    activity: Activity = IDLE
    """What it has reported to come in, and to wait."""
    ended: bool = False
    """Whether it has reported that it is done."""
    spoke: bool = False
    """Whether it has sent any message."""
    silent_looks: int = 0
    """Calls of `Members.end_the_silent` since its last message."""

    def give(self, targets: list[Target]) -> None:
        """Send it these targets."""
        self.targets.update((target.index, target) for target in targets)
        self.workload.given(len(targets))
        self.process.send(targets)

    def finished(self, index: int) -> Target:
        """Take in that it has done this target."""
        self.workload.finished(1, time.monotonic())
        return self.targets.pop(index)

    def reported(self, report: InFlightReport) -> None:
        """Take in its report of transfers in flight."""
        self.transfers = [
            _transfer_of(self.targets[state.target_index], state)
            for state in report.transfers
            if state.target_index in self.targets
        ]
        self.activity = report.activity


class MemberReport(NamedTuple):
    """Messages of a process, or the news that it has ended."""

    member: Member
    messages: list[FromProcess] | Gone


class Members:
    """Starts processes, as many as the settings can be split among, and ends them.

    `heard` is called, from any thread, with the messages of each. The processes are started at
    once, so that they can import modules while the run prepares.
    """

    def __init__(
        self, settings: Settings, heard: Callable[[MemberReport], None], *, watched: bool
    ) -> None:
        self._split = split_settings(settings)
        self._heard = heard
        self._watched = watched
        self._members: list[Member] = []
        self._free = list(range(len(self._split)))
        """Indexes of split settings that no process has."""
        self._stillborn = 0
        """Processes in a row that have ended without sending a message."""
        self.most = len(self._split)
        """How many processes there may be at once."""
        self.workers = sum(part.most_workers for part in self._split)
        """How many workers all of them have together, at most."""
        self._received_by_gone = 0
        """Bytes that have come to processes which are gone."""
        self.held: tuple[int, ...] = ()
        """Descriptors that each process must keep open as long as it lives."""
        self.directory: DirectoryIdentity | None = None
        """What the output directory must be for each process."""
        self._ready = [WorkerProcess() for _ in self._split]
        # If the run never begins, end the processes when this object goes.
        weakref.finalize(self, _kill_all, self._ready)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    @property
    def in_flight(self) -> list[Transfer]:
        """The transfers of a moment ago; a snapshot for any thread."""
        return [
            transfer
            for member in list(self._members)
            for transfer in member.transfers
            if transfer.target.index in member.targets
        ]

    def activity(self) -> Activity:
        """What was going on a moment ago in all of them; for any thread."""
        gone = Activity(received=self._received_by_gone)
        return combined_activity([gone, *(member.activity for member in list(self._members))])

    def with_room(self) -> Member | None:
        """The process with the fewest targets for each worker, if it should get more; else None.

        Another process begins once all workers of the others have something to do.
        """
        idle = [member for member in self._members if member.workload.idle_workers]
        if not idle and self._free:
            idle = [self._begin()]
        with_room = [member for member in idle or self._members if member.workload.room()]
        return min(with_room, key=lambda member: member.workload.per_worker, default=None)

    def spoke(self, member: Member) -> None:
        """Take in that a process has sent something, so it is alive."""
        member.spoke, member.silent_looks, self._stillborn = True, 0, 0

    def end_the_silent(self) -> None:
        """Check all processes, and kill those that send nothing any more."""
        # Checks are counted, not time: while all processes are suspended, none of them hangs.
        for member in self._members:
            member.silent_looks += 1
            if member.silent_looks > _SILENT_LOOKS:
                member.process.kill()

    def remove(self, member: Member) -> None:
        """Remove a process that has ended. Another one may have its settings."""
        self._members.remove(member)
        self._received_by_gone += member.activity.received
        self._free.append(member.place)

    def lost(self, member: Member, how: str) -> None:
        """Take in that a process ended too early. Raises `StoppedError` if all end at once."""
        self._stillborn += not member.spoke
        if self._stillborn == _MOST_STILLBORN:
            detail = f"{_MOST_STILLBORN} processes ended as soon as they began: {how}"
            raise StoppedError(detail)

    def kill(self) -> None:
        """Kill all processes, and wait until they are gone."""
        _kill_all([member.process for member in self._members])
        _kill_all(self._ready)

    def _begin(self) -> Member:
        place = self._free.pop(0)
        settings = self._split[place]
        process = self._ready.pop() if self._ready else WorkerProcess()
        member = Member(process, place, Workload(settings.most_workers, time.monotonic()))
        self._members.append(member)
        level = _log.getEffectiveLevel()
        process.begin(Begin(settings, level, self._watched, place, self.directory), self.held)
        process.listen(lambda messages: self._heard(MemberReport(member, messages)))
        return member


def _kill_all(processes: list[WorkerProcess]) -> None:
    while processes:
        process = processes.pop()
        process.kill()
        process.wait()


def _transfer_of(target: Target, state: TransferState) -> Transfer:
    transfer = Transfer(Assignment.first_of(target))
    transfer.received, transfer.resumed, transfer.size = state.received, state.resumed, state.size
    transfer.enter(state.phase)
    return transfer
