"""A run over threads.

When a worker has ended an attempt, it reports to the dispatcher and takes its next turn itself:
passing these to another thread would take longer than doing them. The thread of the run adds
targets, does what is due, and gives turns to idle workers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Never

from pyfetch.attempt import AttemptOutcome
from pyfetch.engine.base import GRACE, Driver, Wake
from pyfetch.engine.dispatcher import Dispatcher
from pyfetch.engine.download import Downloader
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import InputEnded, ReadAhead
from pyfetch.errors import StoppedError
from pyfetch.models import Entry, Result, Target
from pyfetch.scheduling.host_limits import HostRules, Limits, RulesOf, limits_of
from pyfetch.scheduling.in_flight import StallDetector
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy, retried_statuses
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.settings import AUTO, Settings
from pyfetch.storage.ledger import Ledger
from pyfetch.system import daemon, descriptor_budget, leave_signals_to_main
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where something is drawn, or files are kept or computed
    from pyfetch.activity import Activity
    from pyfetch.compute.stage import ComputeStage
    from pyfetch.storage.lock import RunLock

_WITHOUT_THREADS = 10.0
"""The run fails if no thread is at work and none could be started for this time, in seconds."""

_ADDED_AT_ONCE = 16
"""Targets that are added while workers wait, at most: to take the lock for each costs more."""
_MOST_ORIGINS = 1024
"""Origins whose own settings are remembered, at most."""

_log = logging.getLogger(__name__)

MakeQueues = Callable[[Limits, RetryPolicy, RulesOf | None], HostQueues]
Event = Entry | InputEnded | Wake
Wait = Callable[[Mailbox[Event], float | None], list[Event]]
"""Takes items from a mailbox, waiting at most so long; with virtual time in tests."""


class ThreadEngine(Driver[Never]):
    """One run over threads."""

    def __init__(
        self,
        download: Callable[[Target, Transfer], AttemptOutcome],
        executor: Executor,
        *,
        jobs: Jobs,
        read_ahead: ReadAhead,
        stage: ComputeStage | None = None,
        fail_fast: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = Mailbox.take,
    ) -> None:
        super().__init__(read_ahead, fail_fast=fail_fast, clock=clock)
        self._download = download
        self._executor = executor
        self._stage = stage
        self._dispatcher = Dispatcher(jobs, self._state, clock)
        self._wait_for = wait
        self._at_work: set[Future[None]] = set()
        self._no_threads_until = self._clock() + _WITHOUT_THREADS
        """When to give up, if no thread is at work and none can be started until then."""

    @property
    def in_flight(self) -> list[Transfer]:
        return self._dispatcher.in_flight

    def activity(self) -> Activity:
        return self._dispatcher.activity()

    @property
    def waiting(self) -> int:
        """Targets that were read and may not start yet."""
        return self._dispatcher.waiting

    def give_back(self, origin: str) -> list[Target]:
        """Remove the targets of a host for which no attempt was made: another member has them."""
        return self._dispatcher.give_back(origin)

    def tell(self, told: Callable[[float], None]) -> None:
        """Call `told` with the time while no attempt begins or ends: to change the queues."""
        self._dispatcher.tell(told)

    @property
    def workers_summary(self) -> str | None:
        return self._dispatcher.workers_summary

    def when_idle(self, call: Callable[[], None]) -> None:
        _, left = futures.wait(list(self._at_work), timeout=GRACE)
        if not left:
            call()
            return

        def wait_and_call() -> None:
            futures.wait(left)
            call()

        daemon(wait_and_call, "last-workers").start()

    def _begin(self, ledger: Ledger, _lock: RunLock | None) -> None:
        if self._stage:
            self._stage.begin(self._dispatcher.computed, self._state.fail)
        self._dispatcher.begin(ledger, self._stage)

    def _commit(self) -> None:
        self._dispatcher.commit()

    def _expect(self, targets: Sequence[Target]) -> None:
        self._dispatcher.expect(targets)

    def _add(self, targets: Sequence[Target]) -> None:
        for start in range(0, len(targets), _ADDED_AT_ONCE):
            self._dispatcher.add(targets[start : start + _ADDED_AT_ONCE])

    def _deliver(self, result: Result) -> None:
        self._dispatcher.deliver(result)

    def _is_done(self) -> bool:
        return self._dispatcher.is_done()

    def _do_what_is_due(self) -> None:
        self._dispatcher.do_what_is_due()

    def _start_what_may(self) -> None:
        while transfer := self._dispatcher.next():
            turns = [transfer]
            try:
                worker = self._executor.submit(self._work, turns)
            except RuntimeError as error:
                # No thread could be started, but the executor has queued the call: an idle worker
                # will make the attempt, unless the turn is taken out of `turns` first.
                if not turns or self._dispatcher.take_back(turns.pop()):
                    return
                if self._no_threads_until < self._clock():
                    raise StoppedError(f"the system refuses to start threads: {error}") from error
                return
            self._no_threads_until = self._clock() + _WITHOUT_THREADS
            self._at_work.add(worker)
            worker.add_done_callback(self._at_work.discard)

    def _wait(self) -> list[Event]:
        seconds = self._dispatcher.seconds_until_due()
        if not (self._input_ended or self._mailbox) and self._dispatcher.is_starved():
            self._read_ahead.widen()  # the entries so far give too little work
        return self._wait_for(self._mailbox, seconds)

    def _hear(self, report: Never) -> Never:
        raise AssertionError(f"workers report to the dispatcher, not {report}")

    def _work(self, turns: list[Transfer]) -> None:
        """The work of a worker: make the attempt of this turn, then others while there are any."""
        try:
            transfer = turns.pop()
        except IndexError:  # the turn was taken back
            return
        following: Transfer | None = transfer
        try:
            while following:
                transfer = following
                outcome = self._download(transfer.target, transfer)
                following = self._dispatcher.ended(transfer, outcome)
        except BaseException as error:  # raised in the thread that iterates the results
            self._dispatcher.failed(transfer, error)

    def _end(self) -> None:
        """In a run that was stopped, give transfers in flight a moment to end."""
        if self.stopped and not self._state.abandoned:
            self._dispatcher.cancel()
            until = time.monotonic() + GRACE
            while self._is_at_work() and (left := until - time.monotonic()) > 0:
                self._mailbox.take(left)
        self._dispatcher.close()

    def _is_at_work(self) -> bool:
        return bool(self.in_flight) or self._dispatcher.computing

    def _release(self) -> None:
        self._dispatcher.close()
        if self._stage:
            self._stage.close(stopped=self.stopped)
        # Workers that still run were told to stop, and end by themselves.
        self._executor.shutdown(wait=False, cancel_futures=True)


def engine_over_threads(
    settings: Settings,
    download: Downloader,
    read_ahead: ReadAhead,
    stage: ComputeStage | None = None,
    make_queues: MakeQueues = HostQueues,
) -> ThreadEngine:
    """An engine that starts its threads when they are needed.

    `stage`: what is done with files before their results are delivered.
    """
    executor = ThreadPoolExecutor(
        settings.most_workers, thread_name_prefix="pyfetch", initializer=leave_signals_to_main
    )
    jobs = jobs_by(settings, workers_by(settings), make_queues)
    wanted = settings.most_workers
    affordable = descriptor_budget(wanted, wanted).workers
    if affordable < wanted:
        _log.info("at most %d workers: there are too few file descriptors", affordable)
        jobs.workers.at_most(affordable)
    return ThreadEngine(
        download,
        executor,
        jobs=jobs,
        read_ahead=read_ahead,
        stage=stage,
        fail_fast=settings.fail_fast,
    )


def workers_by(settings: Settings) -> WorkerLimit:
    """How many transfers run at once, as the settings say."""
    if settings.workers == AUTO:
        from pyfetch.scheduling.concurrency import AdaptiveWorkerLimit

        return AdaptiveWorkerLimit(settings.max_workers)
    return WorkerLimit(settings.workers)


def jobs_by(settings: Settings, workers: WorkerLimit, make_queues: MakeQueues = HostQueues) -> Jobs:
    """The scheduler that the settings describe."""
    interval = 1 / settings.rate if settings.rate else 0.0
    limits = Limits(
        settings.per_host,
        interval=0.0 if settings.rate_total else interval,
        interval_of_all=interval if settings.rate_total else 0.0,
    )
    retry = RetryPolicy(
        settings.retries,
        settings.retry_wait,
        max_wait=settings.max_wait,
        statuses=retried_statuses(settings.retry_status),
    )
    stalls = StallDetector(settings.timeout, settings.min_speed, settings.connect_timeout)
    holds = settings.computes
    if not settings.hosts:
        queues = make_queues(limits, retry, None)
        return Jobs(queues, workers, retry, settings.max_time, stalls, holds_paths=holds)
    of_host = lru_cache(_MOST_ORIGINS)(settings.of_host)

    def rules_of(origin: str) -> HostRules:
        own = of_host(origin)
        return HostRules(limits_of(own), retry.replaced(retries=own.retries or 0))

    def timeout_of(origin: str) -> float:
        return of_host(origin).timeout or settings.timeout

    queues = make_queues(limits, retry, rules_of)
    stalls = stalls.replaced(timeout_of=timeout_of)
    return Jobs(queues, workers, retry, settings.max_time, stalls, rules_of, holds_paths=holds)
