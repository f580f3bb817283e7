"""A process that computes: gives it orders, and takes its replies."""

from __future__ import annotations

import contextlib
import math
import select
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pyfetch.processes.channel import Channel
from pyfetch.processes.child import Child
from pyfetch.compute.messages import (
    LotEnded,
    NotLoaded,
    Order,
    Ready,
    Reply,
    Setup,
    how_ended,
)

_LONGEST_HELD = 0.005
"""Seconds for which replies are held, so that more may come."""


class ProcessGone(Exception):  # noqa: N818 - what it means is up to the caller
    """The process has ended, though it was to compute. It is to be closed."""


class TimeIsUp(Exception):  # noqa: N818 - as above
    """The task took too long. The process is to be closed."""


class ComputeProcess:
    """A process that computes. `ask` and `close` are for one thread, `kill` for any.

    The thread that makes it must live as long as the process: Linux ends it with the thread.
    Raises `StoppedError` if the system refuses to start it.
    """

    def __init__(self, setup: Setup) -> None:
        self._runs_commands = setup.function is None
        self._child = Child()
        self._channel = Channel(self._child.connection)
        self._poll = select.poll()
        self._poll.register(self._channel.fileno(), select.POLLIN)
        self._poll.register(self._child.printed.fileno(), select.POLLIN)
        self._exit_poll = select.poll()
        if self._child.exit_end is not None:
            for poll in (self._poll, self._exit_poll):
                poll.register(self._child.exit_end, select.POLLIN)
        self._usual = 0.0
        """Seconds that a task of the last lot took."""
        self.seconds = 0.0
        """What the tasks of all lots took that it ended."""
        self._send(setup)

    def begun(self) -> Ready | NotLoaded:
        """Wait until it can compute, or says that it cannot. Raises `ProcessGone`."""
        begun: Ready | NotLoaded = self._receive(math.inf)[0]
        return begun

    def ask(self, orders: Sequence[Order], seconds: float = math.inf) -> Iterator[list[Reply]]:
        """Let it run tasks, each for so long at most. Yields replies, several at once if they come.

        It may end the lot early: tasks without a reply were not begun then. Raises `ProcessGone`
        and `TimeIsUp` for the first task without a reply: it has to be closed then.
        """
        self._child.printed.forget()
        self._send([*orders])
        last = time.monotonic()
        if len(orders) > 1:  # to be woken for each reply costs more than to take it
            self._exit_poll.poll(1000 * min(self._usual * len(orders), _LONGEST_HELD))
        replies: list[Any] = []
        done = 0
        while True:
            held_until = time.monotonic() + _LONGEST_HELD if replies else math.inf
            try:
                came = self._receive(min(last + seconds, held_until))
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
                self._channel.shut()
        else:
            self._child.kill()

    def close(self) -> str:
        """End it, with all that it has started. Returns how it has ended, as a clause."""
        with contextlib.suppress(OSError):
            self._channel.shut()
        status = self._child.close()
        self._channel.close()
        return how_ended(status)

    def _send(self, message: object) -> None:
        with contextlib.suppress(OSError):  # if it has ended, `_receive` says so
            self._channel.send(message)

    def _receive(self, until: float) -> list[Any]:
        """The messages that have come, at least one, or none if none comes until this time."""
        while True:
            left = None if until == math.inf else 1000 * max(0.0, until - time.monotonic())
            ready = [number for number, _ in self._poll.poll(left)]
            if self._child.printed.fileno() in ready and not self._child.printed.read():
                self._poll.unregister(self._child.printed.fileno())
            if self._channel.fileno() in ready:
                try:
                    return self._channel.receive_all()
                except (EOFError, OSError):
                    raise ProcessGone from None
            # What the function has forked may hold its connection open.
            if self._child.exit_end in ready:
                raise ProcessGone
            if until != math.inf and time.monotonic() >= until:
                return []
