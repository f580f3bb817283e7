"""The frame of a run: entries in, results out as they finish.

The thread that iterates `run` waits in one place, for its inbox. What fetches, threads or
processes, and what those tell, is for `ThreadEngine` and `Coordinator` to say.
"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

from pyfetch.attempt import Attempt
from pyfetch.engine.events import InputEnded, Stop, start_reader
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.errors import RunError
from pyfetch.models import Entry, Result, Target
from pyfetch.storage.ledger import Ledger, NoLedger

GRACE = 0.5
"""Seconds that transfers in flight get to end after a stop."""

Told = TypeVar("Told")
"""What those who fetch tell."""


class Driver(ABC, Generic[Told]):
    """One run. `run` may be iterated once; `stop` may be called from any thread or signal."""

    def __init__(
        self,
        window: ReadAhead,
        *,
        fail_fast: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window = window
        self._ledger: Ledger = NoLedger()
        self._fail_fast = fail_fast
        self._clock = clock
        self._inbox: Mailbox[Entry | InputEnded | Stop | Told] = Mailbox()
        self._taken: deque[Entry | InputEnded | Stop | Told] = deque()
        """What was taken from the inbox and has not been followed yet."""
        self._input_ended: InputEnded | None = None
        self._error: RunError | None = None
        self.pausing: Callable[[], None] = lambda: None
        """Called before the next result is waited for."""
        self.read = 0
        """Entries that were read so far."""
        self.stopped = False

    @property
    def input_ended(self) -> bool:
        """Whether `read` is final."""
        return self._input_ended is not None

    def stop(self) -> None:
        """Start nothing more, end what is in flight; `run` gives what there is and ends."""
        self.stopped = True
        self._inbox.put(Stop())  # wakes the one who waits

    def run(
        self, entries: Iterable[Entry], ledger: Ledger | None = None
    ) -> Generator[Result, None, None]:
        """Results of all entries, as they finish.

        Raises a `RunError` that one who fetches or the ledger met, and whatever `entries`
        raises, after the results that there are.
        """
        self._ledger = ledger or self._ledger
        start_reader(entries, self._window, self._inbox.put)
        try:
            try:
                yield from self._drive()
                self._ledger.commit()
            except RunError as error:
                self._error = self._error or error
                self.stopped = True
            yield from self._end()
        finally:
            self._window.close()
            self._let_go()
            with contextlib.suppress(RunError):
                self._ledger.commit()
        if self._error:
            raise self._error
        if self._input_ended and self._input_ended.error:
            raise self._input_ended.error

    def _drive(self) -> Iterator[Result]:
        """Until all is done, or somebody says stop."""
        while True:
            results: list[Result] = []
            try:
                results.extend(self._follow())  # those before an error are kept
            finally:
                yield from results
            self.pausing()
            if self.stopped or (self._input_ended and not self._has_targets()):
                return
            self._taken.extend(self._next_events())

    def _follow(self) -> Iterator[Result]:
        """Do all that follows from what was taken, and what is due."""
        targets = [event for event in self._taken if isinstance(event, Target)]
        if len(targets) > 1:
            self._ledger.expect(targets)
        while self._taken:
            yield from self._handle(self._taken.popleft())
        if not self.stopped:
            now = self._clock()
            yield from self._do_what_is_due(now)
            self._commit_if_due(now)
            yield from self._start_what_may()

    def _left(self, seconds: float) -> list[Entry | InputEnded | Stop | Told]:
        """After the end of `_drive`: what is still to be followed; waits so long for more."""
        self.pausing()
        left = list(self._taken) or self._inbox.take(seconds)
        self._taken.clear()
        return left

    def _commit_if_due(self, now: float) -> None:
        due = self._ledger.commit_due()
        if due is not None and due <= now:
            self._ledger.commit()

    def _handle(self, event: Entry | InputEnded | Stop | Told) -> Iterable[Result]:
        """Take one event in. Gives the results that are final by it."""
        match event:
            case Target():
                self.read += 1
                self._add(self._ledger.named(event))
            case Result():
                self.read += 1
                return (self._final(event),)
            case InputEnded():
                self._input_ended = event
            case Stop():
                pass
            case _:
                return self._heard(event)
        return ()

    def _finished(self, target: Target, attempt: Attempt) -> Result:
        """Note that a target is done."""
        self._ledger.finished(target, attempt)
        return self._final(attempt.result)

    def _final(self, result: Result) -> Result:
        if self._fail_fast and result.failed:
            self.stopped = True
        return result

    @abstractmethod
    def _add(self, target: Target) -> None:
        """Take in a target that was read."""

    @abstractmethod
    def _has_targets(self) -> bool:
        """Whether any target that was read is not done."""

    @abstractmethod
    def _do_what_is_due(self, now: float) -> Iterable[Result]:
        """Do what is to be done at this time though nothing has happened."""

    @abstractmethod
    def _start_what_may(self) -> Iterable[Result]:
        """Give to those who fetch what they can take."""

    @abstractmethod
    def _next_events(self) -> list[Entry | InputEnded | Stop | Told]:
        """Wait for what comes next, but not beyond the time when something is due."""

    @abstractmethod
    def _heard(self, told: Told) -> Iterable[Result]:
        """Take in what one who fetches tells."""

    @abstractmethod
    def _end(self) -> Iterable[Result]:
        """Give what there is of a run that was stopped, and end those who fetch."""

    @abstractmethod
    def _let_go(self) -> None:
        """Let go of those who fetch, whatever has become of the run."""
