"""The engine as the settings want it: over threads of its own that fetch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pyfetch.engine.download import Fetch
from pyfetch.engine.read_ahead import Window
from pyfetch.engine.threads import Engine
from pyfetch.scheduling.concurrency import AutoWorkers, Workers
from pyfetch.scheduling.hosts import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import Schedule
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.stall import Patience
from pyfetch.settings import AUTO, Settings
from pyfetch.system import leave_signals_to_main


def engine_over_threads(settings: Settings, fetch: Fetch, window: Window) -> Engine:
    """An engine whose threads are made as they are needed."""
    executor = ThreadPoolExecutor(
        settings.most_workers, thread_name_prefix="pyfetch", initializer=leave_signals_to_main
    )
    jobs = jobs_by(settings, workers_by(settings))
    return Engine(fetch, executor, jobs=jobs, window=window, fail_fast=settings.fail_fast)


def workers_by(settings: Settings) -> Workers:
    """How many transfers at once, as the settings say."""
    if settings.workers == AUTO:
        return AutoWorkers(settings.max_workers)
    return Workers(settings.workers)


def jobs_by(settings: Settings, workers: Workers) -> Jobs:
    """What becomes of targets, as the settings say."""
    interval = 1 / settings.rate if settings.rate else 0.0
    limits = Limits(
        settings.per_host,
        interval=0.0 if settings.rate_total else interval,
        interval_of_all=interval if settings.rate_total else 0.0,
    )
    retry = RetryPolicy(settings.retries, settings.retry_wait, max_wait=settings.max_wait)
    patience = Patience(max(settings.timeout, settings.connect_timeout), settings.min_speed)
    return Jobs(Schedule(limits, retry), workers, retry, settings.max_time, patience)
