"""Pure, the time passed in: what becomes of each target, from its first attempt to its last."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pyfetch.chain import Chain
from pyfetch.fetch import Attempt
from pyfetch.masking import masked_url
from pyfetch.model import Failure, Length, Outcome, Result, Target, TargetError
from pyfetch.origin import origin_of
from pyfetch.patience import TICK, Look, Patience
from pyfetch.pushback import Sign
from pyfetch.retry import RetryPolicy, may_pass
from pyfetch.schedule import Schedule
from pyfetch.transfer import Transfer
from pyfetch.workers import Workers

_STOPPED = "the run was stopped"
_SAME_EVERYWHERE = frozenset(
    {Failure.EXISTS, Failure.DISK, Failure.TOO_LARGE, Failure.CANCELLED, Failure.INTERNAL}
)
"""What another mirror would not mend."""
_DIFFERENT = frozenset({Failure.CHECKSUM, Failure.WRONG_CONTENT})

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    """A target that was started and is not done."""

    target: Target
    started: float
    origin: str
    """Whom it asks."""
    url: str
    """Which of its URLs is asked."""
    length: Length | None
    """How many bytes its body has to have."""
    mirrors: tuple[str, ...]
    """Those that were not asked yet."""
    attempts: int = 0
    """How many it has had, the one that is being made included."""
    attempts_elsewhere: int = 0
    """How many of them at other mirrors."""
    failed: Attempt | None = None
    """Its last attempt, if that is to be followed by another."""
    chain: Chain | None = None
    """Where its attempt goes on, if one request was not enough."""
    transfer: Transfer | None = None
    """The attempt that is being made, from before a worker has it."""
    look: Look | None = None
    """What was seen of it."""


@dataclass(frozen=True, slots=True)
class Done:
    """A target of which nothing more will come, and its last attempt."""

    target: Target
    attempt: Attempt


class Jobs:
    """Targets in, turns out, attempts in, and in the end one `Done` for each target."""

    def __init__(
        self,
        schedule: Schedule,
        workers: Workers,
        retry: RetryPolicy,
        max_time: float | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._schedule = schedule
        self.workers = workers
        self._retry = retry
        self._max_time = max_time
        self._patience = patience
        self._looks_at = -math.inf
        self._jobs: dict[int, _Job] = {}
        self._by_deadline: OrderedDict[int, _Job] = OrderedDict()
        """Those that may still be late, in the order in which they began."""
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
            job = self._jobs[target.index] = _Job(
                target, now, target.origin, target.url, target.length, target.mirrors
            )
            if self._max_time is not None:
                self._by_deadline[target.index] = job
        refused = self._schedule.refusal(job.origin, now)
        if refused and job.failed:
            done = self._done_here(job, job.failed, now, f"not again: {refused.detail}")
            return done or self.next(now)
        # Where nothing has to be asked, because the file is there, all is well nevertheless.
        refusal = None
        if refused:
            refusal = TargetError(refused.failure, f"not asked: {refused.detail}")
        if not job.chain:
            job.attempts += 1
        job.transfer = Transfer(
            target, job.attempts, job.started, now, job.chain, refusal, job.url, job.length
        )
        job.look = None
        self.running += 1
        self._schedule.started(job.origin, now)
        return job.transfer

    def ended(self, transfer: Transfer, attempt: Attempt, now: float) -> Done | None:
        """Take in how an attempt has ended, which may be the end of its target."""
        job = self._over(transfer)
        target = job.target
        self._received += transfer.received - transfer.resumed
        pushed_back = attempt.sign is Sign.PUSHED_BACK
        latency = now - transfer.began if transfer.latency is None else transfer.latency
        self.workers.ended(transfer.began, latency, pushed_back=pushed_back)
        late = self._max_time is not None and target.index not in self._by_deadline
        sign = attempt.sign
        if late and sign is Sign.NONE and transfer.latency is None:
            sign = Sign.SILENT
        self._schedule.ended(
            job.origin, now, transfer.began, sign, attempt.asked_wait, attempt.result
        )
        if late:
            if attempt.chain:
                attempt = _failed(job, Failure.TIMEOUT, self._too_late())
            return self._done(job, attempt, now)
        if transfer.refusal and sign is Sign.NOT_ASKED:
            return self._done_here(job, attempt, now)
        if attempt.chain:
            job.chain = attempt.chain
            job.origin = attempt.chain.origin
            self._schedule.again(job.target, job.origin, now)
            return None
        if job.mirrors and job.length is None and transfer.size and not target.checksum:
            job.length = Length(transfer.size, masked_url(job.url))
        if not may_pass(attempt.result):
            return self._done_here(job, attempt, now)
        wait = self._retry.wait(
            attempt.result.attempts - job.attempts_elsewhere, attempt.asked_wait
        )
        if wait is None:
            why_not = self._retry.refusal(attempt.asked_wait)
            return self._done_here(job, attempt, now, why_not)
        if self._max_time is not None and now + wait >= job.started + self._max_time:
            return self._done(job, attempt, now, f"no time left of {self._max_time:g} s")
        result = attempt.result
        _log.info(
            "attempt %d: %s: %s (%s); again in %.1f s",
            result.attempts, result.url, result.error, result.detail, wait,
        )  # fmt: skip
        job.failed, job.chain, job.origin = attempt, None, origin_of(job.url)
        self._schedule.again(job.target, job.origin, now + wait)
        return None

    def given_up(self, transfer: Transfer, attempt: Attempt) -> Done:
        """Take in how an attempt has ended, after which there will be no other."""
        job = self._over(transfer)
        if attempt.chain:
            attempt = _failed(job, Failure.CANCELLED, _STOPPED)
        return self._done(job, attempt, 0.0)

    def stop(self) -> None:
        """End all attempts that are being made, even those that no worker has yet."""
        for job in self._jobs.values():
            if job.transfer:
                job.transfer.stop(Failure.CANCELLED, _STOPPED)

    def cancelled(self) -> Iterator[Result]:
        """What has begun and will not be done."""
        for job in self._jobs.values():
            yield _failed(job, Failure.CANCELLED, _STOPPED).result

    def late(self, now: float) -> Iterator[Done]:
        """End what has taken too long; gives those that are done by it."""
        if self._max_time is None:
            return
        detail = self._too_late()
        while self._by_deadline:
            job = next(iter(self._by_deadline.values()))
            if job.started + self._max_time > now:
                return
            del self._by_deadline[job.target.index]
            if job.transfer:
                job.transfer.stop(Failure.TIMEOUT, detail)
                continue
            self._schedule.drop(job.target)
            if job.failed:
                yield self._done(job, job.failed, now, detail)
            else:
                yield self._done(job, _failed(job, Failure.TIMEOUT, detail), now)

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

    def _too_late(self) -> str:
        return f"not done within {self._max_time:g} s"

    def review(self, now: float) -> None:
        """Let the number of workers be thought over."""
        step = self.workers.review(now, self.running, self._bytes_so_far)
        if step:
            _log.info("%s", step)

    def due(self) -> float | None:
        """When something is to be done though nothing happens; None: never."""
        times = [self.workers.due()]
        if self._patience and self.running:
            times.append(self._looks_at)
        if self._by_deadline and self._max_time is not None:
            times.append(next(iter(self._by_deadline.values())).started + self._max_time)
        if self.running < self.workers.limit:
            times.append(self._schedule.wake_at())  # else there is nobody to start it
        return min((time for time in times if time is not None), default=None)

    def _bytes_so_far(self) -> int:
        in_flight = (job.transfer for job in self._jobs.values() if job.transfer)
        return self._received + sum(each.received - each.resumed for each in in_flight)

    def _done_here(
        self, job: _Job, attempt: Attempt, now: float, why_not_again: str = ""
    ) -> Done | None:
        """Its end, unless there is another mirror to ask."""
        result = attempt.result
        if not (job.mirrors and result.failed) or result.error in _SAME_EVERYWHERE:
            return self._done(job, attempt, now, why_not_again)
        failed, job.url, job.mirrors = job.url, job.mirrors[0], job.mirrors[1:]
        # Mirrors that differ are worth a word even where one of them is as it should be.
        level = logging.WARNING if result.error in _DIFFERENT else logging.INFO
        _log.log(
            level, "mirror %s: %s (%s); now %s", masked_url(failed), result.error,
            result.detail, masked_url(job.url),
        )  # fmt: skip
        job.failed, job.chain, job.origin = None, None, origin_of(job.url)
        job.attempts_elsewhere = job.attempts
        self._schedule.again(job.target, job.origin, now)
        return None

    def _over(self, transfer: Transfer) -> _Job:
        job = self._jobs[transfer.target.index]
        job.transfer = None
        self.running -= 1
        return job

    def _done(self, job: _Job, attempt: Attempt, now: float, why_not_again: str = "") -> Done:
        target = job.target
        self._schedule.finish(target)
        del self._jobs[target.index]
        self._by_deadline.pop(target.index, None)
        if why_not_again:
            result = attempt.result
            detail = f"{result.detail}; {why_not_again}"
            changed = replace(result, detail=detail, elapsed=now - job.started)
            attempt = replace(attempt, result=changed)
        return Done(target, attempt)


def _failed(job: _Job, failure: Failure, detail: str) -> Attempt:
    target = job.target
    return Attempt(
        Result(
            target.index,
            target.url,
            Outcome.FAILED,
            error=failure,
            detail=detail,
            attempts=job.attempts,
            input=target.input,
        )
    )
