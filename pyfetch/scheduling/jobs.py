"""Pure, the time passed in: what becomes of each target, from its first attempt to its last."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from pyfetch.attempt import Attempt
from pyfetch.models import Failure, HostSignal, Result, Target, TargetError
from pyfetch.scheduling.concurrency import WorkerLimit
from pyfetch.scheduling.deadlines import Deadlines
from pyfetch.scheduling.job import Job
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy, may_pass
from pyfetch.scheduling.stall import TICK, StallDetector
from pyfetch.transfer import Transfer

_STOPPED = "the run was stopped"

_log = logging.getLogger(__name__)


class Done(NamedTuple):
    """A target of which nothing more will come, and its last attempt."""

    target: Target
    attempt: Attempt


class Jobs:
    """Targets in, turns out, attempts in, and in the end one `Done` for each target."""

    def __init__(
        self,
        schedule: HostQueues,
        workers: WorkerLimit,
        retry: RetryPolicy,
        max_time: float | None = None,
        patience: StallDetector | None = None,
    ) -> None:
        self._schedule = schedule
        self.workers = workers
        self._retry = retry
        self._deadlines = Deadlines(max_time)
        self._patience = patience
        self._looks_at = -math.inf
        self._jobs: dict[int, Job] = {}
        self._received = 0
        self.running = 0
        """Attempts in flight."""
        self.starved = False
        """Whether there was a worker without anything to do when `next` was asked last."""

    def __len__(self) -> int:
        """How many targets are not done."""
        return len(self._schedule) + self.running

    def add(self, target: Target) -> None:
        """Take a target in."""
        self._schedule.add(target)

    def next(self, now: float) -> Transfer | Done | None:
        """The attempt that is to be made now, or what is done without one."""
        full = self.running >= self.workers.limit
        target = None if full else self._schedule.next(now, self.workers.limit)
        self.starved = not full and target is None
        if target is None:
            self.workers.idle(full=full)
            return None
        job = self._jobs.get(target.index)
        if job is None:
            job = self._jobs[target.index] = Job(
                target, now, target.origin, target.url, target.length, target.mirrors
            )
            self._deadlines.begin(job)
        refused = self._schedule.refusal(job.origin, now)
        if refused and job.failed:
            done = self._done_here(job, job.failed, now, f"not again: {refused.detail}")
            return done or self.next(now)
        # Where nothing has to be asked, because the file is there, all is well nevertheless.
        refusal = None
        if refused:
            refusal = TargetError(refused.failure, f"not asked: {refused.detail}")
        self.running += 1
        self._schedule.started(job.origin, now)
        return job.begin(now, refusal)

    def ended(self, transfer: Transfer, attempt: Attempt, now: float) -> Done | None:
        """Take in how an attempt has ended, which may be the end of its target."""
        job = self._over(transfer)
        late = self._deadlines.missed(job)
        self._let_know(job, transfer, attempt, now, late=late)
        if late:
            if attempt.chain:
                attempt = job.as_failed(Failure.TIMEOUT, self._deadlines.detail)
            return self._done(job, attempt, now)
        if transfer.refusal and attempt.sign is HostSignal.NOT_ASKED:
            return self._done_here(job, attempt, now)
        if attempt.chain:
            job.go_on(attempt.chain)
            self._schedule.again(job.target, job.origin, now)
            return None
        if job.mirrors:
            job.learn_length(transfer.size)
        if not may_pass(attempt.result):
            return self._done_here(job, attempt, now)
        return self._try_again(job, attempt, now)

    def _let_know(
        self, job: Job, transfer: Transfer, attempt: Attempt, now: float, *, late: bool
    ) -> None:
        """Let the workers and the host know how an attempt has ended."""
        self._received += transfer.received - transfer.resumed
        sign = attempt.sign
        latency = now - transfer.began if transfer.latency is None else transfer.latency
        self.workers.ended(transfer.began, latency, pushed_back=sign is HostSignal.PUSHED_BACK)
        if late and sign is HostSignal.NONE and transfer.latency is None:
            sign = HostSignal.SILENT
        self._schedule.ended(
            job.origin, now, transfer.began, sign, attempt.asked_wait, attempt.result
        )

    def _try_again(self, job: Job, attempt: Attempt, now: float) -> Done | None:
        """Let it be tried again, if it has attempts and time left for that."""
        result = attempt.result
        wait = self._retry.wait(result.attempts - job.attempts_elsewhere, attempt.asked_wait)
        if wait is None:
            why_not = self._retry.refusal(attempt.asked_wait)
            return self._done_here(job, attempt, now, why_not)
        too_late = self._deadlines.too_late(job, now + wait)
        if too_late:
            return self._done(job, attempt, now, too_late)
        _log.info(
            "attempt %d: %s: %s (%s); again in %.1f s",
            result.attempts, result.url, result.error, result.detail, wait,
        )  # fmt: skip
        job.try_again(attempt)
        self._schedule.again(job.target, job.origin, now + wait)
        return None

    def given_up(self, transfer: Transfer, attempt: Attempt) -> Done:
        """Take in how an attempt has ended, after which there will be no other."""
        job = self._over(transfer)
        if attempt.chain:
            attempt = job.as_failed(Failure.CANCELLED, _STOPPED)
        return self._done(job, attempt, 0.0)

    def stop(self) -> None:
        """End all attempts that are being made, even those that no worker has yet."""
        for job in self._jobs.values():
            if job.transfer:
                job.transfer.stop(Failure.CANCELLED, _STOPPED)

    def cancelled(self) -> Iterator[Result]:
        """What has begun and will not be done."""
        for job in self._jobs.values():
            yield job.as_failed(Failure.CANCELLED, _STOPPED).result

    def late(self, now: float) -> Iterator[Done]:
        """End what has taken too long; gives those that are done by it."""
        detail = self._deadlines.detail
        for job in self._deadlines.late(now):
            if job.transfer:
                job.transfer.stop(Failure.TIMEOUT, detail)
                continue
            self._schedule.drop(job.target)
            if job.failed:
                yield self._done(job, job.failed, now, detail)
            else:
                yield self._done(job, job.as_failed(Failure.TIMEOUT, detail), now)

    def look(self, now: float) -> None:
        """End the attempts that say too little for too long."""
        if self._patience is None or not self.running or now < self._looks_at:
            return
        self._looks_at = now + TICK
        for job in self._jobs.values():
            if job.transfer is None:
                continue
            seen = self._patience.look(job.transfer, job.look, now)
            if isinstance(seen, str):
                job.transfer.stop(Failure.TIMEOUT, seen)
                seen = None
            job.look = seen

    def review(self, now: float) -> None:
        """Let the number of workers be thought over."""
        step = self.workers.review(now, self.running, self._bytes_so_far)
        if step:
            _log.info("%s", step)

    def due(self) -> float | None:
        """When something is to be done though nothing happens; None: never."""
        times = [self.workers.due(), self._deadlines.due()]
        if self._patience and self.running:
            times.append(self._looks_at)
        if self.running < self.workers.limit:
            times.append(self._schedule.wake_at())  # else there is nobody to start it
        due = [time for time in times if time is not None]
        return min(due) if due else None

    def _bytes_so_far(self) -> int:
        in_flight = (job.transfer for job in self._jobs.values() if job.transfer)
        return self._received + sum(each.received - each.resumed for each in in_flight)

    def _done_here(
        self, job: Job, attempt: Attempt, now: float, why_not_again: str = ""
    ) -> Done | None:
        """Its end, unless there is another mirror to ask."""
        if not job.turn_to_next_mirror(attempt.result):
            return self._done(job, attempt, now, why_not_again)
        self._schedule.again(job.target, job.origin, now)
        return None

    def _over(self, transfer: Transfer) -> Job:
        job = self._jobs[transfer.target.index]
        job.transfer = None
        self.running -= 1
        return job

    def _done(self, job: Job, attempt: Attempt, now: float, why_not_again: str = "") -> Done:
        target = job.target
        self._schedule.finish(target)
        del self._jobs[target.index]
        self._deadlines.end(job)
        if why_not_again:
            result = attempt.result
            detail = f"{result.detail}; {why_not_again}"
            changed = replace(result, detail=detail, elapsed=now - job.started)
            attempt = attempt._replace(result=changed)
        return Done(target, attempt)
