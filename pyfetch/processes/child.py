"""A process that this one starts to compute: how it begins and ends, and what it prints.

It runs a command of its own: it is not forked from a process with threads.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from pyfetch import cpu
from pyfetch.processes.output_end import OutputEnd
from pyfetch.errors import StoppedError

_EXIT_WAIT = 1.0
"""Seconds that a process gets to exit after its connection was closed: a command may have to be
ended first."""
_BETWEEN = 0.01


class Child:
    """A process that serves a connection, in a group of its own. For one thread, but for `kill`.

    The thread that makes it must live as long as the process: Linux ends it with the thread.
    Raises `StoppedError` if the system refuses to start it.
    """

    def __init__(self) -> None:
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
        self.connection = ours
        self.printed = OutputEnd(self._output_end)
        """What it has printed."""
        self.exit_end = _pidfd_of(self._process.pid)
        """Can be read once it has exited; None: the system has no such thing."""
        self._is_closed = False

    def kill(self) -> None:
        """Kill it and what it has started, unless it was waited for; for any thread."""
        if self._process.returncode is None:
            self._kill_group()

    def close(self) -> int:
        """End it, with all that it has started. Returns its status as `subprocess` has it.

        Its connection was shut down: where it does nothing, it gets the time to exit by itself.
        """
        self._wait_for_exit(_EXIT_WAIT)
        self._kill_group()  # before its number may be given to another process
        status = self._process.wait()
        self.printed.read()
        self._is_closed = True
        for number in (self._output_end, self._life, self.exit_end):
            if number is not None:
                os.close(number)
        return status

    @property
    def output(self) -> str:
        """The end of what it has printed, also after `close`."""
        if not self._is_closed:
            self.printed.read()
        return self.printed.text

    def _wait_for_exit(self, seconds: float) -> None:
        """Wait until it has exited, at most so long. Its number stays its own."""
        if self.exit_end is not None:
            exits = select.poll()
            exits.register(self.exit_end, select.POLLIN)
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
