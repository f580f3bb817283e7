"""Drives an executor: entries in, results out as they finish.

All decisions are made in the thread that iterates `run`, which waits in one place, on one
queue of events: an entry was read, an attempt ended, a time came, somebody said stop.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from pyfetch.errors import RunError
from pyfetch.events import Event, InputEnded, Stop, Wait, start_reader, wait_in_real_time
from pyfetch.fetch import Attempt
from pyfetch.ledger import Ledger, NoLedger
from pyfetch.model import Entry, Failure, Outcome, Result, Target
from pyfetch.retry import PAUSING_STATUSES, RetryPolicy, may_pass
from pyfetch.schedule import Schedule
from pyfetch.threads import daemon
from pyfetch.transfer import Transfer
from pyfetch.window import Window

GRACE = 0.5
"""Seconds that transfers in flight get to end after a stop."""

_STOPPED = "the run was stopped"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    """A target that was started and is not done."""

    target: Target
    started: float
    before: Attempt | None = None
    """Its last attempt, which is to be followed by another."""
    transfer: Transfer | None = None
    """The attempt that is being made, from before a worker has it."""

    @property
    def attempts(self) -> int:
        return self.before.result.attempts if self.before else 0


class Engine:
    """One run. `run` may be iterated once; `stop` may be called from any thread or signal."""

    def __init__(
        self,
        fetch: Callable[[Target, Transfer], Attempt],
        executor: Executor,
        *,
        workers: int,
        window: Window,
        retry: RetryPolicy,
        max_time: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = wait_in_real_time,
    ) -> None:
        self._fetch = fetch
        self._executor = executor
        self._workers = workers
        self._window = window
        self._retry = retry
        self._ledger: Ledger = NoLedger()
        self._max_time = max_time
        self._clock = clock
        self._wait = wait
        self._schedule = Schedule()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._transfers: dict[Future[Attempt], Transfer] = {}
        self._jobs: dict[int, _Job] = {}
        self._deadline: float | None = None
        """When the first transfer may be late."""
        self._refusing: dict[str, tuple[float, str]] = {}
        """Hosts that ask for too long a wait → until when, and how that is said."""
        self._input_ended: InputEnded | None = None
        self._error: RunError | None = None
        self.read = 0
        """Entries that were read so far."""
        self.stopped = False

    @property
    def input_ended(self) -> bool:
        """Whether `read` is final."""
        return self._input_ended is not None

    @property
    def in_flight(self) -> list[Transfer]:
        """What is running now; a snapshot for any thread."""
        return list(self._transfers.values())

    def stop(self) -> None:
        """Start nothing more, end what is in flight; `run` gives what there is and ends."""
        self.stopped = True
        self._events.put(Stop())  # wakes the one who waits; put() is safe in a signal handler

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call this once no worker is at anything of this run: at once, or soon after `run`."""
        futures.wait(self._transfers, timeout=GRACE)
        left = [future for future in self._transfers if not future.done()]
        if not left:
            call()
            return

        def wait_and_call() -> None:
            futures.wait(left)
            call()

        daemon(wait_and_call, "last-workers").start()

    def run(
        self, entries: Iterable[Entry], ledger: Ledger | None = None
    ) -> Generator[Result, None, None]:
        """Results of all entries, as they finish.

        Raises a `RunError` that a worker or the ledger met, and whatever `entries`
        raises, after the results that there are.
        """
        self._ledger = ledger or self._ledger
        start_reader(entries, self._window, self._events.put)
        try:
            try:
                yield from self._drive()
                self._ledger.commit()
            except RunError as error:
                self._error = self._error or error
                self.stopped = True
            if self.stopped:
                yield from self._end_what_runs()
        finally:
            self._window.close()
            self._stop_transfers()
            with contextlib.suppress(RunError):
                self._ledger.commit()
        if self._error:
            raise self._error
        if self._input_ended and self._input_ended.error:
            raise self._input_ended.error

    def _drive(self) -> Iterator[Result]:
        """Until all is done, or somebody says stop."""
        while not self.stopped:
            self._do_what_is_due()
            yield from self._start_what_may()
            if self._done() or self.stopped:
                return
            event = self._wait(self._events, self._until_something_is_due())
            result = self._handle(event)
            if result:
                yield result

    def _done(self) -> bool:
        return self.input_ended and not self._transfers and not self._schedule

    def _until_something_is_due(self) -> float | None:
        times = [self._deadline, self._ledger.commit_due()]
        if len(self._transfers) < self._workers:
            times.append(self._schedule.wake_at())  # else there is nobody to start it
        due = [time for time in times if time is not None]
        return max(0.0, min(due) - self._clock()) if due else None

    def _do_what_is_due(self) -> None:
        now = self._clock()
        if self._deadline is not None and self._deadline <= now and self._max_time is not None:
            self._deadline = None
            for transfer in self._transfers.values():
                deadline = transfer.started + self._max_time
                if deadline <= now:
                    transfer.stop(Failure.TIMEOUT, f"not done within {self._max_time:g} s")
                elif self._deadline is None or deadline < self._deadline:
                    self._deadline = deadline
        commit = self._ledger.commit_due()
        if commit is not None and commit <= now:
            self._ledger.commit()

    def _handle(self, event: Event | None) -> Result | None:
        """Take one event in. Returns the result that is final by it."""
        match event:
            case Future():
                return self._attempt_ended(event)
            case Target():
                self.read += 1
                self._schedule.add(self._ledger.named(event))
            case Result():
                self.read += 1
                return event
            case InputEnded():
                self._input_ended = event
        return None

    def _start_what_may(self) -> Iterator[Result]:
        while len(self._transfers) < self._workers:
            now = self._clock()
            target = self._schedule.next(now)
            if target is None:
                return
            job = self._jobs.setdefault(target.index, _Job(target, now))
            until, refusal = self._refusing.get(target.origin, (0.0, ""))
            if until > now:
                yield self._finished(job, job.before or _not_asked(target), refusal)
                continue
            if job.before and self._is_over(job, now):
                yield self._finished(job, job.before, "no time for another attempt")
                continue
            job.transfer = transfer = Transfer(target, job.attempts + 1, job.started)
            known = self._ledger.starting(target)
            future = self._executor.submit(self._fetch, known, transfer)
            self._transfers[future] = transfer
            if self._max_time is not None:
                deadline = job.started + self._max_time
                self._deadline = min(deadline, self._deadline or deadline)
            future.add_done_callback(self._events.put)

    def _is_over(self, job: _Job, now: float) -> bool:
        return self._max_time is not None and now >= job.started + self._max_time

    def _attempt_ended(self, future: Future[Attempt]) -> Result | None:
        transfer = self._transfers.pop(future)
        job = self._jobs[transfer.target.index]
        job.transfer = None
        error = future.exception()
        if error is not None:
            # The job stays, for `_end_what_runs` to tell of it.
            if not isinstance(error, RunError):
                raise error
            raise self._error or error
        attempt = future.result()
        if not may_pass(attempt.result):
            return self._finished(job, attempt)
        return self._again_or_finished(job, attempt)

    def _again_or_finished(self, job: _Job, attempt: Attempt) -> Result | None:
        """Let a job that failed have another attempt, or say why it gets none."""
        now = self._clock()
        result = attempt.result
        refusal = self._retry.refusal(attempt.retry_after)
        if attempt.retry_after and attempt.origin and result.status in PAUSING_STATUSES:
            until = now + attempt.retry_after
            if refusal:
                self._refusing[attempt.origin] = (until, refusal)
            else:
                self._schedule.pause(attempt.origin, until)
        wait = self._retry.wait(result.attempts, attempt.retry_after)
        if wait is None:
            return self._finished(job, attempt, refusal)
        if self._is_over(job, now + wait):
            return self._finished(job, attempt, f"no time left of {self._max_time:g} s")
        _log.info(
            "attempt %d: %s: %s (%s); again in %.1f s",
            result.attempts, result.url, result.error, result.detail, wait,
        )  # fmt: skip
        job.before = attempt
        self._schedule.again(job.target, now + wait)
        return None

    def _finished(self, job: _Job, attempt: Attempt, why_not_again: str = "") -> Result:
        self._ledger.finished(job.target, attempt)
        self._schedule.finish(job.target)
        del self._jobs[job.target.index]
        if not why_not_again:
            return attempt.result
        return replace(
            attempt.result,
            detail=f"{attempt.result.detail}; {why_not_again}",
            elapsed=self._clock() - job.started,
        )

    def _stop_transfers(self) -> None:
        for job in self._jobs.values():
            if job.transfer:
                job.transfer.stop(Failure.CANCELLED, _STOPPED)

    def _end_what_runs(self) -> Iterator[Result]:
        """What is in flight gets a moment to end; what does not is cancelled."""
        self._stop_transfers()
        until = time.monotonic() + GRACE
        while self._transfers and (left := until - time.monotonic()) > 0:
            event = wait_in_real_time(self._events, left)
            if not isinstance(event, Future):
                continue
            transfer = self._transfers.pop(event)
            if event.exception() is None:
                with contextlib.suppress(RunError):  # a state that fails has been told of
                    yield self._finished(self._jobs[transfer.target.index], event.result())
        for job in self._jobs.values():
            yield _cancelled(job)


def _not_asked(target: Target) -> Attempt:
    detail = "not asked: its host has answered others that it is too busy"
    failed = Outcome.FAILED
    return Attempt(Result(target.index, target.url, failed, error=Failure.HTTP, detail=detail))


def _cancelled(job: _Job) -> Result:
    target = job.target
    return Result(
        target.index,
        target.url,
        Outcome.FAILED,
        error=Failure.CANCELLED,
        detail=_STOPPED,
        attempts=job.attempts,
    )
