"""What runs over threads and over processes have in common: entries in, results out.

A run has a thread of its own. It waits for one mailbox and does what is due, whatever the thread
that iterates the results is doing. `ThreadEngine` and `Coordinator` fetch, with threads and with
processes.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Generic, TypeVar

from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import InputEnded, ReadAhead, start_reader
from pyfetch.engine.results import RunState
from pyfetch.errors import RunError, StoppedError, UsageError
from pyfetch.models import Entry, Result, Target
from pyfetch.settings import Engine, Settings
from pyfetch.storage.ledger import Ledger, NoLedger
from pyfetch.system import before_threads_are_joined, daemon
from pyfetch.transfer import Transfer
from pyfetch.value import Value

if TYPE_CHECKING:  # loaded where something is drawn, or files are kept
    from pyfetch.activity import Activity, BusyHost
    from pyfetch.storage.lock import RunLock
    from pyfetch.storage.packs.packs import Packs

GRACE = 0.5
"""Seconds that transfers in flight get to end after a stop."""

Heard = TypeVar("Heard")
"""What threads or processes report to the thread of the run."""


class Wake:
    """Wakes the thread of the run: something is due earlier, or a worker has become free."""


_WAKE = Wake()


class FinishedCounts(Value):
    """How many URLs are finished."""

    finished: int
    failed: int
    """How many of them failed."""


class Driver(ABC, Generic[Heard]):
    """One run. `run` may be iterated once; `stop` may be called from any thread or signal."""

    def __init__(
        self,
        read_ahead: ReadAhead,
        *,
        fail_fast: bool,
        clock: Callable[[], float] = time.monotonic,
        mailbox: Mailbox[Entry | InputEnded | Wake | Heard] | None = None,
    ) -> None:
        self._read_ahead = read_ahead
        self._clock = clock
        # An empty mailbox is false.
        self._mailbox = Mailbox() if mailbox is None else mailbox
        self._taken: deque[Entry | InputEnded | Wake | Heard] = deque()
        """Items that were taken from the mailbox and are not handled yet."""
        self._state = RunState(partial(self._mailbox.put, _WAKE), fail_fast=fail_fast)
        self._input_ended: InputEnded | None = None
        self.read = 0
        """Entries that were read so far."""

    @property
    def input_ended(self) -> bool:
        """Whether `read` is final."""
        return self._input_ended is not None

    @property
    def finished(self) -> FinishedCounts:
        """How many results there are, taken or not; for any thread."""
        return FinishedCounts(self._state.finished, self._state.failed)

    @property
    def stopped(self) -> bool:
        """Whether nothing new is started any more."""
        return self._state.stopped

    def stop(self) -> None:
        """Start nothing more and end what is in flight; `run` yields what there is and ends."""
        self._state.stop()

    def run(
        self,
        entries: Iterable[Entry],
        ledger: Ledger | None = None,
        pausing: Callable[[], None] = lambda: None,
        lock: RunLock | None = None,
    ) -> Generator[Result, None, None]:
        """Yield the results of all entries in completion order.

        `pausing` is called before this waits for more results. `lock` keeps other runs out of the
        output directory; the caller releases it. After the results that there are, raises a
        `RunError` of a worker or the ledger, or whatever `entries` has raised. The work goes on
        while the consumer is busy; once `CAPACITY` results wait for it, nothing new is started. If
        the consumer leaves the loop, the work stops.
        """
        thread = daemon(partial(self._run, entries, ledger or NoLedger(), lock), "run")

        def end_with_the_program() -> None:
            self._state.fail(StoppedError("the program ended while results were still to come"))
            self._state.abandon()
            thread.join()

        with before_threads_are_joined(end_with_the_program):
            thread.start()
            try:
                yield from self._state.results.take_all(pausing)
            except BaseException:
                self._state.abandon()
                raise
            finally:
                thread.join()

    def use_packs(self, packs: Packs) -> None:
        """Before `run`, where files are packed: these are the packs."""

    def _run(self, entries: Iterable[Entry], ledger: Ledger, lock: RunLock | None) -> None:
        """The work of the thread of the run."""
        self._read(entries)
        state = self._state
        try:
            self._begin(ledger, lock)
            try:
                self._drive()
                self._commit()
            except RunError as error:
                state.fail(error)
            self._end()
        except BaseException as error:  # raised where the results are read
            state.fail(error)
        finally:
            self._read_ahead.close()
            self._release()
            try:
                self._commit()
            except BaseException as error:  # also then, whoever reads the results is told the end
                state.fail(error)
        if state.error is None and self._input_ended:
            state.error = self._input_ended.error
        state.results.end(state.error)

    def _read(self, entries: Iterable[Entry]) -> None:
        """Have entries put into the mailbox, as far ahead as may be, and an `InputEnded`."""
        start_reader(entries, self._read_ahead, self._mailbox.put)

    def _drive(self) -> None:
        """Handle what arrives and do what is due, until all is done or the run is stopped."""
        while True:
            targets = [item for item in self._taken if isinstance(item, Target)]
            if targets:
                self._taken = deque(item for item in self._taken if not isinstance(item, Target))
                self.read += len(targets)
                if len(targets) > 1:
                    self._expect(targets)
                self._add(targets)
            while self._taken:
                self._handle(self._taken.popleft())
            if not self.stopped:
                self._do_what_is_due()
                self._start_what_may()
            if self.stopped or (self._input_ended and self._is_done()):
                return
            self._taken.extend(self._wait())

    def _handle(self, item: Entry | InputEnded | Wake | Heard) -> None:
        match item:
            case Result():
                self.read += 1
                self._deliver(item)
            case InputEnded():
                self._input_ended = item
            case Wake() | Target():  # all targets were added at once
                pass
            case _:
                self._hear(item)

    @property
    @abstractmethod
    def in_flight(self) -> list[Transfer]:
        """What is running now; a snapshot for any thread."""

    @abstractmethod
    def activity(self) -> Activity:
        """What has come so far, and who waits for whom; for any thread, a few times a second."""

    @property
    @abstractmethod
    def workers_summary(self) -> str | None:
        """How many workers turned out best, and why; None if the number is fixed."""

    @property
    def busy_hosts(self) -> tuple[BusyHost, ...]:
        """The hosts that were asked most often; none where this process alone has asked."""
        return ()

    @property
    def hosts_summary(self) -> str | None:
        """Which hosts were asked how often; None where this process alone has asked."""
        return None

    @abstractmethod
    def when_idle(self, call: Callable[[], None]) -> None:
        """After `run`: call this as soon as no worker can write files any more."""

    @abstractmethod
    def _begin(self, ledger: Ledger, lock: RunLock | None) -> None:
        """Use this ledger for the run, which holds this lock, if any."""

    @abstractmethod
    def _commit(self) -> None:
        """Write what the ledger has noted. Raises `RunError`."""

    @abstractmethod
    def _expect(self, targets: Sequence[Target]) -> None:
        """Prepare for targets that are added next."""

    @abstractmethod
    def _add(self, targets: Sequence[Target]) -> None:
        """Take in targets that were read."""

    @abstractmethod
    def _deliver(self, result: Result) -> None:
        """Deliver a result without a target, that of a line that is no URL."""

    @abstractmethod
    def _is_done(self) -> bool:
        """Whether all targets that were added are done."""

    @abstractmethod
    def _do_what_is_due(self) -> None:
        """Do what has to be done at this time, even if nothing has happened."""

    @abstractmethod
    def _start_what_may(self) -> None:
        """Give work to the threads or processes, as much as they can take."""

    @abstractmethod
    def _wait(self) -> list[Entry | InputEnded | Wake | Heard]:
        """Wait for the next items, but no longer than until something is due."""

    @abstractmethod
    def _hear(self, report: Heard) -> None:
        """Take in the report of a thread or process."""

    @abstractmethod
    def _end(self) -> None:
        """Deliver the results of a run that was stopped, and end the threads or processes."""

    @abstractmethod
    def _release(self) -> None:
        """Release the threads or processes, however the run has ended."""


def check_engine(settings: Settings) -> None:
    """Raise `UsageError` if what the engine needs is not installed."""
    if settings.engine is Engine.CURL and find_spec("pycurl") is None:
        raise UsageError("--engine curl needs an extra: pip install 'pyfetch-batch[curl]'")
