"""Drives processes: a run over several, each of which has an engine of its own.

Names, state and order stay here; what a process that is killed has left undone is given to
another one.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from pyfetch.attempt import Attempt
from pyfetch.cluster.members import Member, Members, MemberTold
from pyfetch.cluster.messages import Ended, Finished, Flying, FromProcess, Hungry, Said, StopNow
from pyfetch.cluster.process import Gone, WorkerProcess
from pyfetch.cluster.shards import Share
from pyfetch.engine.base import GRACE, Driver
from pyfetch.engine.events import InputEnded, Stop
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.errors import RunError
from pyfetch.models import Entry, Failure, Result, Target
from pyfetch.scheduling.same_path import SamePath
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer

_LOOK_EVERY = 5.0
"""Seconds between two looks at which processes are silent."""
_REMEMBERED = 256
_LAST_WORD = 5.0
"""Seconds that processes get to end when all is done."""
MOST_DEATHS = 3
"""Processes that may end under a target before it is given up."""

_log = logging.getLogger(__name__)


class Coordinator(Driver[MemberTold]):
    """One run over processes."""

    def __init__(
        self,
        settings: Settings,
        *,
        window: ReadAhead,
        watched: bool = False,
        spares: Iterable[WorkerProcess] = (),
    ) -> None:
        super().__init__(window, fail_fast=settings.fail_fast)
        self._members = Members(settings, self._inbox.put, watched=watched, spares=spares)
        self._waiting: deque[Target] = deque()
        self._same_path = SamePath()
        self._deaths: Counter[int] = Counter()
        self._warned: set[str] = set()
        self._summaries: list[str] = []
        self._looks_at = self._clock() + _LOOK_EVERY
        self.holding: tuple[int, ...] = ()
        """Descriptors that each process is to have as long as it lives."""

    @property
    def in_flight(self) -> list[Transfer]:
        """What was running a moment ago; a snapshot for any thread."""
        return self._members.in_flight

    @property
    def workers_summary(self) -> str | None:
        """How many workers were settled on in each process, and why."""
        return "; ".join(self._summaries) or None

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call this; once `run` has ended, no process is left."""
        call()

    def _add(self, target: Target) -> None:
        if self._same_path.enter(target):
            self._waiting.append(target)

    def _has_targets(self) -> bool:
        return bool(self._waiting) or any(member.targets for member in self._members)

    def _do_what_is_due(self, now: float) -> Iterable[Result]:
        if self._looks_at <= now:
            self._looks_at = now + _LOOK_EVERY
            self._members.end_the_silent()  # what they had goes to others
        return ()

    def _start_what_may(self) -> Iterable[Result]:
        while self._waiting and (member := self._members.with_room(self.holding)):
            number = self._shard_for(member.share)
            if not number:
                break
            member.give([self._ledger.starting(self._waiting.popleft()) for _ in range(number)])
        return ()

    def _shard_for(self, share: Share) -> int:
        """How many of those that wait it gets: ahead of its workers, none that others can begin."""
        waiting = len(self._waiting)
        spare = waiting if share.is_hungry else max(0, waiting - self._members.workers)
        ahead = math.ceil(spare / self._members.most)
        return min(waiting, share.room(), max(share.idle, ahead))

    def _next_events(self) -> list[Entry | InputEnded | Stop | MemberTold]:
        due = min(self._looks_at, self._ledger.commit_due() or math.inf)
        return self._inbox.take(max(0, due - self._clock()))

    def _heard(self, told: MemberTold) -> Iterator[Result]:
        if isinstance(told.said, Gone):
            yield from self._take_back(told.member, told.said)
            return
        self._members.spoke(told.member)
        for message in told.said:
            yield from self._hear(told.member, message)

    def _hear(self, member: Member, message: FromProcess) -> Iterator[Result]:
        match message:
            case Finished(result, facts, path):
                target = member.finished(result.index)
                yield self._done(target, Attempt(result, facts=facts, path=path))
            case Flying():
                member.reported(message)
            case Hungry():
                member.share.hungry()
                if not self._waiting and not self.input_ended:
                    self._window.widen()
            case Said():
                self._log_once(message)
            case Ended():
                member.ended = True
                if message.workers:
                    self._summaries.append(message.workers)
                if message.error:
                    raise message.error

    def _log_once(self, said: Said) -> None:
        """What all processes warn of at their start is said once."""
        if said.level >= logging.WARNING:
            if said.text in self._warned:
                return
            if len(self._warned) < _REMEMBERED:
                self._warned.add(said.text)
        _log.log(said.level, "%s", said.text)

    def _done(self, target: Target, attempt: Attempt) -> Result:
        result = self._finished(target, attempt)
        self._deaths.pop(target.index, None)
        following = self._same_path.leave(target)
        if following:
            self._waiting.append(following)
        return result

    def _take_back(self, member: Member, gone: Gone) -> Iterator[Result]:
        """What a process that is gone has left undone is for another one."""
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
                again.append(target._replace(known=target.known._replace(begun=True)))
                continue
            detail = f"{MOST_DEATHS} processes ended while they had it: {gone.how}"
            yield self._done(target, Attempt(target.as_failed(Failure.INTERNAL, detail)))
        self._waiting.extendleft(reversed(again))

    def _end(self) -> Iterator[Result]:
        """Let the processes go, or, where the run was stopped, give them a moment to end."""
        for member in self._members:
            member.process.send(StopNow() if self.stopped else None)
        until = time.monotonic() + (2 * GRACE if self.stopped else _LAST_WORD)
        while len(self._members) and (left := until - time.monotonic()) > 0:
            for event in self._left(left):
                if isinstance(event, MemberTold):
                    with contextlib.suppress(RunError):  # it has been told of
                        yield from self._heard(event)
        for member in self._members:
            for target in member.targets.values():
                yield target.as_failed(Failure.CANCELLED, "the run was stopped")

    def _let_go(self) -> None:
        self._members.kill()
