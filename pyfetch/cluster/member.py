"""One member of a run: a process with an engine of its own, as the coordinator sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pyfetch.activity import IDLE, Activity
from pyfetch.attempt import Assignment
from pyfetch.cluster.executor import Gone, MemberChannel
from pyfetch.cluster.messages import FromMember, InFlightReport, TransferState
from pyfetch.cluster.workload import Workload
from pyfetch.models import Target
from pyfetch.scheduling.host_limits import Limits
from pyfetch.transfer import Transfer


@dataclass(slots=True, eq=False)
class Member:
    """A process of a run."""

    place: int
    """Index of its share of the settings."""
    workload: Workload
    is_ready: bool = False
    """Whether it may get targets."""
    channel: MemberChannel = field(init=False)
    targets: dict[int, Target] = field(default_factory=dict, repr=False)
    """Targets that it has not done yet, by index."""
    fetched: set[int] = field(default_factory=set, repr=False)
    """Those of them whose files are there and are computed."""
    transfers: list[Transfer] = field(default_factory=list, repr=False)
    """The transfers in flight, as it has reported last."""
    activity: Activity = IDLE
    """What it has reported to come in, and to wait."""
    ended: bool = False
    """Whether it has reported that it is done."""
    unfit: str | None = None
    """Why it cannot work where it is: a sentence without a full stop."""
    spoke: bool = False
    """Whether it has sent any message."""
    silent_looks: int = 0
    """Calls of `Members.end_the_silent` since its last message."""
    _reported_at: float = 0.0
    _bytes_a_second: float = 0.0

    @property
    def is_transferring(self) -> bool:
        """Whether it had a transfer in flight a moment ago; for any thread."""
        return any(one.target.index in self.targets for one in self.transfers)

    def give(self, targets: list[Target]) -> None:
        """Send it these targets."""
        self.targets.update((target.index, target) for target in targets)
        self.workload.given(len(targets))
        self.channel.send(targets)

    def finished(self, index: int, now: float) -> Target:
        """Take in that it has done this target."""
        self.workload.finished(1, now)
        return self.targets.pop(index)

    def forget_fetched(self, index: int) -> bool:
        """Take in that a file is no longer computed. Returns whether it was."""
        was_fetched = index in self.fetched
        self.fetched.discard(index)
        return was_fetched

    def returned(self, indexes: Iterable[int]) -> list[Target]:
        """Take in that it will not do these targets. Returns those that it had."""
        returned = [self.targets.pop(index) for index in indexes if index in self.targets]
        self.workload.returned(len(returned))
        return returned

    def reported(self, report: InFlightReport, now: float) -> None:
        """Take in its report of transfers in flight."""
        elapsed, self._reported_at = now - self._reported_at, now
        if elapsed > 0:
            self._bytes_a_second = (report.activity.received - self.activity.received) / elapsed
        self.transfers = [
            _transfer_of(self.targets[state.target_index], state)
            for state in report.transfers
            if state.target_index in self.targets
        ]
        self.activity = report.activity

    def use_of(self, part: Limits) -> float:
        """Which fraction it uses of its part of what holds for the whole run; 1: all of it."""
        if not self.targets:
            return 0.0
        use = 0.0
        if part.interval:
            use = 1.0 if self.activity.held_back else self.workload.speed * part.interval
        if part.limit_rate:
            use = max(use, self._bytes_a_second / part.limit_rate)
        return use


class MemberReport(NamedTuple):
    """Messages of a member, or the news that it has ended."""

    member: Member
    messages: list[FromMember] | Gone


def _transfer_of(target: Target, state: TransferState) -> Transfer:
    transfer = Transfer(Assignment.first_of(target))
    transfer.received, transfer.resumed, transfer.size = state.received, state.resumed, state.size
    transfer.enter(state.phase)
    return transfer
