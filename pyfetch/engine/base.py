"""The frame of a run: entries in, results out as they are complete.

A run has a thread of its own, which waits for one mailbox and does what is due, whatever the
thread does that iterates the results. What fetches, threads or processes, is for `ThreadEngine`
and `Coordinator` to say.
"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Generic, TypeVar

from pyfetch.activity import Activity
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import InputEnded, ReadAhead, start_reader
from pyfetch.engine.results import RunState
from pyfetch.errors import RunError, StoppedError
from pyfetch.models import Entry, Result, Target
from pyfetch.storage.ledger import Ledger, NoLedger
from pyfetch.storage.lock import RunLock
from pyfetch.system import before_threads_are_joined, daemon
from pyfetch.transfer import Transfer

GRACE = 0.5
"""Seconds that transfers in flight get to end after a stop."""

Heard = TypeVar("Heard")
"""What those who fetch report to the thread of the run."""


class Wake:
    """Nothing to take in, but something is due earlier, or a worker has become free."""


_WAKE = Wake()


class Driver(ABC, Generic[Heard]):
    """One run. `run` may be iterated once; `stop` may be called from any thread or signal."""

    def __init__(
        self,
        read_ahead: ReadAhead,
        *,
        fail_fast: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_ahead = read_ahead
        self._clock = clock
        self._mailbox: Mailbox[Entry | InputEnded | Wake | Heard] = Mailbox()
        self._taken: deque[Entry | InputEnded | Wake | Heard] = deque()
        """What was taken from the mailbox and not handled yet."""
        self._state = RunState(partial(self._mailbox.put, _WAKE), fail_fast=fail_fast)
        self._input_ended: InputEnded | None = None
        self.read = 0
        """Entries that were read so far."""

    @property
    def input_ended(self) -> bool:
        """Whether `read` is final."""
        return self._input_ended is not None

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

        `pausing` is called before more results are waited for. `lock` is what keeps other
        runs out of the output directory; whoever makes it releases it. Raises, after the results
        that there are, a `RunError` that a worker or the ledger has met, or what `entries`
        has raised. The work goes on while the consumer is busy, until so many results wait
        for it that nothing new is started. If the consumer leaves, the work stops.
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

    def _run(self, entries: Iterable[Entry], ledger: Ledger, lock: RunLock | None) -> None:
        """Be the thread of the run."""
        start_reader(entries, self._read_ahead, self._mailbox.put)
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
            with contextlib.suppress(RunError):
                self._commit()
        if state.error is None and self._input_ended:
            state.error = self._input_ended.error
        state.results.end(state.error)

    def _drive(self) -> None:
        """Do what follows from what comes, and what is due, until all is done or stopped."""
        while True:
            targets = [item for item in self._taken if isinstance(item, Target)]
            if len(targets) > 1:
                self._expect(targets)
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
            case Target():
                self.read += 1
                self._add(item)
            case Result():
                self.read += 1
                self._deliver(item)
            case InputEnded():
                self._input_ended = item
            case Wake():
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
        """How many workers were settled on, and why; None where the number is fixed."""

    @abstractmethod
    def when_idle(self, call: Callable[[], None]) -> None:
        """After `run`: call this once no worker writes files any more, now or soon."""

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
    def _add(self, target: Target) -> None:
        """Take in a target that was read."""

    @abstractmethod
    def _deliver(self, result: Result) -> None:
        """Hand over a result of which no target exists: a line that is no URL."""

    @abstractmethod
    def _is_done(self) -> bool:
        """Whether all targets that were added are done."""

    @abstractmethod
    def _do_what_is_due(self) -> None:
        """Do what must be done at this time though nothing has happened."""

    @abstractmethod
    def _start_what_may(self) -> None:
        """Give work to those who fetch, as much as they can take."""

    @abstractmethod
    def _wait(self) -> list[Entry | InputEnded | Wake | Heard]:
        """Wait for what comes next, but not beyond the time when something is due."""

    @abstractmethod
    def _hear(self, report: Heard) -> None:
        """Take in what one of those who fetch reports."""

    @abstractmethod
    def _end(self) -> None:
        """Deliver what there is of a run that was stopped, and end those who fetch."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of those who fetch, whatever has become of the run."""
