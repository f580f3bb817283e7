"""A run over several processes, each of which has an engine of its own.

This process keeps the names, the state and the order. If another one ends too early, its targets
are given to the others.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from pyfetch.activity import Activity
from pyfetch.attempt import Finished
from pyfetch.cluster import messages
from pyfetch.cluster.members import Member, MemberReport, Members
from pyfetch.cluster.process import Gone
from pyfetch.cluster.workload import Workload
from pyfetch.engine.base import GRACE, Driver, Wake
from pyfetch.engine.read_ahead import InputEnded, ReadAhead
from pyfetch.errors import RunError
from pyfetch.models import Entry, Failure, IfExists, Result, Target
from pyfetch.scheduling.same_path import SamePath
from pyfetch.settings import Settings
from pyfetch.storage.ledger import Ledger, NoLedger
from pyfetch.storage.lock import RunLock
from pyfetch.transfer import Transfer

_LOOK_EVERY = 5.0
"""Seconds between two checks for processes that send nothing."""
_MOST_REMEMBERED = 256
"""Warnings that are remembered, at most, so that each is logged once."""
_EXIT_WAIT = 5.0
"""Seconds that processes get to end once all is done."""
MOST_DEATHS = 3
"""A target fails after this many processes have ended while they had it."""

_log = logging.getLogger(__name__)


class Coordinator(Driver[MemberReport]):
    """One run over processes, which are started when it is made.

    `watched`: whether somebody will look at what is in flight. `warned`: texts of warnings that
    were logged before.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        read_ahead: ReadAhead,
        watched: bool = False,
        warned: Iterable[str] = (),
    ) -> None:
        super().__init__(read_ahead, fail_fast=settings.fail_fast)
        self._members = Members(settings, self._mailbox.put, watched=watched)
        self._ledger: Ledger = NoLedger()
        self._if_exists = settings.if_exists
        self._waiting: deque[Target] = deque()
        self._same_path = SamePath()
        self._deaths: Counter[int] = Counter()
        self._warned = set(warned)
        self._summaries: list[str] = []
        self._look_at = self._clock() + _LOOK_EVERY

    @property
    def in_flight(self) -> list[Transfer]:
        return self._members.in_flight

    def activity(self) -> Activity:
        return self._members.activity()

    @property
    def workers_summary(self) -> str | None:
        return "; ".join(self._summaries) or None

    def when_idle(self, call: Callable[[], None]) -> None:
        call()  # when `run` has ended, all processes have ended

    def _begin(self, ledger: Ledger, lock: RunLock | None) -> None:
        self._ledger = ledger
        if lock:  # each process that may write files holds the lock, too
            self._members.held = (lock.descriptor,)
            self._members.directory = lock.identity()

    def _commit(self) -> None:
        self._ledger.commit()

    def _expect(self, targets: Sequence[Target]) -> None:
        self._ledger.expect(targets)

    def _add(self, targets: Sequence[Target]) -> None:
        for target in targets:
            named = self._ledger.named(target)
            if self._same_path.enter(named):
                self._waiting.append(named)

    def _deliver(self, result: Result) -> None:
        self._state.deliver(result)

    def _is_done(self) -> bool:
        return not self._waiting and not any(member.targets for member in self._members)

    def _do_what_is_due(self) -> None:
        now = self._clock()
        if self._look_at <= now:
            self._look_at = now + _LOOK_EVERY
            self._members.end_the_silent()  # their targets go to others
        commit_at = self._ledger.commit_due()
        if commit_at is not None and commit_at <= now:
            self._ledger.commit()

    def _start_what_may(self) -> None:
        while self._waiting and not self._state.results.is_full():
            member = self._members.with_room()
            number = self._shard_size(member.workload) if member else 0
            if member is None or not number:
                return
            member.give([self._ledger.starting(self._waiting.popleft()) for _ in range(number)])

    def _shard_size(self, workload: Workload) -> int:
        """How many targets a process gets now; those that idle workers could begin go to others."""
        waiting = len(self._waiting)
        spare = waiting if workload.waits_for_more else max(0, waiting - self._members.workers)
        ahead = math.ceil(spare / self._members.most)
        return min(waiting, workload.room(), max(workload.idle_workers, ahead))

    def _wait(self) -> list[Entry | InputEnded | Wake | MemberReport]:
        due = min(self._look_at, self._ledger.commit_due() or math.inf)
        return self._mailbox.take(max(0, due - self._clock()))

    def _hear(self, report: MemberReport) -> None:
        if isinstance(report.messages, Gone):
            self._take_back(report.member, report.messages)
            return
        self._members.spoke(report.member)
        for message in report.messages:
            self._follow(report.member, message)

    def _follow(self, member: Member, message: messages.FromProcess) -> None:
        match message:
            case messages.TargetDone(result, facts, path):
                target = member.finished(result.index)
                self._finish(target, Finished(result, facts=facts, path=path))
            case messages.NameWanted(index, said, beside):
                named = self._ledger.rename(member.targets[index], said, beside=beside)
                assert named.path is not None  # noqa: S101 - else no name is asked for
                member.process.send(messages.NameGiven(index, named.path, named.known))
            case messages.InFlightReport():
                member.reported(message)
            case messages.NeedsMore():
                member.workload.needs_more()
                if not self._waiting and not self.input_ended:
                    self._read_ahead.widen()
            case messages.LogLine():
                self._log_once(message)
            case messages.ProcessEnded():
                member.ended = True
                if message.workers:
                    self._summaries.append(message.workers)
                if message.error:
                    raise message.error

    def _log_once(self, line: messages.LogLine) -> None:
        """Log a line. A warning that several processes send is logged once."""
        if line.level >= logging.WARNING:
            if line.text in self._warned:
                return
            if len(self._warned) < _MOST_REMEMBERED:
                self._warned.add(line.text)
        _log.log(line.level, "%s", line.text)

    def _finish(self, target: Target, attempt: Finished) -> None:
        self._ledger.finished(target, attempt)
        self._deaths.pop(target.index, None)
        following = self._same_path.leave(target)
        if following:
            self._waiting.append(following)
        self._state.deliver(attempt.result)

    def _take_back(self, member: Member, gone: Gone) -> None:
        """Give the targets of a process that has ended to others, or let them fail."""
        self._members.remove(member)
        if member.ended or self.stopped:
            return
        left = sorted(member.targets.values(), key=lambda target: target.index)
        if left:
            _log.warning("a process ended (%s): %d URLs go to another one", gone.how, len(left))
        self._members.lost(member, gone.how)
        again = []
        for target in left:
            self._deaths[target.index] += 1
            if self._deaths[target.index] < MOST_DEATHS:
                again.append(self._as_lost(target))
                continue
            detail = f"{MOST_DEATHS} processes ended while they had it: {gone.how}"
            self._finish(target, Finished(target.as_failed(Failure.INTERNAL, detail)))
        self._waiting.extendleft(reversed(again))

    def _as_lost(self, target: Target) -> Target:
        """The target for another process, after the one that had it was killed.

        That process may have placed the file without reporting it. If nothing had the name before,
        `--if-exists fail` and `rename` must not protect the file that is there now.
        """
        is_ours = self._if_exists is IfExists.RENAME or (
            self._if_exists is IfExists.FAIL and target.known.placed_by_us
        )
        return target._replace(if_exists=IfExists.REFRESH) if is_ours else target

    def _end(self) -> None:
        """Let the processes end. In a run that was stopped, they get only a moment."""
        if self._state.abandoned:
            return
        for member in self._members:
            member.process.send(messages.StopNow() if self.stopped else None)
        until = time.monotonic() + (2 * GRACE if self.stopped else _EXIT_WAIT)
        while len(self._members) and (left := until - time.monotonic()) > 0:
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
        self._members.kill()
