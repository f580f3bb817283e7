"""A member in virtual time: the real schedule over virtual hosts; messages take a while."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from pyfetch.attempt import AttemptOutcome, Finished, GoesOn, RedirectState
from pyfetch.cluster import messages
from pyfetch.cluster.executor import Gone, Heard
from pyfetch.cluster.member_hosts import MemberHosts
from pyfetch.engine.download import Downloader
from pyfetch.engine.local import jobs_by, workers_by
from pyfetch.models import Failure, HostSignal, Outcome, Result
from pyfetch.scheduling.in_flight import InFlight
from pyfetch.scheduling.jobs import Done
from pyfetch.transfer import Transfer
from pyfetch.urls import Url
from tools.simulation.cluster.origins import Answer, Origins
from tools.simulation.cluster.timeline import Timeline

MESSAGE = 0.005
"""Seconds that a message takes, each way."""
GATHER = 0.01
"""Seconds for which a member gathers messages before it sends them, as members elsewhere do."""
_ALIVE_EVERY = 2.0
"""Seconds between two reports of what is in flight."""
_FETCHED, _SERVED = Outcome.FETCHED, Answer.SERVED
_ANSWERED = HostSignal.ANSWERED

Event = tuple[Callable[[Any], None], Any]


class VirtualMember:
    """A process of the run, and the coordinator's channel to it."""

    is_local = False
    where = ""

    def __init__(
        self,
        name: str,
        begin: messages.Begin,
        heard: Heard,
        origins: Origins,
        timeline: Timeline,
        ended: Callable[[], None],
    ) -> None:
        self.name = name
        self._heard = heard
        self._ended = ended
        self._origins = origins
        self._time = timeline
        self._hosts = MemberHosts(self._tell, cast(Downloader, _NoBodies()))
        self._hosts.tell = self._obey
        self._jobs = jobs_by(begin.settings, workers_by(begin.settings), self._hosts.make_queues)
        self._jobs.in_flight = InFlight()  # virtual answers do not stall
        self._outbox: list[messages.FromMember] = []
        self._wakes_at = math.inf
        self._has_asked = False
        self._no_more = False
        self._stalled_until = -math.inf
        self.gone = False
        self.given = 0
        """Targets that it has got."""
        self.busy = 0.0
        """Seconds that its workers were busy, together."""
        timeline.at(timeline.now + MESSAGE, self._begin)

    # What the coordinator calls.

    def send(self, message: messages.ToMember) -> None:
        """Let a message come in a moment."""
        self._time.after(MESSAGE, self._receive, message)

    def kill(self) -> None:
        """End it in a moment."""
        self._time.after(MESSAGE, self.die, "killed by SIGKILL")

    def refuse(self) -> None:
        """Nothing: no member is unfit."""

    # What befalls it.

    def die(self, how: str) -> None:
        """End it now: its connections are closed, and what it had to say is lost."""
        if self.gone:
            return
        self.gone = True
        for transfer in self._jobs.in_flight.snapshot():
            self._origins.of(transfer.assignment.origin).ended(self._time.now)
        self._ended()
        self._time.after(MESSAGE, self._heard, Gone(how))

    def stall(self, seconds: float) -> None:
        """Let it do nothing for so long, as after SIGSTOP; what comes has to wait."""
        self._stalled_until = self._time.now + seconds

    def _is_away(self, call: Callable[[Any], None], argument: Any) -> bool:
        """Whether this must not happen, or not yet."""
        if self.gone:
            return True
        if self._time.now < self._stalled_until:
            self._time.at(self._stalled_until, call, argument)
            return True
        return False

    # What it does.

    def _begin(self, _: None) -> None:
        self._tell(messages.ProbeWritten("", self.name))
        self._report(None)

    def _receive(self, message: messages.ToMember) -> None:
        if self._is_away(self._receive, message):
            return
        match message:
            case list():
                self._has_asked = False
                self.given += len(message)
                for target in message:
                    self._jobs.add(target)
                self._start_what_may()
            case messages.HostsTold() | messages.RunBudget():
                self._hosts.told(message)
            case None:
                self._no_more = True
                self._end_if_done()
            case messages.StopNow():
                self._end()
            case _:
                pass

    def _obey(self, told: Callable[[float], None]) -> None:
        told(self._time.now)
        self._start_what_may()

    def _start_what_may(self) -> None:
        jobs, now = self._jobs, self._time.now
        running, limit = jobs.in_flight.by_index, jobs.workers.limit
        while len(running) < limit:
            turn = jobs.next(now)
            if turn is None:
                self._wait_for_a_time()
                return
            if isinstance(turn, Done):
                self._done(turn)
            elif turn.assignment.refusal is None:
                self._ask(turn)
            else:
                self._take_in(turn, _not_asked(turn))

    def _wait_for_a_time(self) -> None:
        """Nothing may start though workers are free: look again when it is time for that."""
        due = self._jobs.due()
        if due is not None and due < self._wakes_at:
            self._wakes_at = max(due, self._time.now)
            self._time.at(self._wakes_at, self._wake, self._wakes_at)
        waiting = len(self._jobs) - len(self._jobs.in_flight)
        if not self._no_more and not self._has_asked and waiting:
            self._has_asked = True
            self._tell(messages.NeedsMore(waiting))

    def _wake(self, planned: float) -> None:
        if planned != self._wakes_at or self._is_away(self._wake, planned):
            return
        self._wakes_at = math.inf
        self._start_what_may()
        self._end_if_done()

    def _ask(self, transfer: Transfer) -> None:
        assignment = transfer.assignment
        now = self._time.now
        first = assignment.number == 1 and assignment.redirects is None
        self._origins.began(now)
        host = self._origins.of(assignment.origin)
        took, answer = host.asked(now, transfer.target.index, self.name, first=first)
        self.busy += took
        self._time.at(now + took, self._answered, (transfer, answer))

    def _answered(self, ended: tuple[Transfer, Answer]) -> None:
        """The host has answered; a member that stalls takes that in later."""
        if self.gone:
            return
        transfer, _ = ended
        self._origins.of(transfer.assignment.origin).ended(self._time.now)
        self._hear_answer(ended)

    def _hear_answer(self, ended: tuple[Transfer, Answer]) -> None:
        if self._is_away(self._hear_answer, ended):
            return
        transfer, answer = ended
        self._take_in(transfer, self._outcome_of(transfer, answer))
        self._start_what_may()
        self._end_if_done()

    def _take_in(self, transfer: Transfer, outcome: AttemptOutcome) -> None:
        done = self._jobs.ended(transfer, outcome, self._time.now)
        if done:
            self._done(done)

    def _outcome_of(self, transfer: Transfer, answer: Answer) -> AttemptOutcome:
        target, assignment = transfer.target, transfer.assignment
        if answer is _SERVED:
            result = Result(target.index, target.url.text, _FETCHED, None, 200)
            return Finished(result, _ANSWERED)
        host = self._origins.of(assignment.origin)
        if answer is Answer.REDIRECTED:
            other = host.manner.redirects(target.index)
            url = f"{other}/{target.index}"
            followed = assignment.redirects.followed if assignment.redirects else 0
            return GoesOn(RedirectState(Url(url, str(other), url), followed + 1))
        if answer is Answer.TOO_MANY:
            host.refusal_heard(self._time.now)
            asked = max(0.0, host.not_before - self._time.now)
            failed = target.as_failed(Failure.HTTP, "429", assignment.number)
            return Finished(failed._replace(status=429), HostSignal.PUSHED_BACK, asked)
        failed = target.as_failed(Failure.CONNECT, answer.value, assignment.number)
        return Finished(failed, HostSignal.UNREACHED)

    def _done(self, done: Done) -> None:
        self._tell(messages.TargetDone(done.attempt.result, None, None))

    def _end_if_done(self) -> None:
        if self._no_more and not self._jobs:
            self._end()

    def _end(self) -> None:
        self._tell(messages.MemberEnded(None, None))
        self._flush(None)
        self.die("exit status 0")

    # What it says.

    def _tell(self, message: messages.FromMember) -> None:
        if not self._outbox:
            self._time.after(GATHER, self._flush)
        self._outbox.append(message)

    def _flush(self, _: None) -> None:
        if self._outbox and not self._is_away(self._flush, None):
            outbox, self._outbox = self._outbox, []
            self._time.after(MESSAGE, self._heard, outbox)

    def _report(self, _: None) -> None:
        if self._is_away(self._report, None):
            return
        transfers = [
            messages.TransferState(each.target.index, 0, 0, None, each.phase)
            for each in self._jobs.in_flight.snapshot()
        ]
        activity = self._jobs.activity(self._time.now)
        self._tell(messages.InFlightReport(transfers, activity))
        self._time.after(_ALIVE_EVERY, self._report)


class _NoBodies:
    """Stands for what downloads: virtual answers have no bodies."""

    def limit_rate(self, rate: int) -> None:
        pass

    def limit_rate_of(self, origin: str, rate: int) -> None:
        pass


def _not_asked(turn: Transfer) -> Finished:
    refusal = turn.assignment.refusal
    assert refusal
    failed = turn.target.as_failed(refusal.failure, refusal.detail, turn.assignment.number)
    return Finished(failed, HostSignal.NOT_ASKED)
