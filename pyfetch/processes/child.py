"""A process that this one starts: how it begins, talks and ends, and what it prints.

It runs a command of its own, and does not import the program that uses the library. So such a
program needs no `if __name__ == "__main__"`. Where that is safe, it may be forked in place of that.
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
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyfetch import cpu
from pyfetch.errors import StoppedError
from pyfetch.processes.channel import Channel
from pyfetch.processes.output_end import OutputEnd
from pyfetch.system import STOPPING_SIGNALS

if TYPE_CHECKING:
    from pyfetch.processes.forked import ForkedProcess

PACKAGE = str(Path(__file__).parents[2])
"""The folder that this package is in."""
_EXIT_WAIT = 1.0
"""Seconds that a process gets to exit after its connection was closed: what it has started may have
to be ended first. What is left of that then gets the same time."""
_BETWEEN = 0.01
_passed_on: list[int] = []
"""Descriptors that all processes get which this one starts."""


class ProcessGone(Exception):  # noqa: N818 - what it means is up to the caller
    """The process has ended. It is to be closed."""


class Child:
    """A process with a connection to it. For one thread, but for `send` and `kill`.

    The thread that makes it must live as long as the process: Linux ends it with the thread.
    Raises `StoppedError` if the system refuses to start it.
    """

    def __init__(
        self,
        program: str,
        purpose: str,
        *,
        own_session: bool,
        package: str = PACKAGE,
        directory: str | None = None,
        forks: bool = False,
    ) -> None:
        """`program`: `MODULE:FUNCTION`, called with its descriptors for connection and life.

        `purpose`: what it is for, as in "a process to compute". `own_session`: whether keys of the
        terminal, such as Ctrl-C, are not meant for it, nor for what it starts, which ends with it.
        `package`: the folder that the package is in which it imports. `directory`: where it works.
        `forks`: fork it, which has to be safe here (`forked.can_fork`); then it has the package
        and the directory of this process, and its session.
        """
        ours, theirs = socket.socketpair()
        life, self._life = os.pipe()
        self._output_end, output = os.pipe()
        # It inherits the blocked signals, and says itself when it is ready for them: a Ctrl-C
        # while it starts must not end it with a traceback.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING_SIGNALS)
        self._process: subprocess.Popen[bytes] | ForkedProcess
        kept = (theirs.fileno(), life, *_passed_on)
        try:
            if forks:
                self._process = _forked(program, output, kept)
            else:
                self._process = _spawned(
                    program, package, directory, output, kept, own_session=own_session
                )
        except OSError as error:
            ours.close()
            os.close(self._output_end)
            os.close(self._life)
            raise StoppedError(f"cannot start {purpose}: {error.strerror}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            theirs.close()
            os.close(life)
            os.close(output)
        self.channel = Channel(ours)
        self._own_session = own_session
        self._printed = OutputEnd(self._output_end)
        self._exit_end = _pidfd_of(self._process.pid)
        """Can be read once it has exited; None: the system has no such thing."""
        self._is_closed = False
        self._poll = select.poll()
        self._exit_poll = select.poll()
        for number in (self.channel.fileno(), self._output_end):
            self._poll.register(number, select.POLLIN)
        if self._exit_end is not None:
            for poll in (self._poll, self._exit_poll):
                poll.register(self._exit_end, select.POLLIN)

    def send(self, message: object) -> None:
        """Send a message. Does nothing if the process has ended: that is told where it is read."""
        with contextlib.suppress(OSError):
            self.channel.send(message)

    def receive_all(self, until: float = math.inf) -> list[Any]:
        """The messages that have come, at least one, or none if none comes until this time.

        `until`: on the monotonic clock, in seconds. Raises `ProcessGone`.
        """
        with _as_gone():
            return self.channel.receive_all() if self._waits(until) else []

    def receive_data(self) -> list[bytes]:
        """The messages that have come, at least one, as they are pickled. Raises `ProcessGone`."""
        with _as_gone():
            self._waits(math.inf)
            return self.channel.receive_data()

    def wait_for_exit(self, seconds: float) -> None:
        """Wait until it has exited, at most so long. Its number stays its own."""
        if self._exit_end is not None:
            self._exit_poll.poll(1000 * seconds)
            return
        until = time.monotonic() + seconds
        while not self._has_exited() and time.monotonic() < until:
            time.sleep(_BETWEEN)

    def kill(self) -> None:
        """Kill it and what it has started, unless it was waited for; for any thread."""
        if self._process.returncode is None:
            self._kill_all()

    def close(self) -> str:
        """End it, with all that it has started. Returns how it has ended, as a clause.

        Its connection is shut down: where it does nothing, it gets the time to exit by itself.
        """
        with contextlib.suppress(OSError):
            self.channel.shut()
        self.wait_for_exit(_EXIT_WAIT)
        self._kill_all()  # before its number may be given to another process
        status = self._process.wait()
        self._printed.read()
        if not self._own_session:
            self._wait_for_its_own()
        self._is_closed = True
        self.channel.close()
        for number in (self._output_end, self._life, self._exit_end):
            if number is not None:
                os.close(number)
        return how_ended(status)

    @property
    def output(self) -> str:
        """The end of what it has printed, also after `close`."""
        if not self._is_closed:
            self._printed.read()
        return self._printed.text

    @property
    def last_line(self) -> str:
        """The last line that it has printed, after `close`."""
        return self._printed.last_line

    def forget_output(self) -> None:
        """Keep only what is printed from now on."""
        self._printed.forget()

    def _waits(self, until: float) -> bool:
        """Wait for a message, at most until this time. Returns whether one begins to come."""
        while True:
            left = None if until == math.inf else 1000 * max(0.0, until - time.monotonic())
            ready = [number for number, _ in self._poll.poll(left)]
            if self._output_end in ready and not self._printed.read():
                self._poll.unregister(self._output_end)
            if self.channel.fileno() in ready:
                return True
            # What it has forked may hold its connection open.
            if self._exit_end in ready:
                raise ProcessGone
            if until != math.inf and time.monotonic() >= until:
                return False

    def _wait_for_its_own(self) -> None:
        """Wait until what it has started by this class has ended: it has the same output."""
        until = time.monotonic() + _EXIT_WAIT
        output = select.poll()
        output.register(self._output_end, select.POLLIN)
        while self._printed.read() and (left := until - time.monotonic()) > 0:
            output.poll(1000 * left)

    def _has_exited(self) -> bool:
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, how) is not None

    def _kill_all(self) -> None:
        kill = os.killpg if self._own_session else os.kill
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(self._process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _as_gone() -> Iterator[None]:
    """Raise `ProcessGone` where the other end of a connection is closed."""
    try:
        yield
    except (EOFError, OSError):
        raise ProcessGone from None


def pass_on(number: int) -> None:
    """Give a copy of this descriptor to all processes that this one starts, until they end."""
    _passed_on.append(os.dup(number))


def how_ended(status: int) -> str:
    """How a process has ended, as a clause; `status` as `subprocess` has it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # not all of those for programs' own use have names
        return f"killed by signal {-status}"


def _pidfd_of(process: int) -> int | None:
    """A descriptor that can be read once the process has exited; None: the system has none."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(process)
    return None


def _forked(program: str, output: int, kept: Sequence[int]) -> ForkedProcess:
    """Fork a process. `kept`: descriptors that it keeps, those for connection and life first."""
    from pyfetch.processes.forked import ForkedProcess

    module, _, function = program.partition(":")
    connection, life, *_ = kept

    def run() -> None:
        getattr(import_module(module), function)(connection, life)

    return ForkedProcess(run, output, kept)


def _spawned(
    program: str,
    package: str,
    directory: str | None,
    output: int,
    kept: Sequence[int],
    *,
    own_session: bool,
) -> subprocess.Popen[bytes]:
    """Start an interpreter. `kept`: as of `_forked`."""
    connection, life, *_ = kept
    with cpu.anywhere():  # the process inherits the CPUs of this thread
        return subprocess.Popen(  # noqa: S603 - the interpreter that runs us
            # -P: do not import modules from the current directory.
            [sys.executable, "-P", "-c", _code(program, package, connection, life)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=directory,
            pass_fds=kept,
            # Without a terminal, nothing that it runs can ask for a password for ever.
            start_new_session=own_session,
        )


def _code(program: str, package: str, connection: int, life: int) -> str:
    """What the process runs: it finds the package wherever this process has it from."""
    module, _, function = program.partition(":")
    return (
        f"import sys; sys.path.insert(0, {package!r});"
        f" from {module} import {function}; {function}({connection}, {life})"
    )
