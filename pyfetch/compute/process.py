"""Starts a process that computes, gives it orders, and ends it.

The process runs a command of its own: it is not forked from a process with threads.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyfetch import cpu
from pyfetch.compute.channel import Channel
from pyfetch.compute.messages import (
    OUTPUT_KEPT,
    LotEnded,
    NotLoaded,
    Order,
    Ready,
    Reply,
    Setup,
    how_ended,
)
from pyfetch.errors import StoppedError
from pyfetch.text import printed

_BLOCK = 65536
_EXIT_WAIT = 1.0
"""Seconds that a process gets to exit after its connection was closed: a command may have to be
ended first."""
_BETWEEN = 0.01
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
        ours, theirs = socket.socketpair()
        life, self._life = os.pipe()
        self._output_end, output = os.pipe()
        try:
            with cpu.anywhere():  # the process inherits the CPUs of this thread
                self._process = subprocess.Popen(  # noqa: S603 - the interpreter that runs us
                    [sys.executable, "-P", "-c", _program(theirs.fileno(), life)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[theirs.fileno(), life],
                    # Ctrl-C is not meant for it, and nothing that it runs can ask for a password:
                    # that would wait for ever.
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            os.close(self._output_end)
            os.close(self._life)
            raise StoppedError(f"cannot start a process to compute: {error.strerror}") from error
        finally:
            theirs.close()
            os.close(life)
            os.close(output)
        self._channel = Channel(ours)
        os.set_blocking(self._output_end, False)
        self._exit_end = _pidfd_of(self._process.pid)
        self._poll = select.poll()
        self._poll.register(self._channel.fileno(), select.POLLIN)
        self._poll.register(self._output_end, select.POLLIN)
        if self._exit_end is not None:
            self._poll.register(self._exit_end, select.POLLIN)
        self.seconds = 0.0
        """What the tasks of all lots took that it ended."""
        self._output = b""
        self._is_closed = False
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
        self._output = b""
        self._send([*orders])
        replies: list[Any] = []
        last = time.monotonic()
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
                if isinstance(replies[-1], LotEnded):
                    self.seconds += replies.pop().seconds
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
        if not self._is_closed:
            self._read_output()
        return printed(self._output)

    def kill(self) -> None:
        """End what it does now, at once; for any thread. To be closed nevertheless."""
        if self._runs_commands:
            # It ends its command, which is in a group of its own, and itself.
            with contextlib.suppress(OSError):
                self._channel.shut()
        elif self._process.returncode is None:
            self._kill_group()

    def close(self) -> str:
        """End it, with all that it has started. Returns how it has ended, as a clause.

        Where it does nothing, it gets the time to exit by itself.
        """
        with contextlib.suppress(OSError):
            self._channel.shut()
        self._wait_for_exit(_EXIT_WAIT)
        self._kill_group()  # before its number may be given to another process
        status = self._process.wait()
        self._read_output()
        self._is_closed = True
        self._channel.close()
        os.close(self._output_end)
        os.close(self._life)
        if self._exit_end is not None:
            os.close(self._exit_end)
        return how_ended(status)

    def _wait_for_exit(self, seconds: float) -> None:
        """Wait until it has exited, at most so long. Its number stays its own."""
        if self._exit_end is not None:
            exits = select.poll()
            exits.register(self._exit_end, select.POLLIN)
            exits.poll(1000 * seconds)
            return
        until = time.monotonic() + seconds
        while not self._has_exited() and time.monotonic() < until:
            time.sleep(_BETWEEN)

    def _has_exited(self) -> bool:
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, how) is not None

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, message: object) -> None:
        with contextlib.suppress(OSError):  # if it has ended, `_receive` says so
            self._channel.send(message)

    def _receive(self, until: float) -> list[Any]:
        """The messages that have come, at least one, or none if none comes until this time."""
        while True:
            left = None if until == math.inf else 1000 * max(0.0, until - time.monotonic())
            ready = [number for number, _ in self._poll.poll(left)]
            if self._output_end in ready and not self._read_output():
                self._poll.unregister(self._output_end)
            if self._channel.fileno() in ready:
                try:
                    return self._channel.receive_all()
                except (EOFError, OSError):
                    raise ProcessGone from None
            # What the function has forked may hold its connection open.
            if self._exit_end in ready:
                raise ProcessGone
            if until != math.inf and time.monotonic() >= until:
                return []

    def _read_output(self) -> bool:
        """Read what it has printed, and keep the end. Returns whether it may print more."""
        try:
            data = os.read(self._output_end, _BLOCK)
        except BlockingIOError:
            return True
        self._output = (self._output + data)[-OUTPUT_KEPT:]
        return bool(data)


def _pidfd_of(process: int) -> int | None:
    """A descriptor that can be read once the process has exited; None: the system has none."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(process)
    return None


def _program(connection: int, life: int) -> str:
    """What the process runs: it finds this package wherever this process has it from."""
    package = str(Path(__file__).parents[2])
    return (
        f"import sys; sys.path.insert(0, {package!r});"
        f" from pyfetch.compute.worker import serve; serve({connection}, {life})"
    )
