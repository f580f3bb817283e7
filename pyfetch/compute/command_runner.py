"""Runs commands, one at a time, in a process that does nothing else.

The command is in a process group of its own, which is ended as soon as the connection is closed:
so nothing is left running when the run is stopped or killed.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys

from pyfetch.compute.messages import Failed, Reply, Succeeded
from pyfetch.processes.child import how_ended
from pyfetch.processes.output_end import OutputEnd

_TERM_WAIT = 0.3
"""Seconds that a command gets to end after SIGTERM, before it is killed."""
_BLOCK = 65536


class CommandRunner:
    """Runs commands for the process at the other end of a connection, and ends with it."""

    def __init__(self, connection_number: int) -> None:
        self._connection = connection_number
        self._child_ended, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._child_ended, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def run(self, arguments: list[str]) -> Reply:
        """Run a command and wait for it. Exits if the connection is closed meanwhile."""
        try:
            process = subprocess.Popen(  # noqa: S603 - it is the user's command
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except (OSError, ValueError) as error:
            return Failed(f"cannot run {arguments[0]}: {getattr(error, 'strerror', None) or error}")
        assert process.stdout  # noqa: S101
        assert process.stderr  # noqa: S101
        with process.stdout as out, process.stderr as err:
            said = self._wait(process, OutputEnd(out.fileno()), OutputEnd(err.fileno()))
        return _reply(process.returncode, said)

    def _wait(self, process: subprocess.Popen[bytes], out: OutputEnd, err: OutputEnd) -> str:
        """Wait until the command has ended. Returns the end of what it has printed."""
        with selectors.DefaultSelector() as selector:
            for each in (self._connection, self._child_ended, out, err):
                selector.register(each, selectors.EVENT_READ)
            while process.poll() is None:
                for key, _ in selector.select():
                    if key.fd == self._connection:
                        _end(process)
                        # Whoever has ended it finds here why: it took too long, for example.
                        os.write(sys.stderr.fileno(), _last(out, err).content)
                        sys.exit()
                    if isinstance(key.fileobj, OutputEnd):
                        if not key.fileobj.read():
                            selector.unregister(key.fileobj)
                    else:
                        os.read(self._child_ended, _BLOCK)
        return _last(out, err).text


def _last(out: OutputEnd, err: OutputEnd) -> OutputEnd:
    """What says why a command has ended; what that has started may print on."""
    for each in (out, err):
        each.read()
    return err if err.content else out


def _reply(status: int, said: str) -> Reply:
    if status == 0:
        return Succeeded(None)
    behind = f": {said}" if said else ""
    return Failed(f"{how_ended(status)}{behind}", is_killed=status < 0)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TERM_WAIT)
