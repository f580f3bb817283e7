"""Drives an executor: entries in, results out as they finish.

All decisions are made in the thread that iterates `run`, which waits in one place, on one
queue of events: an entry was read, an attempt ended, a time came, somebody said stop.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from pyfetch.errors import RunError
from pyfetch.fetch import Attempt
from pyfetch.model import Entry, Failure, Outcome, Result, Target
from pyfetch.retry import PAUSING_STATUSES, RetryPolicy, may_pass
from pyfetch.schedule import Schedule
from pyfetch.transfer import Transfer
from pyfetch.window import Window

GRACE = 0.5
"""Seconds that transfers in flight get to end after a stop."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _InputEnded:
    error: Exception | None = None


class _Stop:
    pass


Event = Target | Result | _InputEnded | _Stop | Future[Attempt]
Wait = Callable[["queue.SimpleQueue[Event]", float | None], Event | None]


def wait_in_real_time(events: queue.SimpleQueue[Event], seconds: float | None) -> Event | None:
    """The next event, or None if none came within so many seconds."""
    try:
        return events.get(timeout=seconds)
    except queue.Empty:
        return None


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
        named: Callable[[Target], Target] = lambda target: target,
        max_time: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = wait_in_real_time,
    ) -> None:
        self._fetch = fetch
        self._executor = executor
        self._workers = workers
        self._window = window
        self._retry = retry
        self._named = named
        self._max_time = max_time
        self._clock = clock
        self._wait = wait
        self._schedule = Schedule()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._transfers: dict[Future[Attempt], Transfer] = {}
        self._retrying: dict[int, tuple[Target, Attempt]] = {}
        self._started: dict[int, float] = {}
        self._deadlines: list[tuple[float, int, Future[Attempt]]] = []
        self._input_ended: _InputEnded | None = None
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
        self._events.put(_Stop())  # wakes the one who waits; put() is safe in a signal handler

    def run(self, entries: Iterable[Entry]) -> Generator[Result, None, None]:
        """Results of all entries, as they finish.

        Raises a `RunError` that a worker met, and whatever `entries` raises, after the
        results that there are.
        """
        # A daemon: it may be waiting for a line that never comes.
        threading.Thread(
            target=self._read_all, args=(entries,), name="pyfetch-reader", daemon=True
        ).start()
        try:
            while True:
                if not self.stopped:
                    self._stop_what_is_late()
                    yield from self._start_what_may()
                    if self._done():
                        break
                    event = self._wait(self._events, self._until_something_is_due())
                    result = self._handle(event)
                    if result:
                        yield result
                if self.stopped:
                    yield from self._end_what_runs()
                    break
        finally:
            self._window.close()
            for transfer in self._transfers.values():
                transfer.stop(Failure.CANCELLED, "the run was stopped")
        if self._error:
            raise self._error
        if self._input_ended and self._input_ended.error:
            raise self._input_ended.error

    def _read_all(self, entries: Iterable[Entry]) -> None:
        error = None
        try:
            source = iter(entries)
            while self._window.acquire():
                entry = next(source, None)
                if entry is None:
                    break
                self._events.put(entry)
        except Exception as caught:  # it is raised where the results are read
            error = caught
        self._events.put(_InputEnded(error))

    def _done(self) -> bool:
        return self.input_ended and not self._transfers and not self._schedule

    def _until_something_is_due(self) -> float | None:
        due = [t for t in (self._schedule.wake_at(), self._next_deadline()) if t is not None]
        return max(0.0, min(due) - self._clock()) if due else None

    def _handle(self, event: Event | None) -> Result | None:
        """Take one event in. Returns the result that is final by it."""
        match event:
            case Future():
                return self._attempt_ended(event)
            case Target():
                self.read += 1
                self._schedule.add(self._named(event))
            case Result():
                self.read += 1
                return event
            case _InputEnded():
                self._input_ended = event
        return None

    def _start_what_may(self) -> Iterator[Result]:
        while len(self._transfers) < self._workers:
            now = self._clock()
            target = self._schedule.next(now)
            if target is None:
                return
            _, before = self._retrying.pop(target.index, (None, None))
            started = self._started.setdefault(target.index, now)
            if before and self._max_time is not None and now >= started + self._max_time:
                yield self._finished(target, before.result, "no time for another attempt")
                continue
            attempt = before.result.attempts + 1 if before else 1
            transfer = Transfer(target, attempt, started)
            future = self._executor.submit(self._fetch, target, transfer)
            self._transfers[future] = transfer
            if self._max_time is not None:
                heappush(self._deadlines, (started + self._max_time, id(future), future))
            future.add_done_callback(self._events.put)

    def _attempt_ended(self, future: Future[Attempt]) -> Result | None:
        transfer = self._transfers.pop(future)
        target = transfer.target
        error = future.exception()
        if error is not None:
            self.stopped = True
            if not isinstance(error, RunError):
                raise error
            self._error = self._error or error
            return _cancelled(target, transfer.attempt)
        attempt = future.result()
        result = attempt.result
        if not result.failed or not may_pass(result):
            return self._finished(target, result)
        now = self._clock()
        if attempt.retry_after and attempt.origin and result.status in PAUSING_STATUSES:
            until = now + min(attempt.retry_after, self._retry.longest_retry_after)
            self._schedule.pause(attempt.origin, until)
        wait = self._retry.wait(result.attempts, attempt.retry_after)
        if wait is None:
            return self._finished(target, result, self._retry.refusal(attempt.retry_after))
        if self._max_time is not None and now + wait >= transfer.started + self._max_time:
            return self._finished(target, result, f"no time left of {self._max_time:g} s")
        _log.info(
            "attempt %d: %s: %s (%s); again in %.1f s",
            result.attempts,
            target.url,
            result.error,
            result.detail,
            wait,
        )
        self._retrying[target.index] = (target, attempt)
        self._schedule.again(target, now + wait)
        return None

    def _finished(self, target: Target, result: Result, why_not_again: str = "") -> Result:
        self._schedule.finish(target)
        started = self._started.pop(target.index)
        if why_not_again:
            detail = f"{result.detail}; {why_not_again}"
            return replace(result, detail=detail, elapsed=self._clock() - started)
        return result

    def _next_deadline(self) -> float | None:
        while self._deadlines and self._deadlines[0][2] not in self._transfers:
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _stop_what_is_late(self) -> None:
        now = self._clock()
        while (deadline := self._next_deadline()) is not None and deadline <= now:
            late = heappop(self._deadlines)[2]
            self._transfers[late].stop(Failure.TIMEOUT, f"not done within {self._max_time:g} s")

    def _end_what_runs(self) -> Iterator[Result]:
        """What is in flight gets a moment to end; what does not is cancelled."""
        for transfer in self._transfers.values():
            transfer.stop(Failure.CANCELLED, "the run was stopped")
        until = time.monotonic() + GRACE
        while self._transfers and (left := until - time.monotonic()) > 0:
            event = wait_in_real_time(self._events, left)
            if not isinstance(event, Future):
                continue
            transfer = self._transfers.pop(event)
            error = event.exception()
            if error is None:
                yield event.result().result
            else:
                yield _cancelled(transfer.target, transfer.attempt)
        for transfer in self._transfers.values():
            yield _cancelled(transfer.target, transfer.attempt)
        for target, attempt in self._retrying.values():
            yield _cancelled(target, attempt.result.attempts)


def _cancelled(target: Target, attempts: int) -> Result:
    detail = "the run was stopped"
    return Result(
        target.index,
        target.url,
        Outcome.FAILED,
        error=Failure.CANCELLED,
        detail=detail,
        attempts=attempts,
    )
