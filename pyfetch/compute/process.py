"""A process that computes: gives it orders, and takes its replies."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pyfetch.compute.messages import (
    LotEnded,
    NotLoaded,
    Order,
    Ready,
    Reply,
    Setup,
)
from pyfetch.processes.child import Child, ProcessGone

_PROGRAM = "pyfetch.compute.worker:serve"
_LONGEST_HELD = 0.005
"""Seconds for which replies are held, so that more may come."""


class TimeIsUp(Exception):  # noqa: N818 - what it means is up to the caller
    """The task took too long. The process is to be closed."""


class ComputeProcess:
    """A process that computes. `ask` and `close` are for one thread, `kill` for any.

    The thread that makes it must live as long as the process: Linux ends it with the thread.
    Raises `StoppedError` if the system refuses to start it.
    """

    def __init__(self, setup: Setup) -> None:
        self._runs_commands = setup.function is None
        self._child = Child(_PROGRAM, "a process to compute", own_session=True)
        self._usual = 0.0
        """Seconds that a task of the last lot took."""
        self.seconds = 0.0
        """What the tasks of all lots took that it ended."""
        self._child.send(setup)

    def begun(self) -> Ready | NotLoaded:
        """Wait until it can compute, or says that it cannot. Raises `ProcessGone`."""
        begun: Ready | NotLoaded = self._child.receive_all()[0]
        return begun

    def ask(self, orders: Sequence[Order], seconds: float = math.inf) -> Iterator[list[Reply]]:
        """Let it run tasks, each for so long at most. Yields replies, several at once if they come.

        It may end the lot early: tasks without a reply were not begun then. Raises `ProcessGone`
        and `TimeIsUp` for the first task without a reply: it has to be closed then.
        """
        self._child.forget_output()
        self._child.send([*orders])
        last = time.monotonic()
        if len(orders) > 1:  # to be woken for each reply costs more than to take it
            self._child.wait_for_exit(min(self._usual * len(orders), _LONGEST_HELD))
        replies: list[Any] = []
        done = 0
        while True:
            held_until = time.monotonic() + _LONGEST_HELD if replies else math.inf
            try:
                came = self._child.receive_all(min(last + seconds, held_until))
            except ProcessGone:
                if replies:
                    yield replies
                raise
            if came:
                last = time.monotonic()
                replies += came
                done += len(came)
                if isinstance(replies[-1], LotEnded):
                    taken = replies.pop().seconds
                    self.seconds += taken
                    self._usual = taken / (done - 1)
                    yield replies
                    return
            elif replies:
                yield replies
                replies = []
            else:
                raise TimeIsUp

    @property
    def output(self) -> str:
        """The end of what the last task has printed, also after `close`."""
        return self._child.output

    def kill(self) -> None:
        """End what it does now, at once; for any thread. To be closed nevertheless."""
        if self._runs_commands:
            # It ends its command, which is in a group of its own, and itself.
            with contextlib.suppress(OSError):
                self._child.channel.shut()
        else:
            self._child.kill()

    def close(self) -> str:
        """End it, with all that it has started. Returns how it has ended, as a clause."""
        return self._child.close()
