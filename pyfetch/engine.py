"""Drives an executor: entries in, results out as they finish.

The thread that iterates `run` waits in one place, on one queue of events: an entry was read,
an attempt ended, a time came, somebody said stop. What follows from them is for `jobs` to say.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future

from pyfetch.errors import RunError
from pyfetch.events import Event, InputEnded, Stop, Wait, start_reader, wait_in_real_time
from pyfetch.fetch import Attempt
from pyfetch.jobs import Done, Jobs
from pyfetch.ledger import Ledger, NoLedger
from pyfetch.model import Entry, Result, Target
from pyfetch.threads import daemon
from pyfetch.transfer import Transfer
from pyfetch.window import Window

GRACE = 0.5
"""Seconds that transfers in flight get to end after a stop."""


class Engine:
    """One run. `run` may be iterated once; `stop` may be called from any thread or signal."""

    def __init__(
        self,
        fetch: Callable[[Target, Transfer], Attempt],
        executor: Executor,
        *,
        jobs: Jobs,
        window: Window,
        fail_fast: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = wait_in_real_time,
    ) -> None:
        self._fetch = fetch
        self._executor = executor
        self._jobs = jobs
        self._window = window
        self._ledger: Ledger = NoLedger()
        self._fail_fast = fail_fast
        self._clock = clock
        self._wait = wait
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._running: dict[Future[Attempt], Transfer] = {}
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
        return list(self._running.values())

    @property
    def waiting(self) -> int:
        """Targets that were read and may not start yet."""
        return len(self._jobs) - self._jobs.running

    @property
    def workers_summary(self) -> str | None:
        """How many workers were settled on, and why; None where that was no question."""
        return self._jobs.workers.summary()

    def stop(self) -> None:
        """Start nothing more, end what is in flight; `run` gives what there is and ends."""
        self.stopped = True
        self._events.put(Stop())  # wakes the one who waits; put() is safe in a signal handler

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call this once no worker is at anything of this run: at once, or soon after `run`."""
        futures.wait(self._running, timeout=GRACE)
        left = [future for future in self._running if not future.done()]
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
            self._jobs.stop()
            # What still runs was told to stop, and ends by itself.
            self._executor.shutdown(wait=False, cancel_futures=True)
            with contextlib.suppress(RunError):
                self._ledger.commit()
        if self._error:
            raise self._error
        if self._input_ended and self._input_ended.error:
            raise self._input_ended.error

    def _drive(self) -> Iterator[Result]:
        """Until all is done, or somebody says stop."""
        while not self.stopped:
            yield from self._do_what_is_due()
            yield from self._start_what_may()
            if self._done() or self.stopped:
                return
            if self._jobs.starved and not self.input_ended:
                self._window.widen()
            event = self._wait(self._events, self._until_something_is_due())
            result = self._handle(event)
            if result:
                yield result

    def _done(self) -> bool:
        return self.input_ended and not self._jobs

    def _until_something_is_due(self) -> float | None:
        times = (self._jobs.due(), self._ledger.commit_due())
        due = [time for time in times if time is not None]
        return max(0.0, min(due) - self._clock()) if due else None

    def _do_what_is_due(self) -> Iterator[Result]:
        now = self._clock()
        for attempt in self._jobs.late(now):
            yield self._final(attempt)
        self._jobs.look(now)
        self._jobs.review(now)
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
                self._jobs.add(self._ledger.named(event))
            case Result():
                self.read += 1
                self._stop_if_it_failed(event)
                return event
            case InputEnded():
                self._input_ended = event
        return None

    def _start_what_may(self) -> Iterator[Result]:
        while not self.stopped and (turn := self._jobs.next(self._clock())):
            if isinstance(turn, Done):
                yield self._final(turn)
                continue
            known = self._ledger.starting(turn.target)
            future = self._executor.submit(self._fetch, known, turn)
            self._running[future] = turn
            future.add_done_callback(self._events.put)

    def _attempt_ended(self, future: Future[Attempt]) -> Result | None:
        transfer = self._running.pop(future)
        error = future.exception()
        if error is not None:
            # The job stays begun, for `_end_what_runs` to tell of it.
            if not isinstance(error, RunError):
                raise error
            raise self._error or error
        done = self._jobs.ended(transfer, future.result(), self._clock())
        return self._final(done) if done else None

    def _final(self, done: Done) -> Result:
        self._ledger.finished(done.target, done.attempt)
        self._stop_if_it_failed(done.attempt.result)
        return done.attempt.result

    def _stop_if_it_failed(self, result: Result) -> None:
        if self._fail_fast and result.failed:
            self.stopped = True

    def _end_what_runs(self) -> Iterator[Result]:
        """What is in flight gets a moment to end; what does not is cancelled."""
        self._jobs.stop()
        until = time.monotonic() + GRACE
        while self._running and (left := until - time.monotonic()) > 0:
            event = wait_in_real_time(self._events, left)
            if not isinstance(event, Future):
                continue
            transfer = self._running.pop(event)
            if event.exception() is None:
                with contextlib.suppress(RunError):  # a state that fails has been told of
                    yield self._final(self._jobs.given_up(transfer, event.result()))
        yield from self._jobs.cancelled()
