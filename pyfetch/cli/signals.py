"""What ends a run from outside: signals, and a reader of our output that has gone."""

from __future__ import annotations

import os
import select
import signal
import stat
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Self, TextIO

from pyfetch.system import daemon

LONGEST_STOP = 1.7
"""Seconds that an orderly stop may take before the process just ends."""

_TOGETHER = 0.01

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Interruption:
    """While it is entered, the first signal calls `stop`, and a second one ends at once.

    Before the process just ends, `last_act` is called; it must not wait for anything. What
    was ignored when the process began stays ignored (`nohup`, `&` in a script).

    A thread of its own acts on signals: the main thread may be held up in a system call,
    as by a full pipe that nobody reads, and would come to its handlers only after that.
    """

    def __init__(
        self, stop: Callable[[], None], last_act: Callable[[], None] = lambda: None
    ) -> None:
        self._stop = stop
        self._last_act = last_act
        self._before: dict[int, Any] = {}
        self._noted = -1
        self.signal: int | None = None
        """The one that came first."""

    @property
    def exit_status(self) -> int | None:
        """128 + the signal, as shells count; None if none came."""
        return None if self.signal is None else 128 + self.signal

    def __enter__(self) -> Self:
        self._noted, told = os.pipe()
        os.set_blocking(told, False)
        # Written to by the interpreter at once, in whatever thread the signal arrives.
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, _ignored_here)
        daemon(self._act, "signals").start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.signal is None:
            for number, handler in self._before.items():
                signal.signal(number, handler)
        # After the first signal the second keeps its meaning: only exiting is left.

    def _act(self) -> None:
        came = self._next()
        self.signal = min(came)
        self._stop()
        if len(came) == 1:
            select.select([self._noted], [], [], LONGEST_STOP)
        self._last_act()
        os._exit(128 + self.signal)

    def _next(self) -> list[int]:
        """The signals that came; more than one if they came together."""
        while True:
            select.select([self._noted], [], [])
            time.sleep(_TOGETHER)  # of two at once, the later one's handler runs first
            came = [number for number in os.read(self._noted, 64) if number in self._before]
            if came:
                return came


def _ignored_here(_number: int, _frame: FrameType | None) -> None:
    """The handler without which a signal would not be told of."""


class ReaderWatch:
    """Calls `stop` once nobody reads our output any more.

    Without it, the end of `| head -1` would be noticed with the next result only, which
    may take long.
    """

    EXIT_STATUS = 128 + 13
    """As if SIGPIPE had ended us, which shells show like this."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self.gone = False

    def watch(self, stream: TextIO) -> None:
        """Watch what stands at the other end of this stream, if it is a pipe."""
        try:
            descriptor = stream.fileno()
            mode = os.fstat(descriptor).st_mode
        except OSError:
            return
        if hasattr(select, "poll") and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            daemon(partial(self._wait, descriptor), "reader-watch").start()

    def _wait(self, descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # an end is reported unasked
        poll.poll()
        self.gone = True
        self._stop()
