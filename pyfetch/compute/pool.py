"""Threads that each have a process to compute, and as many of them as are of use.

Each takes its work in lots: one piece at a time while these take long, else several.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from pyfetch.compute.lot_queue import LARGEST_LOT, LotQueue
from pyfetch.compute.messages import Setup
from pyfetch.compute.process_number import ProcessNumber
from pyfetch.compute.runner import Rules, Runner, Stopped
from pyfetch.errors import StoppedError
from pyfetch.system import daemon

_LOOK_EVERY = 0.05
_GATHER = 0.02
"""Seconds for which a thread waits until there is a whole lot."""

_T = TypeVar("_T")


class Use(NamedTuple):
    """How pools were used."""

    most: int
    """Processes there were at once, at most."""
    waited: float
    """Seconds in which they had nothing to do, all together."""
    lived: float
    """Seconds that they were there, all together."""
    why: str
    """Why there were so many, as a clause for people."""

    @property
    def idle(self) -> float:
        """Part of their time in which they had nothing to do, from 0 to 1."""
        return self.waited / self.lived if self.lived else 0.0

    def and_of(self, other: Use) -> Use:
        """Of two pools that were used at the same time."""
        return Use(
            self.most + other.most,
            self.waited + other.waited,
            self.lived + other.lived,
            ", ".join(dict.fromkeys((*self.why.split(", "), *other.why.split(", ")))),
        )


class Pool(Generic[_T]):
    """Does work in the order in which it comes, several lots at once; for any thread.

    `do` does the work of a lot, with the runner of its thread. It returns what it did not begin,
    which is done next, and raises what has to end the run: `failed` is called with that.
    """

    def __init__(
        self,
        setup: Setup,
        rules: Rules,
        number: ProcessNumber,
        do: Callable[[Runner, list[_T]], Sequence[_T]],
        failed: Callable[[BaseException], None],
        largest_lot: int = LARGEST_LOT,
    ) -> None:
        self._setup = setup
        self._rules = rules
        self._number = number
        self._do = do
        self._failed = failed
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: LotQueue[_T] = LotQueue(largest_lot)
        self._runners: set[Runner] = set()
        self._threads: set[threading.Thread] = set()
        self._staying = 0
        """Threads that have not left."""
        self._free = 0
        """Threads that wait for work."""
        self._gathering = 0
        """1 if one of them waits until there is a whole lot, else 0."""
        self._is_closed = False
        self._most = 0
        self._waited = self._lived = 0.0
        """Seconds of all threads together."""

    def start(self, given_up: Callable[[], bool]) -> None:
        """Start the first process, and wait until it can compute.

        Raises `UsageError` if the function cannot be loaded, `StoppedError` if no process can be
        started, and `Stopped` once `given_up` says that nobody waits any more.
        """
        raised: list[BaseException] = []
        is_known = threading.Event()

        def first(runner: Runner) -> None:
            try:
                runner.start()
            except BaseException as error:  # raised where it is waited for
                raised.append(error)
            is_known.set()

        with self._lock:
            self._add_thread(first)
        while not is_known.wait(_LOOK_EVERY):
            if given_up():
                raise Stopped
        if raised:
            raise raised[0]

    def put(self, work: _T) -> None:
        """Let a thread do this work as soon as one is free. Raises `StoppedError`.

        Nothing is done with it after a stop.
        """
        with self._lock:
            if self._is_closed:
                return
            if not self._queue.put(work) or (self._gathering and not self._queue.has_whole):
                return  # whoever was woken for the first one waits for the whole lot
            if self._queue.lots <= self._free:
                self._changed.notify()
            else:  # each thread that waits has been woken for what came before
                self._add_thread_if_of_use()

    def stop(self) -> None:
        """End all tasks that run, and begin no other."""
        with self._lock:
            self._is_closed = True
            self._queue.clear()
            self._changed.notify_all()
            runners = [*self._runners]
        for runner in runners:
            runner.stop()

    def close(self) -> Use:
        """End the threads and their processes, once they have nothing to do any more."""
        with self._lock:
            self._is_closed = True
            self._changed.notify_all()
            threads = [*self._threads]
        for thread in threads:
            thread.join()
        return Use(self._most, self._waited, self._lived, self._number.why)

    @property
    def lot(self) -> int:
        """How many pieces of work a thread takes at once."""
        return self._queue.size

    @property
    def running(self) -> int:
        """Threads that are at work now."""
        return self._staying - self._free

    def _add_thread_if_of_use(self) -> None:
        if self._staying < self._number.now():
            self._add_thread()

    def _add_thread(self, begin: Callable[[Runner], None] = lambda _: None) -> None:
        thread = daemon(lambda: self._work(thread, begin), "compute")
        try:
            thread.start()
        except RuntimeError as error:  # "can't start new thread"
            if not self._staying:
                raise StoppedError(f"cannot start a thread to compute: {error}") from error
            return
        self._threads.add(thread)
        self._staying += 1
        self._most = max(self._most, self._staying)

    def _work(self, thread: threading.Thread, begin: Callable[[Runner], None]) -> None:
        began = time.monotonic()
        runner = Runner(self._setup, self._rules)
        with self._lock:
            self._runners.add(runner)
        try:
            begin(runner)
            while lot := self._next():
                before = runner.seconds
                rest = self._do(runner, lot)
                with self._lock:
                    self._queue.ended(len(lot) - len(rest), runner.seconds - before, rest)
        except BaseException as error:  # raised where the results are read
            with self._lock:
                self._staying -= 1
            self._failed(error)
        finally:
            runner.close()
            with self._lock:
                self._runners.discard(runner)
                self._threads.discard(thread)
                self._lived += time.monotonic() - began

    def _next(self) -> list[_T]:
        """The next lot; empty: this thread is to end."""
        with self._lock:
            has_gathered = False
            while self._staying <= self._number.now():
                takes_any = has_gathered or self._is_closed
                if self._queue.has_whole or (self._queue and takes_any):
                    return self._taken()
                if self._is_closed:
                    break
                gathers = self._queue.size > 1 and not has_gathered and not self._gathering
                has_gathered = self._wait(_GATHER if gathers else None)
            self._staying -= 1
            if self._queue:
                self._changed.notify()  # what has woken this thread is for another one
            return []

    def _taken(self) -> list[_T]:
        lot = self._queue.take()
        if self._queue and not self._is_closed:  # there may be more lots or threads than before
            if self._queue.lots > self._free:
                self._add_thread_if_of_use()
            self._changed.notify()
        return lot

    def _wait(self, seconds: float | None) -> bool:
        """Wait for work, at most so long. Returns whether that time is over."""
        gathers = seconds is not None
        since = time.monotonic()
        self._free += 1
        self._gathering += gathers
        is_woken = self._changed.wait(seconds)
        self._gathering -= gathers
        self._free -= 1
        self._waited += time.monotonic() - since
        return not is_woken
