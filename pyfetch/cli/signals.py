"""What ends a run from outside: signals, and the end of whoever reads our output."""

from __future__ import annotations

import os
import select
import signal
import stat
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Self, TextIO

from pyfetch.cpu_share import seconds_without_cpu
from pyfetch.system import STOPPING_SIGNALS, daemon

LONGEST_STOP = 1.7
"""Seconds that an orderly stop may take before the process just ends."""
MOST_ADDED = 10.0
"""Seconds that it may take longer where other processes have the CPUs."""

_TOGETHER = 0.01


class Interruption:
    """Handles signals while it is entered: the first calls `stop`, the second ends the process.

    `last_act` is called before the process ends; it must not block. Signals that were ignored
    when the process began stay ignored (`nohup`, `&` in a script).

    A thread of its own reacts to signals. The main thread may be blocked in a system call, for
    example by a full pipe that nobody reads, and would run its handlers only after that.
    """

    def __init__(
        self, stop: Callable[[], None], last_act: Callable[[], None] = lambda: None
    ) -> None:
        self._stop = stop
        self._last_act = last_act
        self._before: dict[int, Any] = {}
        self._noted = -1
        self.signal: int | None = None
        """The first signal that came; None if none did."""

    @property
    def exit_status(self) -> int | None:
        """128 + the number of the signal, as in shells; None if none came."""
        return None if self.signal is None else 128 + self.signal

    def __enter__(self) -> Self:
        self._noted, told = os.pipe()
        os.set_blocking(told, False)
        # The interpreter writes to it at once, whichever thread the signal arrives in.
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        for number in STOPPING_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, _ignored_here)
        daemon(self._act, "signals").start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.signal is None:
            for number, handler in self._before.items():
                signal.signal(number, handler)
        # After the first signal, a second one still ends the process at once.

    def _act(self) -> None:
        came = self._next()
        self.signal = min(came)
        self._stop()
        if len(came) == 1:
            wait_for_second_signal(self._noted)
        self._last_act()
        # Nothing public keeps the promise to be gone in time. This is not the main thread, so it
        # can neither raise `SystemExit` there nor give a signal its default action. And an end in
        # order would wait: for a thread in a system call that lasts (`fsync`, a network disk), as
        # the threads of an executor are joined; and for whoever should read the pipe that standard
        # output goes to, as that is flushed once more.
        os._exit(128 + self.signal)

    def _next(self) -> list[int]:
        """Wait for signals. Returns more than one if they came together."""
        while True:
            select.select([self._noted], [], [])
            time.sleep(_TOGETHER)  # of two at once, the later one's handler runs first
            came = [number for number in os.read(self._noted, 64) if number in self._before]
            if came:
                return came


class Suspension:
    """Lets Ctrl-Z suspend the process between `before` and `after`, while it is entered.

    It is for the main thread. Where Ctrl-Z was ignored when the process began, it stays ignored.
    """

    def __init__(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._before = before
        self._after = after
        self._is_ours = False

    def __enter__(self) -> Self:
        self._is_ours = signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
        if self._is_ours:
            signal.signal(signal.SIGTSTP, self._suspend)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def _suspend(self, number: int, _frame: FrameType | None) -> None:
        self._before()
        signal.signal(number, signal.SIG_DFL)
        # All threads stop here, unless there is no shell that could let them go on.
        signal.pthread_kill(threading.get_ident(), number)
        signal.signal(number, self._suspend)
        self._after()


def wait_for_second_signal(noted: int, waited: Callable[[], float] = seconds_without_cpu) -> None:
    """Wait until something can be read from `noted`, but no longer than a stop may take.

    The time does not count in which this process could have gone on but had no CPU (`waited`).
    Otherwise a run on a busy machine would end without its report.
    """
    began, waited_before = time.monotonic(), waited()
    left = LONGEST_STOP
    while left > 0 and not _has_come(noted, left):
        added = min(waited() - waited_before, MOST_ADDED)
        left = began + LONGEST_STOP + added - time.monotonic()


def _has_come(noted: int, seconds: float) -> bool:
    """Whether a signal comes within so many seconds. Ctrl-Z is none that ends a process."""
    if not select.select([noted], [], [], seconds)[0]:
        return False
    return bool(os.read(noted, 64).strip(bytes([signal.SIGTSTP])))


def _ignored_here(_number: int, _frame: FrameType | None) -> None:
    """A handler that does nothing: without one, nothing would be written to the pipe."""


class ReaderWatch:
    """Calls `stop` once nobody reads our output any more.

    Without it, the end of `| head -1` would be noticed only with the next result.
    """

    EXIT_STATUS = 128 + 13
    """Exit status of a process that SIGPIPE has ended, as shells show it."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self.gone = False

    def watch(self, stream: TextIO) -> None:
        """Watch the other end of this stream, if it is a pipe or a socket."""
        try:
            descriptor = stream.fileno()
            mode = os.fstat(descriptor).st_mode
        except OSError:
            return
        if hasattr(select, "poll") and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            daemon(partial(self._wait, descriptor), "reader-watch").start()

    def _wait(self, descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # a hang-up is always reported
        poll.poll()
        self.gone = True
        self._stop()
