"""A run over several members: processes with an engine of their own, here or on other machines.

This process keeps the names, the state and the order. If a member ends too early, its targets are
given to the others.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from pyfetch.activity import Activity, BusyHost
from pyfetch.attempt import Finished
from pyfetch.cluster import messages
from pyfetch.cluster.computing_messages import FileFetched, FilesCounted, TasksDone
from pyfetch.cluster.executor import Executor, Gone, RoomChanged
from pyfetch.cluster.host_tally import HostTally
from pyfetch.cluster.member import Member, MemberReport
from pyfetch.cluster.members import Members
from pyfetch.cluster.pack_messages import PackBytes, PackBytesWanted, PackReturned, PackWanted
from pyfetch.cluster.packing import MembersPacks
from pyfetch.cluster.probe import why_not_shared
from pyfetch.cluster.sharing import Sharing
from pyfetch.cluster.workload import Workload
from pyfetch.engine.base import GRACE, Driver, Wake
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import InputEnded, ReadAhead
from pyfetch.errors import RunError
from pyfetch.models import Entry, Failure, IfExists, Result, Target
from pyfetch.scheduling.same_path import SamePath
from pyfetch.settings import Settings
from pyfetch.storage.ledger import Ledger, NoLedger
from pyfetch.storage.lock import RunLock
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where something is computed
    from pyfetch.cluster.members_computing import MembersComputing
    from pyfetch.storage.packs.packs import Packs

_LOOK_EVERY = 5.0
"""Seconds between two checks for members that send nothing."""
_MOST_REMEMBERED = 256
"""Warnings that are remembered, at most, so that each is logged once."""
_EXIT_WAIT = 5.0
"""Seconds that members get to end once all is done."""
MOST_DEATHS = 3
"""A target fails after this many members have ended while they had it."""

_log = logging.getLogger(__name__)

Item = Entry | InputEnded | Wake | MemberReport | RoomChanged


class Coordinator(Driver[MemberReport | RoomChanged]):
    """One run over members, which the executor starts.

    `shares`: the settings of each member; there are no more members than shares. `watched`: whether
    somebody will look at what is in flight. `warned`: texts of warnings that were logged before.
    """

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        shares: list[Settings],
        *,
        read_ahead: ReadAhead,
        watched: bool = False,
        warned: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
        computing: MembersComputing | None = None,
        mailbox: Mailbox[Item] | None = None,
    ) -> None:
        """`clock` and `mailbox`: where time is simulated."""
        super().__init__(read_ahead, fail_fast=settings.fail_fast, clock=clock, mailbox=mailbox)
        self._executor = executor
        self._sharing = Sharing(settings)
        self._hosts = self._sharing.hosts
        self._members = Members(
            shares,
            executor,
            self._mailbox.put,
            clock,
            ready=self._sharing.joined,
            watched=watched,
            computing=computing,
        )
        self._output_dir = settings.output_dir
        self._computing = computing
        self._keeps_files = settings.keep
        self._ledger: Ledger = NoLedger()
        self._if_exists = settings.if_exists
        self._packs: MembersPacks | None = None
        self._same_path = SamePath()
        self._tally = HostTally()
        self._deaths: Counter[int] = Counter()
        self._warned = set(warned)
        self._summaries: list[str] = []
        self._look_at = self._clock() + _LOOK_EVERY

    @property
    def in_flight(self) -> list[Transfer]:
        return self._members.in_flight

    def activity(self) -> Activity:
        return self._sharing.with_waiting(self._members.activity())

    @property
    def busy_hosts(self) -> tuple[BusyHost, ...]:
        return self._tally.busiest()

    @property
    def workers_summary(self) -> str | None:
        return "; ".join(self._summaries) or None

    @property
    def hosts_summary(self) -> str | None:
        return self._tally.summary() if self._members.most > 1 else None

    def use_packs(self, packs: Packs) -> None:
        self._packs = MembersPacks(packs)

    def when_idle(self, call: Callable[[], None]) -> None:
        call()  # when `run` has ended, all members have ended

    def _begin(self, ledger: Ledger, lock: RunLock | None) -> None:
        self._ledger = ledger
        if lock:  # each process of this machine that may write files holds the lock, too
            self._executor.hold(lock.descriptor)
            self._members.directory = lock.identity()
        self._executor.watch(self._mailbox.put)

    def _commit(self) -> None:
        self._ledger.commit()

    def _expect(self, targets: Sequence[Target]) -> None:
        self._ledger.expect(targets)

    def _add(self, targets: Sequence[Target]) -> None:
        for target in targets:
            named = self._ledger.named(target)
            if self._same_path.enter(named):
                self._hosts.add(named)

    def _deliver(self, result: Result) -> None:
        self._state.deliver(result)

    def _is_done(self) -> bool:
        return not self._hosts.waiting and not any(member.targets for member in self._members)

    def _do_what_is_due(self) -> None:
        now = self._clock()
        if self._look_at <= now:
            self._look_at = now + _LOOK_EVERY
            self._members.end_the_silent()  # their targets go to others
        self._sharing.do_what_is_due(self._members, now)
        commit_at = self._ledger.commit_due()
        if commit_at is not None and commit_at <= now:
            self._ledger.commit()

    def _start_what_may(self) -> None:
        hosts = self._hosts
        while hosts.waiting and not self._state.results.is_full():
            members = self._members.with_room(hosts.waiting, self._sharing.may_get_more)
            gave = 0
            for place, member in enumerate(members):
                gave += self._give_to(member, len(members) - place)
            if not gave:
                return
        if not hosts.waiting and self._members.with_room(0, self._sharing.may_get_more):
            self._widen()

    def _give_to(self, member: Member, among: int) -> bool:
        """Give a member what it should get next. Returns whether there was anything for it.

        `among`: how many members there are to be given something, this one included.
        """
        number = self._shard_size(member.workload)
        targets = self._sharing.take(member, number, self._clock(), among) if number else []
        if targets:
            member.give([self._ledger.starting(target) for target in targets])
        elif member.workload.idle_workers:
            self._widen()
        return bool(targets)

    def _widen(self) -> None:
        """Read further ahead: what was read so far may not be asked now, or is too little."""
        if not self.input_ended:
            self._read_ahead.widen(self._members.workers)

    def _shard_size(self, workload: Workload) -> int:
        """How many targets a member gets now; those that idle workers could begin go to others."""
        waiting = self._hosts.waiting
        spare = waiting if workload.waits_for_more else max(0, waiting - self._members.workers)
        ahead = math.ceil(spare / self._members.most)
        return min(waiting, workload.room(), max(workload.idle_workers, ahead))

    def _wait(self) -> list[Item]:
        due = min(self._look_at, self._ledger.commit_due() or math.inf, self._sharing.due())
        return self._mailbox.take(max(0, due - self._clock()))

    def _hear(self, report: MemberReport | RoomChanged) -> None:
        if isinstance(report, RoomChanged):
            if report.error:
                raise report.error
            return
        if isinstance(report.messages, Gone):
            self._take_back(report.member, report.messages)
            return
        self._members.spoke(report.member)
        for message in report.messages:
            self._follow(report.member, message)

    def _follow(self, member: Member, message: messages.FromMember) -> None:
        match message:
            case messages.TargetDone(result, facts, path):
                now = self._clock()
                target = member.finished(result.index, now)
                self._hosts.finished(member, target, now)
                is_noted = member.forget_fetched(result.index)
                self._finish(target, Finished(result, facts=facts, path=path), is_noted=is_noted)
            case messages.NameWanted(index, said, beside):
                named = self._ledger.rename(member.targets[index], said, beside=beside)
                assert named.path is not None  # noqa: S101 - else no name is asked for
                given = messages.NameGiven(index, named.path, named.known, named.if_exists)
                member.channel.send(given)
            case PackWanted() | PackReturned() | PackBytes() | PackBytesWanted():
                assert self._packs  # noqa: S101 - else none is asked for
                self._packs.follow(member, message)
            case messages.NeedsMore(waiting):
                member.workload.needs_more(waiting)
                if not self._hosts.waiting:
                    self._widen()
            case FileFetched() | TasksDone() | FilesCounted():
                assert self._computing  # noqa: S101 - else they do not come
                self._computing.follow(member, message)
            case _:
                if not self._sharing.follow(member, message, self._clock()):
                    self._follow_state(member, message)

    def _follow_state(self, member: Member, message: messages.FromMember) -> None:
        """Take in what a member says of itself."""
        match message:
            case messages.InFlightReport():
                member.reported(message, self._clock())
                self._tally.add(message.asked, self._clock())
            case messages.ProbeWritten():
                self._take_probe(member, message)
            case messages.IsReady() if not member.unfit:
                self._members.ready(member)
            case messages.IsUnfit():
                member.unfit = message.why
            case messages.LogLine():
                self._log_once(message)
            case messages.MemberEnded():
                member.ended = True
                if message.workers:
                    self._summaries.append(message.workers)
                if message.used and self._computing:
                    self._computing.ended(message.used)
                if message.error:
                    raise message.error

    def _take_probe(self, member: Member, probe: messages.ProbeWritten) -> None:
        why = why_not_shared(self._output_dir, probe)
        if not self._keeps_files:
            member.channel.send(messages.OutputIsShared(why is None))
        elif why:
            member.unfit = why
            member.channel.kill()
        if not member.unfit and not self._computing:  # else it says itself when it can compute
            self._members.ready(member)

    def _log_once(self, line: messages.LogLine) -> None:
        """Log a line. A warning that several members send is logged once."""
        if line.level >= logging.WARNING:
            if line.text in self._warned:
                return
            if len(self._warned) < _MOST_REMEMBERED:
                self._warned.add(line.text)
        _log.log(line.level, "%s", line.text)

    def _finish(self, target: Target, attempt: Finished, *, is_noted: bool = False) -> None:
        """Deliver how a target ended. `is_noted`: the ledger knows that it was fetched."""
        if not is_noted:
            self._ledger.finished(target, attempt)
        self._deaths.pop(target.index, None)
        following = self._same_path.leave(target)
        if following:
            self._hosts.add(following)
        self._state.deliver(attempt.result)

    def _take_back(self, member: Member, gone: Gone) -> None:
        """Give the targets of a member that has ended to others, or let them fail."""
        self._members.remove(member)
        if self._packs:
            self._packs.gone(member)
        self._sharing.gone(member, self._clock())
        if member.ended or self.stopped:
            return
        why = gone.how if gone.is_unfit else member.unfit
        if why:  # it has got no targets
            self._members.refuse(member, why)
            return
        left = sorted(member.targets.values(), key=lambda target: target.index)
        if left:
            _log.warning("a process ended (%s): %d URLs go to another one", gone.how, len(left))
        self._members.lost(member, gone.how)
        again = []
        for target in left:
            self._deaths[target.index] += not gone.is_blameless
            is_noted = target.index in member.fetched
            if self._deaths[target.index] < MOST_DEATHS:
                again.append(
                    self._computing.again(target)
                    if self._computing and is_noted
                    else self._as_lost(target)
                )
                continue
            detail = f"{MOST_DEATHS} processes ended while they had it: {gone.how}"
            failed = Finished(target.as_failed(Failure.WORKER, detail))
            self._finish(target, failed, is_noted=is_noted)
        self._hosts.put_back(again)

    def _as_lost(self, target: Target) -> Target:
        """The target for another member, after the one that had it was killed.

        That member may have placed the file without reporting it. If nothing had the name before,
        `--if-exists fail` and `rename` must not protect the file that is there now.
        """
        is_ours = self._if_exists is IfExists.RENAME or (
            self._if_exists is IfExists.FAIL and target.known.placed_by_us
        )
        return target._replace(if_exists=IfExists.REFRESH) if is_ours else target

    def _end(self) -> None:
        """Let the members end. In a run that was stopped, they get only a moment."""
        if self._state.abandoned:
            return
        for member in self._members:
            if not member.is_ready:  # it may have to wait for its turn
                member.channel.kill()
            member.channel.send(messages.StopNow() if self.stopped else None)
        until = self._clock() + (2 * GRACE if self.stopped else _EXIT_WAIT)
        while len(self._members) and (left := until - self._clock()) > 0:
            reports = list(self._taken) or self._mailbox.take(left)
            self._taken.clear()
            for report in reports:
                if isinstance(report, MemberReport):
                    with contextlib.suppress(RunError):  # the run has an error already, or is done
                        self._hear(report)
        for member in self._members:
            for target in member.targets.values():
                self._deliver(target.as_failed(Failure.CANCELLED, "the run was stopped"))

    def _release(self) -> None:
        self._members.close()
