"""Drives an executor: a run over threads.

Its events are an entry that was read, an attempt that ended, a time that came, somebody who
said stop. What follows from them is for `jobs` to say.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future

from pyfetch.driver import GRACE, Driver
from pyfetch.errors import RunError
from pyfetch.events import Event, Wait, wait_in_real_time
from pyfetch.fetch import Attempt
from pyfetch.jobs import Done, Jobs
from pyfetch.model import Result, Target
from pyfetch.threads import daemon
from pyfetch.transfer import Transfer
from pyfetch.window import Window


class Engine(Driver[Future[Attempt]]):
    """One run over threads."""

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
        super().__init__(window, fail_fast=fail_fast, clock=clock)
        self._fetch = fetch
        self._executor = executor
        self._jobs = jobs
        self._wait = wait
        self._running: dict[Future[Attempt], Transfer] = {}

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

    def _add(self, target: Target) -> None:
        self._jobs.add(target)

    def _has_targets(self) -> bool:
        return bool(self._jobs)

    def _do_what_is_due(self, now: float) -> Iterator[Result]:
        for late in self._jobs.late(now):
            yield self._finished(late.target, late.attempt)
        self._jobs.look(now)
        self._jobs.review(now)

    def _start_what_may(self) -> Iterator[Result]:
        while not self.stopped and (turn := self._jobs.next(self._clock())):
            if isinstance(turn, Done):
                yield self._finished(turn.target, turn.attempt)
                continue
            known = self._ledger.starting(turn.target)
            future = self._executor.submit(self._fetch, known, turn)
            self._running[future] = turn
            future.add_done_callback(self._events.put)

    def _next_event(self) -> Event | None:
        if self._jobs.starved and not self._input_ended:
            self._window.widen()
        return self._wait(self._events, self._until_something_is_due())

    def _until_something_is_due(self) -> float | None:
        times = (self._jobs.due(), self._ledger.commit_due())
        due = [time for time in times if time is not None]
        return max(0.0, min(due) - self._clock()) if due else None

    def _heard(self, told: Future[Attempt]) -> Iterable[Result]:
        transfer = self._running.pop(told)
        error = told.exception()
        if error is not None:
            # The job stays begun, for `_end` to tell of it.
            if not isinstance(error, RunError):
                raise error
            raise self._error or error
        done = self._jobs.ended(transfer, told.result(), self._clock())
        return (self._finished(done.target, done.attempt),) if done else ()

    def _end(self) -> Iterator[Result]:
        """Where the run was stopped: what is in flight gets a moment to end, or is cancelled."""
        if not self.stopped:
            return
        self._jobs.stop()
        until = time.monotonic() + GRACE
        while self._running and (left := until - time.monotonic()) > 0:
            event = wait_in_real_time(self._events, left)
            if not isinstance(event, Future):
                continue
            transfer = self._running.pop(event)
            if event.exception() is None:
                with contextlib.suppress(RunError):  # a state that fails has been told of
                    done = self._jobs.given_up(transfer, event.result())
                    yield self._finished(done.target, done.attempt)
        yield from self._jobs.cancelled()

    def _let_go(self) -> None:
        self._jobs.stop()
        # What still runs was told to stop, and ends by itself.
        self._executor.shutdown(wait=False, cancel_futures=True)
