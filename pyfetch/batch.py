"""One run, wired together: entries → names → engine → results in order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from pyfetch.disk import OWN_DIRECTORY, prepare
from pyfetch.engine import Engine
from pyfetch.fetch import Fetch
from pyfetch.hosts import Limits
from pyfetch.jobs import Jobs
from pyfetch.ledger import FileLedger, Ledger, NoLedger
from pyfetch.lock import RunLock
from pyfetch.model import Entry, Result
from pyfetch.part import sweep
from pyfetch.patience import Patience
from pyfetch.retry import RetryPolicy
from pyfetch.schedule import Schedule
from pyfetch.settings import AUTO, Settings
from pyfetch.state import STATE_FILE, State
from pyfetch.threads import leave_signals_to_main
from pyfetch.transfer import Transfer
from pyfetch.window import Window, as_finished, in_order
from pyfetch.workers import AutoWorkers, Workers


class Batch:
    """A run over one input. `results` may be iterated once, by one thread."""

    def __init__(self, settings: Settings, *, ordered: bool = True) -> None:
        self._settings = settings
        self._put_in_order = in_order if ordered else as_finished
        self._window = Window()
        workers = workers_by(settings)
        self._jobs = jobs_by(settings, workers)
        self._executor = ThreadPoolExecutor(
            settings.most_workers,
            thread_name_prefix="pyfetch",
            initializer=leave_signals_to_main,
        )
        self._fetch = Fetch(settings)
        self._engine = Engine(
            self._fetch,
            self._executor,
            jobs=self._jobs,
            window=self._window,
            fail_fast=settings.fail_fast,
        )

    def results(self, entries: Iterable[Entry]) -> Generator[Result, None, None]:
        """What becomes of each entry, as soon as it is known and its turn has come.

        Raises a `RunError` if the run cannot start or go on, after the results there are.
        """
        settings = self._settings
        if settings.discard:
            yield from self._run(entries, NoLedger())
            return
        output_dir = Path(settings.output_dir)
        prepare(output_dir)
        lock = RunLock(output_dir)
        lock.acquire(settings.wait_lock, given_up=lambda: self.stopped)
        try:
            sweep(output_dir)
            file = output_dir / OWN_DIRECTORY / STATE_FILE if settings.state else None
            with closing(State(file)) as state:
                ledger = FileLedger(settings, state, lasting=settings.state)
                if settings.content_disposition:
                    self._fetch.rename = ledger.rename
                yield from self._run(entries, ledger)
        finally:
            self._engine.when_idle(lock.release)

    def stop(self) -> None:
        """End the run soon, from any thread or a signal handler; `results` ends with what is."""
        self._engine.stop()

    @property
    def stopped(self) -> bool:
        return self._engine.stopped

    @property
    def in_flight(self) -> list[Transfer]:
        """What is running now; for any thread."""
        return self._engine.in_flight

    @property
    def workers_summary(self) -> str | None:
        """How many workers were settled on, and why; None where that was no question."""
        return self._jobs.workers.summary()

    @property
    def read(self) -> int:
        """Entries that were read so far; the number of all once `input_ended`."""
        return self._engine.read

    @property
    def input_ended(self) -> bool:
        return self._engine.input_ended

    def _run(self, entries: Iterable[Entry], ledger: Ledger) -> Iterator[Result]:
        with closing(self._engine.run(entries, ledger)) as finished:
            try:
                yield from self._put_in_order(finished, self._window.shown)
            finally:
                # What still runs was told to stop, and ends by itself.
                self._executor.shutdown(wait=False, cancel_futures=True)


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
