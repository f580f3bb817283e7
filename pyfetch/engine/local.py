"""What a run that fetches in this process has, whichever engine makes its attempts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Never

from pyfetch.engine.base import GRACE, Driver, Wake
from pyfetch.engine.dispatcher import Dispatcher
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import InputEnded, ReadAhead
from pyfetch.models import Entry, Result, Target
from pyfetch.scheduling.host_limits import HostRules, Limits, RulesOf, limits_of
from pyfetch.scheduling.in_flight import StallDetector
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy, retried_statuses
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.settings import AUTO, Engine, Settings
from pyfetch.storage.ledger import Ledger
from pyfetch.system import descriptor_budget
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where something is drawn, or files are kept or computed
    from pyfetch.activity import Activity
    from pyfetch.compute.stage import ComputeStage
    from pyfetch.engine.download import Downloader
    from pyfetch.storage.lock import RunLock

_ADDED_AT_ONCE = 16
"""Targets that are added while workers wait, at most: to take the lock for each costs more."""
_MOST_ORIGINS = 1024
"""Origins whose own settings are remembered, at most."""

_log = logging.getLogger(__name__)

MakeQueues = Callable[[Limits, RetryPolicy, RulesOf | None], HostQueues]
Event = Entry | InputEnded | Wake
Wait = Callable[[Mailbox[Event], float | None], list[Event]]
"""Takes items from a mailbox, waiting at most so long; with virtual time in tests."""


class LocalEngine(Driver[Never]):
    """One run whose attempts are made in this process. Who makes them is left to subclasses."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        read_ahead: ReadAhead,
        stage: ComputeStage | None = None,
        fail_fast: bool = False,
        clock: Callable[[], float] = time.monotonic,
        mailbox: Mailbox[Event] | None = None,
        wait: Wait = Mailbox.take,
    ) -> None:
        super().__init__(read_ahead, fail_fast=fail_fast, clock=clock, mailbox=mailbox)
        self._stage = stage
        self._dispatcher = Dispatcher(jobs, self._state, clock)
        self._wait_for = wait

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

    def _wait(self) -> list[Event]:
        seconds = self._dispatcher.seconds_until_due()
        if not (self._input_ended or self._mailbox) and self._dispatcher.is_starved():
            self._read_ahead.widen()  # the entries so far give too little work
        return self._wait_for(self._mailbox, seconds)

    def _hear(self, report: Never) -> Never:
        raise AssertionError(f"workers report to the dispatcher, not {report}")

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


def affordable_jobs(settings: Settings, make_queues: MakeQueues = HostQueues) -> Jobs:
    """The scheduler that the settings describe, with no more transfers than descriptors allow."""
    jobs = jobs_by(settings, workers_by(settings), make_queues)
    wanted = settings.most_workers
    affordable = descriptor_budget(wanted, wanted).workers
    if affordable < wanted:
        _log.info("at most %d workers: there are too few file descriptors", affordable)
        jobs.workers.at_most(affordable)
    return jobs


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


def new_engine(
    settings: Settings,
    download: Downloader,
    read_ahead: ReadAhead,
    stage: ComputeStage | None = None,
    make_queues: MakeQueues = HostQueues,
) -> LocalEngine:
    """The engine that the settings name.

    `stage`: what is done with files before their results are delivered.
    """
    if settings.engine is Engine.CURL:
        from pyfetch.engine.loop import engine_over_libcurl

        return engine_over_libcurl(settings, download, read_ahead, stage, make_queues)
    from pyfetch.engine.threads import engine_over_threads

    return engine_over_threads(settings, download, read_ahead, stage, make_queues)
