"""What becomes of each target, from its first attempt to its last. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.attempt import AttemptOutcome, Finished, GoesOn, NotMade
from pyfetch.models import Failure, HostSignal, Result, Target, TargetError
from pyfetch.scheduling.host_limits import RulesOf
from pyfetch.scheduling.in_flight import InFlight, StallDetector
from pyfetch.scheduling.job import Deadlines, Job
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where something is drawn only
    from pyfetch.activity import Activity

_STOPPED = "the run was stopped"
_WAIT_NOT_MADE = 0.2
"""Seconds to wait after an attempt could not be made for lack of descriptors or threads."""
_MOST_NOT_MADE = 300
"""After this many attempts in a row that could not be made, the target fails."""

_log = logging.getLogger(__name__)


class Done(NamedTuple):
    """A target that needs no other attempt, and how its last one ended."""

    target: Target
    attempt: Finished


class Jobs:
    """Says which attempt may be made now, and takes in how it ended.

    In the end there is one `Done` for each target that was added.
    """

    def __init__(
        self,
        queues: HostQueues,
        workers: WorkerLimit,
        retry: RetryPolicy,
        max_time: float | None = None,
        stalls: StallDetector | None = None,
        rules_of: RulesOf | None = None,
        *,
        holds_paths: bool = False,
    ) -> None:
        """`rules_of`: where hosts have a policy of their own.

        `holds_paths`: whether nothing may be fetched to the path of a file that came until
        `let_go` is called.
        """
        self._queues = queues
        self.workers = workers
        self._retry = retry
        self._rules_of = rules_of
        self._holds_paths = holds_paths
        self._deadlines = Deadlines(max_time)
        self._has_deadlines = max_time is not None
        self._jobs: dict[int, Job] = {}
        self._read_at: dict[int, float] = {}
        """By index, when targets that no attempt was made at began to wait."""
        self._stalls = stalls
        self.in_flight = InFlight(stalls)
        self._not_made_in_a_row = 0
        self.starved = False
        """Whether a worker had nothing to do when `next` was called last."""

    def __len__(self) -> int:
        """How many targets are not done."""
        return len(self._queues) + len(self.in_flight)

    def add(self, target: Target, now: float | None = None) -> None:
        """Let a target wait for its first attempt. `now`: where its wait is to be known."""
        if now is not None:
            self._read_at[target.index] = now
        self._queues.add(target)

    def next(self, now: float) -> Transfer | Done | None:
        """The attempt to make now, or a target that is done without another attempt.

        None: nothing may start now.
        """
        limit = self.workers.limit
        full = len(self.in_flight.by_index) >= limit
        while True:
            target = None if full else self._queues.next(now, limit)
            self.starved = not full and target is None
            if target is None:
                self.workers.idle(now, full=full)
                return None
            job = self._jobs.get(target.index) or self._begin(target, now)
            refused = self._queues.refusal(job.origin, now)
            if not refused:
                return self._start(job, now, None)
            if job.failed is None:
                # Make the attempt nevertheless: if the file is there, no host has to be asked.
                refusal = TargetError(refused.failure, f"not asked: {refused.detail}")
                return self._start(job, now, refusal)
            done = self._done_here(job, job.failed, now, f"not tried again: {refused.detail}")
            if done:
                return done

    def ended(self, transfer: Transfer, outcome: AttemptOutcome, now: float) -> Done | None:
        """Take in how an attempt has ended. Returns its target if that is done."""
        job = self._jobs[transfer.target.index]
        self.in_flight.remove(transfer)
        late = self._has_deadlines and self._deadlines.missed(job)
        if isinstance(outcome, NotMade):
            self._not_made_in_a_row += 1
            if not late and self._not_made_in_a_row <= _MOST_NOT_MADE:
                self._take_back(job, transfer, now)
                return None
            outcome = outcome.failed
        else:
            self._not_made_in_a_row = 0
        self._report(job, transfer, outcome, now, late=late)
        if isinstance(outcome, GoesOn):
            if late:
                failed = job.as_failed(Failure.TIMEOUT, self._deadlines.detail)
                return self._done(job, failed, now)
            job.go_on(outcome.redirects, transfer)
            self._queues.again(job.target, job.origin, now)
            return None
        if late or outcome.result.error is None:
            return self._done(job, outcome, now)
        if job.mirrors and not transfer.decodes:
            job.learn_length(transfer.size)
        not_asked = transfer.assignment.refusal and outcome.sign is HostSignal.NOT_ASKED
        if not_asked or not self._retry.may_pass(outcome.result):
            return self._done_here(job, outcome, now)
        job.learn_progress(transfer, now, self._stalls)
        return self._try_again(job, outcome, now)

    def give_back(self, origin: str) -> list[Target]:
        """Remove the targets of a host for which no attempt was made, for another member."""
        removed = self._queues.remove_ready(origin, self._jobs)
        for target in removed:
            self._read_at.pop(target.index, None)
        return removed

    def let_go(self, target: Target) -> bool:
        """Let go of the path of a target that is done. Returns whether another one may start."""
        return self._queues.finish(target)

    def take_back(self, transfer: Transfer, now: float) -> None:
        """Take back an attempt that no worker could begin: it is made later, with fewer workers."""
        self.in_flight.remove(transfer)
        self._take_back(self._jobs[transfer.target.index], transfer, now)

    def _take_back(self, job: Job, transfer: Transfer, now: float) -> None:
        self._queues.ended(
            job.origin, now, transfer.assignment.began, HostSignal.NOT_ASKED, None, None
        )
        job.take_back()
        limit = self.workers.limit
        self.workers.fall_short(len(self.in_flight), now)
        if self.workers.limit < limit:
            _log.info("out of descriptors or threads: workers %d → %d", limit, self.workers.limit)
        self._queues.again(job.target, job.origin, now + _WAIT_NOT_MADE)

    def given_up(self, transfer: Transfer, outcome: AttemptOutcome) -> Done:
        """Take in how an attempt has ended in a run that was stopped: no other follows."""
        job = self._jobs[transfer.target.index]
        self.in_flight.remove(transfer)
        if not isinstance(outcome, Finished):
            outcome = job.as_failed(Failure.CANCELLED, _STOPPED)
        return self._done(job, outcome, 0.0)

    def stop(self) -> None:
        """Cancel all attempts, including those that no worker has begun."""
        self.in_flight.stop(_STOPPED)

    def cancelled(self) -> Iterator[Result]:
        """A result for each target that was started and will not be done."""
        for job in self._jobs.values():
            yield job.as_failed(Failure.CANCELLED, _STOPPED).result

    def late(self, now: float) -> Iterator[Done]:
        """End the jobs whose deadline has passed. Yields those that are done now."""
        detail = self._deadlines.detail
        for job in self._deadlines.late(now):
            transfer = self.in_flight.of(job.target.index)
            if transfer:
                transfer.stop(Failure.TIMEOUT, detail)  # then `ended` will be called
                continue
            self._queues.drop(job.target)
            if job.failed:
                yield self._done(job, job.failed, now, detail)
            else:
                yield self._done(job, job.as_failed(Failure.TIMEOUT, detail), now)

    def review(self, now: float) -> bool:
        """Reconsider the limit of workers. Returns whether it has changed."""
        step = self.workers.review(now, len(self.in_flight), self.in_flight.bytes_received)
        if step:
            _log.info("%s", step)
        return step is not None

    def activity(self, now: float) -> Activity:
        """What has come so far, and who waits for whom."""
        from pyfetch.scheduling.waiting import who_waits  # loaded where something is drawn only

        return who_waits(self._queues, now, self.in_flight.bytes_received())

    def due(self, *, may_start: bool = True) -> float | None:
        """When something has to be done even if nothing happens before; None: never.

        `may_start`: whether attempts would be started then if there are free workers.
        """
        times = [self.workers.due(), self._deadlines.due(), self.in_flight.due()]
        if may_start and len(self.in_flight) < self.workers.limit:
            times.append(self._queues.wake_at())
        return min((time for time in times if time is not None), default=None)

    def _begin(self, target: Target, now: float) -> Job:
        index, url = target.index, target.url
        job = self._jobs[index] = Job(target, now, url, self._read_at.pop(index, None))
        if self._has_deadlines:
            self._deadlines.begin(job)
        return job

    def _start(self, job: Job, now: float, refusal: TargetError | None) -> Transfer:
        transfer = Transfer(job.next_attempt(now, refusal))
        self.in_flight.add(transfer)
        self._queues.started(job.origin, now)
        return transfer

    def _report(
        self, job: Job, transfer: Transfer, outcome: Finished | GoesOn, now: float, *, late: bool
    ) -> None:
        """Report to the worker limit and to the host how an attempt has ended."""
        began = transfer.assignment.began
        latency = now - began if transfer.latency is None else transfer.latency
        if isinstance(outcome, GoesOn):
            sign, result = HostSignal.ANSWERED, None
        else:
            sign, result = outcome.sign, outcome.result
        if late and sign is HostSignal.NONE and transfer.latency is None:
            sign = HostSignal.SILENT
        too_much = self._queues.ended(job.origin, now, began, sign, outcome.asked_wait, result)
        self.workers.ended(began, latency, pushed_back=too_much)

    def _try_again(self, job: Job, attempt: Finished, now: float) -> Done | None:
        """Plan another attempt, if the job has retries and time left."""
        result = attempt.result
        policy = self._rules_of(job.origin).policy if self._rules_of else self._retry
        wait = policy.wait(result.attempts - job.attempts_forgiven, attempt.asked_wait)
        if wait is None:
            why_not = policy.refusal(attempt.asked_wait)
            return self._done_here(job, attempt, now, why_not)
        too_late = self._deadlines.too_late(job, now + wait)
        if too_late:
            return self._done(job, attempt, now, too_late)
        _log.info(
            "attempt %d: %s: %s (%s); again in %.1f s",
            result.attempts, result.url, result.error, result.detail, wait,
        )  # fmt: skip
        job.note_failure(attempt, now)
        job.try_again(attempt)
        hung = result.error is Failure.TIMEOUT and attempt.sign is not HostSignal.UNREACHED
        self._queues.again(job.target, job.origin, now + wait, hung=hung)
        return None

    def _done_here(
        self, job: Job, attempt: Finished, now: float, why_not_again: str = ""
    ) -> Done | None:
        """End the job, unless there is another mirror to ask."""
        if not job.turn_to_next_mirror(attempt.result):
            return self._done(job, attempt, now, why_not_again)
        job.note_failure(attempt, now)
        self._queues.again(job.target, job.origin, now)
        return None

    def _done(self, job: Job, attempt: Finished, now: float, why_not_again: str = "") -> Done:
        target = job.target
        if not (self._holds_paths and attempt.result.ok):
            self._queues.finish(target)
        del self._jobs[target.index]
        if self._has_deadlines:
            self._deadlines.end(job)
        if why_not_again:
            result = attempt.result
            detail = f"{result.detail}; {why_not_again}"
            changed = result._replace(detail=detail, elapsed=now - job.started)
            attempt = attempt._replace(result=changed)
        return Done(target, attempt)
