"""Threads that each have a process to compute, and as many of them as are of use."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from pyfetch.compute.messages import Setup
from pyfetch.compute.process_number import ProcessNumber
from pyfetch.compute.runner import Rules, Runner, Stopped
from pyfetch.errors import StoppedError
from pyfetch.system import daemon

_LOOK_EVERY = 0.05
_LINGER = 0.01
"""Seconds that a thread waits for more before it settles what it has done."""

Work = Callable[[Runner], None]
"""What a thread does with its runner. Raises a `RunError` if the run has to stop."""


class Use(NamedTuple):
    """How a pool was used."""

    most: int
    """Processes there were at once, at most."""
    idle: float
    """Part of their time in which they had nothing to do, from 0 to 1."""


class Pool:
    """Does work in the order in which it comes, several at once; for any thread.

    `failed` is called with what it raises, by the thread that ran it; `settle` when a thread has
    nothing to do and its runner has tasks that are not settled.
    """

    def __init__(
        self,
        setup: Setup,
        rules: Rules,
        number: ProcessNumber,
        failed: Callable[[BaseException], None],
        settle: Work,
    ) -> None:
        self._setup = setup
        self._rules = rules
        self._number = number
        self._failed = failed
        self._settle = settle
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[Work] = deque()
        self._runners: set[Runner] = set()
        self._threads: set[threading.Thread] = set()
        self._staying = 0
        """Threads that have not left."""
        self._free = 0
        """Threads that wait for a task."""
        self._is_closed = False
        self.hurries = False
        """Whether somebody waits for what threads have done."""
        self._most = 0
        self._began = time.monotonic()
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

        self.put(first)
        while not is_known.wait(_LOOK_EVERY):
            if given_up():
                raise Stopped
        if raised:
            raise raised[0]

    def put(self, work: Work) -> None:
        """Let a thread do this work as soon as one is free. Raises `StoppedError`.

        Nothing is done with it after a stop.
        """
        with self._lock:
            if self._is_closed:
                return
            self._queue.append(work)
            if len(self._queue) <= self._free:
                self._changed.notify()
            else:  # each thread that waits has been woken for what came before
                self._add_thread_if_of_use()

    def hurry(self) -> None:
        """Let threads that have nothing to do settle what they have done: now, and from now on."""
        self.hurries = True
        with self._lock:
            self._changed.notify_all()

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
        return Use(self._most, self._waited / self._lived if self._lived else 0.0)

    @property
    def running(self) -> int:
        """Tasks that are at work now."""
        return self._staying - self._free

    def _add_thread_if_of_use(self) -> None:
        if self._staying < self._number.now():
            self._add_thread()

    def _add_thread(self) -> None:
        thread = daemon(lambda: self._work(thread), "compute")
        try:
            thread.start()
        except RuntimeError as error:  # "can't start new thread"
            if not self._staying:
                raise StoppedError(f"cannot start a thread to compute: {error}") from error
            return
        self._threads.add(thread)
        self._staying += 1
        self._most = max(self._most, self._staying)

    def _work(self, thread: threading.Thread) -> None:
        began = time.monotonic()
        runner = Runner(self._setup, self._rules)
        with self._lock:
            self._runners.add(runner)
        try:
            while work := self._next(runner):
                work(runner)
        except BaseException as error:  # raised where the results are read
            with self._lock:
                self._staying -= 1
            with contextlib.suppress(BaseException):
                self._settle(runner)
            self._failed(error)
        finally:
            runner.close()
            with self._lock:
                self._runners.discard(runner)
                self._threads.discard(thread)
                self._lived += time.monotonic() - began

    def _next(self, runner: Runner) -> Work | None:
        """The next piece of work; None: this thread is to end."""
        with self._lock:
            while self._staying <= self._number.now():
                if self._queue:
                    work = self._queue.popleft()
                    if len(self._queue) > self._free and not self._is_closed:
                        self._add_thread_if_of_use()  # there may be more of them again
                    return work
                if self._is_closed or (runner.unsettled and self.hurries):
                    break
                self._free += 1
                since = time.monotonic()
                self._changed.wait(_LINGER if runner.unsettled else None)
                self._waited += time.monotonic() - since
                self._free -= 1
                if runner.unsettled and not self._queue:
                    break
            if runner.unsettled:
                return self._settle
            self._staying -= 1
            if self._queue:
                self._changed.notify()  # what has woken this thread is for another one
            return None
