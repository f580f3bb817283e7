"""Drives an executor: a run over threads.

A worker that has ended an attempt takes in what follows from it, and takes its next turn itself:
to hand either to another thread takes longer than they do. The thread of the run adds targets,
sees to what is due at its time, and gives turns to workers that have none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from pyfetch.attempt import Attempt
from pyfetch.engine.base import GRACE, Driver
from pyfetch.engine.download import Downloader
from pyfetch.engine.events import Broken, Changed, Event, Final, Wait, wait_in_real_time
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.errors import RunError
from pyfetch.models import Result, Target
from pyfetch.scheduling.concurrency import AdaptiveWorkerLimit, WorkerLimit
from pyfetch.scheduling.hosts import Limits
from pyfetch.scheduling.jobs import Done, Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.stall import StallDetector
from pyfetch.settings import AUTO, Settings
from pyfetch.system import daemon, leave_signals_to_main
from pyfetch.transfer import Transfer

LATE = 1.0
"""Seconds after which a worker does what the thread of the run should have done."""
UNTAKEN = 256
"""Results that wait for that thread, from which on workers do, too: perhaps nobody takes any."""


class ThreadEngine(Driver[Final | Changed | Broken]):
    """One run over threads."""

    def __init__(
        self,
        fetch: Callable[[Target, Transfer], Attempt],
        executor: Executor,
        *,
        jobs: Jobs,
        window: ReadAhead,
        fail_fast: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = wait_in_real_time,
    ) -> None:
        super().__init__(window, fail_fast=fail_fast, clock=clock)
        self._fetch = fetch
        self._executor = executor
        self._jobs = jobs
        self._wait = wait
        self._lock = threading.Lock()
        """Held by whoever asks the jobs or tells them something, and for what follows from it."""
        self._is_over = False
        self._put = self._heard_of = 0
        """Results that workers have put into the inbox, and those that the run has taken."""
        self._running: dict[int, Transfer] = {}
        self._at_work: set[Future[None]] = set()

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
        _, left = futures.wait(list(self._at_work), timeout=GRACE)
        if not left:
            call()
            return

        def wait_and_call() -> None:
            futures.wait(left)
            call()

        daemon(wait_and_call, "last-workers").start()

    def _add(self, target: Target) -> None:
        with self._lock:
            self._jobs.add(target)

    def _has_targets(self) -> bool:
        with self._lock:
            return bool(self._jobs)

    def _do_what_is_due(self, now: float) -> Iterable[Result]:
        with self._lock:
            for late in self._jobs.late(now):
                self._is_done(late)
            self._jobs.look(now)
            self._jobs.review(now)
        return ()

    def _start_what_may(self) -> Iterable[Result]:
        while not self.stopped:
            with self._lock:
                turn = self._next_turn()
            if turn is None:
                break
            worker = self._executor.submit(self._work, *turn)
            self._at_work.add(worker)
            worker.add_done_callback(self._at_work.discard)
        return ()

    def _next_events(self) -> list[Event]:
        with self._lock:
            starved = self._jobs.starved
            until_due = self._until_something_is_due()
        if starved and not self._input_ended and not self._inbox:  # what was read is too little
            self._window.widen()
        return self._wait(self._inbox, until_due)

    def _until_something_is_due(self) -> float | None:
        times = (self._jobs.due(), self._ledger.commit_due())
        due = [time for time in times if time is not None]
        return max(0.0, min(due) - self._clock()) if due else None

    def _heard(self, told: Final | Changed | Broken) -> Iterable[Result]:
        if isinstance(told, Broken):
            raise self._error or told.error
        if isinstance(told, Changed):
            return ()
        self._heard_of += 1
        return (told.result,)

    def _work(self, target: Target, transfer: Transfer) -> None:
        """Be a worker: make this attempt, and all that may be made then."""
        turn: tuple[Target, Transfer] | None = target, transfer
        try:
            while turn:
                target, transfer = turn
                attempt = self._fetch(target, transfer)
                with self._lock:
                    turn = self._after(transfer, attempt)
        except BaseException as error:  # the thread of the run raises it
            with self._lock:
                self._running.pop(transfer.target.index, None)
                if isinstance(error, RunError):  # what the others begin would meet it, too
                    self._error = self._error or error
                    self.stopped = True
            self._inbox.put(Broken(error))

    def _after(self, transfer: Transfer, attempt: Attempt) -> tuple[Target, Transfer] | None:
        """Take in how an attempt has ended. Gives the turn that its worker has next."""
        if self._is_over:
            return None
        del self._running[transfer.target.index]
        if self.stopped:
            self._is_done(self._jobs.given_up(transfer, attempt))
            return None
        now = self._clock()
        done = self._jobs.ended(transfer, attempt, now)
        if done:
            self._is_done(done)
        due = self._ledger.commit_due()
        if due is not None and due + LATE < now:
            self._ledger.commit()  # nobody takes results: what came must be noted nevertheless
        # Where nobody takes results, nothing more is fetched.
        turn = None if self.stopped or self._put - self._heard_of > UNTAKEN else self._next_turn()
        if not (done and turn):
            self._inbox.put(Changed())
        return turn

    def _next_turn(self) -> tuple[Target, Transfer] | None:
        """The attempt that may be made now, with what is known of its target."""
        while (turn := self._jobs.next(self._clock())) is not None:
            if isinstance(turn, Done):
                self._is_done(turn)
                if self.stopped:
                    return None
                continue
            known = self._ledger.starting(turn.target)
            self._running[turn.target.index] = turn
            return known, turn
        return None

    def _is_done(self, done: Done) -> None:
        self._put += 1
        self._inbox.put(Final(self._finished(done.target, done.attempt)))

    def _end(self) -> Iterator[Result]:
        """Where the run was stopped: what is in flight gets a moment to end, or is cancelled."""
        if self.stopped:
            with self._lock:
                self._jobs.stop()
            until = time.monotonic() + GRACE
            while self._running and (left := until - time.monotonic()) > 0:
                yield from self._results_of(self._left(left))
        with self._lock:
            self._is_over = True
        while events := self._left(0):
            yield from self._results_of(events)
        if self.stopped:
            yield from self._jobs.cancelled()

    def _results_of(self, events: Iterable[Event]) -> Iterator[Result]:
        for event in events:
            if isinstance(event, Final):
                yield event.result
            elif isinstance(event, Broken) and not isinstance(event.error, RunError):
                raise event.error

    def _let_go(self) -> None:
        with self._lock:
            self._is_over = True
            self._jobs.stop()
        # What still runs was told to stop, and ends by itself.
        self._executor.shutdown(wait=False, cancel_futures=True)


def engine_over_threads(settings: Settings, fetch: Downloader, window: ReadAhead) -> ThreadEngine:
    """An engine whose threads are made as they are needed."""
    executor = ThreadPoolExecutor(
        settings.most_workers, thread_name_prefix="pyfetch", initializer=leave_signals_to_main
    )
    jobs = jobs_by(settings, workers_by(settings))
    return ThreadEngine(fetch, executor, jobs=jobs, window=window, fail_fast=settings.fail_fast)


def workers_by(settings: Settings) -> WorkerLimit:
    """How many transfers at once, as the settings say."""
    if settings.workers == AUTO:
        return AdaptiveWorkerLimit(settings.max_workers)
    return WorkerLimit(settings.workers)


def jobs_by(settings: Settings, workers: WorkerLimit) -> Jobs:
    """What becomes of targets, as the settings say."""
    interval = 1 / settings.rate if settings.rate else 0.0
    limits = Limits(
        settings.per_host,
        interval=0.0 if settings.rate_total else interval,
        interval_of_all=interval if settings.rate_total else 0.0,
    )
    retry = RetryPolicy(settings.retries, settings.retry_wait, max_wait=settings.max_wait)
    patience = StallDetector(max(settings.timeout, settings.connect_timeout), settings.min_speed)
    return Jobs(HostQueues(limits, retry), workers, retry, settings.max_time, patience)
