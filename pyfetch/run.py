"""One run, put together: entries → names → engine → results in order."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from pyfetch import cpu
from pyfetch.engine.base import FinishedCounts, check_engine
from pyfetch.engine.read_ahead import InputFailed, ReadAhead
from pyfetch.engine.results import as_finished, in_order
from pyfetch.inputs.targets import as_settings_say, with_login
from pyfetch.models import Entry, Result
from pyfetch.settings import Settings
from pyfetch.storage.ledger import Ledger, NoLedger
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from pyfetch.activity import Activity, BusyHost
    from pyfetch.cluster.coordinator import Coordinator
    from pyfetch.cluster.executor import Executor
    from pyfetch.cluster.members_computing import MembersComputing
    from pyfetch.compute.stage import ComputeStage
    from pyfetch.compute.task import Task
    from pyfetch.engine.download import Downloader
    from pyfetch.engine.local import LocalEngine
    from pyfetch.storage.directory import OutputDirectory
    from pyfetch.storage.lock import RunLock
    from pyfetch.storage.packs.packs import Packs
    from pyfetch.storage.state import State


_log = logging.getLogger(__name__)


class Run:
    """A run over one input. `results` may be iterated once, by one thread.

    `watched`: whether transfers in flight will be shown. Worker processes are started at once, so
    that they can import modules while the run prepares. `owns_process`: whether this process does
    nothing else, so that the run may choose the CPU of its threads, and fork it. `task`: what the
    settings want done with each file, if that was found already.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ordered: bool = True,
        watched: bool = False,
        owns_process: bool = False,
        task: Task | None = None,
    ) -> None:
        if settings.has_template:
            from pyfetch.naming.template_text import check_template

            check_template(settings.name)
        self._settings = settings
        self._put_in_order = in_order if ordered else as_finished
        self._read_ahead = ReadAhead()
        self._download: Downloader | None = None
        self._engine: LocalEngine | Coordinator
        self._task: Task | None = None
        self._stage: ComputeStage | None = None
        self._members: MembersComputing | None = None
        if settings.computes:
            from pyfetch.compute.task import task_from

            self._task = task or task_from(settings)
        is_here = settings.process_number == 1 and not settings.on_cluster
        started: tuple[Executor, list[Settings]] | None = None
        if not (is_here or settings.on_cluster):
            check_engine(settings)
            # First of all: they import modules meanwhile, or are forked while there are no threads.
            started = _executor(settings, may_fork=owns_process)
        # A file that is named and cannot be used is an error before anything is made, whoever
        # fetches. Beside that, a run over processes needs no HTTP client here.
        with warnings_within() as warned:
            if is_here or settings.names_files:
                from pyfetch.engine.download import Downloader

                self._download = Downloader(settings)
        if self._download and is_here:
            from pyfetch.engine.local import new_engine

            if owns_process and settings.cpu_pin:
                cpu.pin(os.getpid())
            if self._task:
                from pyfetch.compute.stage import ComputeStage

                self._stage = ComputeStage(settings, self._task)
            self._engine = new_engine(settings, self._download, self._read_ahead, self._stage)
        else:
            from pyfetch.cluster.coordinator import Coordinator

            if self._task:
                from pyfetch.cluster.members_computing import MembersComputing

                self._members = MembersComputing(settings, self._task)
            executor, shares = started or _executor(settings)
            self._engine = Coordinator(
                settings,
                executor,
                shares,
                read_ahead=self._read_ahead,
                watched=watched,
                warned=warned,
                computing=self._members,
            )

    def results(
        self,
        entries: Iterable[Entry],
        *,
        pausing: Callable[[], None] = lambda: None,
        at_end: Callable[[State], None] = lambda _: None,
        finished: Callable[[Result], None] | None = None,
    ) -> Generator[Result, None, None]:
        """Yield the result of each entry, in input order or as soon as it is known.

        `pausing` is called before more results are waited for; `at_end` with the state of the files
        after the last result, unless the run was stopped; `finished` with each result as soon
        as it is complete, before its turn has come. The work goes on while the
        caller is busy, as far as results may wait; if the caller leaves, it stops. Raises a
        `RunError` if the run cannot start or go on, after the results that there are.
        """
        settings = self._settings
        entries = as_settings_say(entries, settings)
        if settings.is_secret_of_first_origin:
            entries = with_login(entries)
        if settings.discard:
            yield from self._run(entries, NoLedger(), pausing, finished)
            return
        stage = self._stage
        with stage.closing(lambda: self.stopped) if stage else nullcontext():
            yield from self._into_files(entries, pausing, at_end, finished)

    def _into_files(
        self,
        entries: Iterable[Entry],
        pausing: Callable[[], None],
        at_end: Callable[[State], None],
        finished: Callable[[Result], None] | None,
    ) -> Generator[Result, None, None]:
        """Run with the state and under the lock of the output directory."""
        from pyfetch.storage.cleanup import sweep
        from pyfetch.storage.destination import home_of, lock_of, packs_of, store_of
        from pyfetch.storage.file_ledger import FileLedger
        from pyfetch.storage.filesystem import OWN_DIRECTORY, needed_for, prepare
        from pyfetch.storage.state import STATE_FILE, State

        settings = self._settings
        home = home_of(settings)
        prepare(home)
        store = (self._download.store if self._download else None) or store_of(settings)
        directory = store.directory
        packs: Packs | None = None
        lock = lock_of(settings, store)
        lock.acquire(settings.wait_lock, given_up=lambda: self.stopped)
        try:
            sweep(home)
            if not store.is_local:
                from pyfetch.storage.computed_copy import remove_copies

                remove_copies(home)
            with needed_for(home):
                directory.open()
            file = home / OWN_DIRECTORY / STATE_FILE if settings.state else None
            with closing(State(file)) as state:
                if settings.pack:
                    packs = packs_of(settings, store, state)
                    self._engine.use_packs(packs)
                stage = self._stage
                ledger = FileLedger(
                    settings,
                    state,
                    lasting=settings.state,
                    store=store,
                    check_directory=partial(_check, directory, lock),
                    task_of=self._task.identity if self._task else None,
                    keeps=settings.keep,
                    packs=packs,
                )
                if stage:
                    stage.use(ledger, store)
                if self._members:
                    self._members.ledger = ledger
                if ledger.follows_answers and self._download:
                    self._download.rename = ledger.rename
                with packs.filled(ledger, lambda: self.stopped) if packs else nullcontext():
                    yield from self._run(entries, ledger, pausing, finished, lock)
                if not self.stopped:
                    at_end(state)
        finally:
            self._engine.when_idle(partial(_let_go, lock, directory, packs))

    def stop(self) -> None:
        """End the run soon; `results` yields those that there are. For any thread or handler."""
        self._engine.stop()

    @property
    def finished(self) -> FinishedCounts:
        """How many URLs are finished, whether their turn has come or not; for any thread."""
        return self._engine.finished

    @property
    def stopped(self) -> bool:
        return self._engine.stopped

    @property
    def in_flight(self) -> list[Transfer]:
        """The transfers in flight; for any thread."""
        return self._engine.in_flight

    def activity(self) -> Activity:
        """What has come so far, and who waits for whom; for any thread, a few times a second."""
        return self._engine.activity()

    @property
    def workers_summary(self) -> str | None:
        """How many workers turned out best, and why; None if the number is fixed."""
        return self._engine.workers_summary

    @property
    def busy_hosts(self) -> tuple[BusyHost, ...]:
        """The hosts that several processes have asked most often."""
        return self._engine.busy_hosts

    @property
    def hosts_summary(self) -> str | None:
        """Which hosts several processes have asked how often; None where one has asked."""
        return self._engine.hosts_summary

    @property
    def computing_summary(self) -> str | None:
        """In how many processes was computed, and why; None if nothing was computed."""
        computing = self._stage or self._members
        return computing.summary() if computing else None

    @property
    def read(self) -> int:
        """Entries that were read so far; the number of all once `input_ended`."""
        return self._engine.read

    @property
    def input_ended(self) -> bool:
        return self._engine.input_ended

    def _run(
        self,
        entries: Iterable[Entry],
        ledger: Ledger,
        pausing: Callable[[], None],
        finished: Callable[[Result], None] | None,
        lock: RunLock | None = None,
    ) -> Iterator[Result]:
        with closing(self._engine.run(entries, ledger, pausing, lock)) as results:
            told = _told(results, finished) if finished else results
            try:
                yield from self._put_in_order(told, self._read_ahead.shown)
            except InputFailed as failed:
                raise failed.error from None


def _executor(settings: Settings, *, may_fork: bool = False) -> tuple[Executor, list[Settings]]:
    """What starts the processes, here or on a cluster, and the settings of each."""
    if settings.on_cluster:
        from pyfetch.cluster.dask_cluster import DaskCluster
        from pyfetch.cluster.workload import shares_of_cluster

        cluster = DaskCluster.of(settings)
        from pyfetch.cluster.dask_executor import DaskExecutor

        on_cluster = DaskExecutor(cluster, may_upload=settings.cluster_upload)
        return on_cluster, shares_of_cluster(settings)
    from pyfetch.cluster.local import LocalExecutor
    from pyfetch.cluster.workload import split_settings

    shares = split_settings(settings)
    return LocalExecutor(len(shares), may_fork=may_fork), shares


def _told(results: Iterable[Result], finished: Callable[[Result], None]) -> Iterator[Result]:
    """Yield the same results, after `finished` was called with each."""
    for result in results:
        finished(result)
        yield result


class _WarningsWithin(logging.Handler):
    """Notes the texts of warnings of this package."""

    def __init__(self, *, alone: bool) -> None:
        """`alone`: whether there is no other handler, so that Python would show warnings itself."""
        super().__init__(logging.WARNING)
        self._alone = alone
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        if self._alone and logging.lastResort:
            logging.lastResort.handle(record)


@contextmanager
def warnings_within() -> Iterator[list[str]]:
    """Collect the texts of the warnings that are logged within."""
    logger = logging.getLogger(__package__)
    handler = _WarningsWithin(alone=not logger.hasHandlers())
    logger.addHandler(handler)
    try:
        yield handler.texts
    finally:
        logger.removeHandler(handler)


def _check(directory: OutputDirectory, lock: RunLock) -> None:
    directory.check()
    lock.check()


def _let_go(lock: RunLock, directory: OutputDirectory, packs: Packs | None) -> None:
    lock.release()
    directory.close()
    if packs:
        packs.close()
