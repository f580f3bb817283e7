"""Starts a worker process, exchanges bytes with it, and ends it.

The process runs a command of its own: it is not forked, and does not import the program that uses
the library. So such a program needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from pyfetch.cluster.executor import Gone
from pyfetch.errors import StoppedError
from pyfetch.system import STOPPING_SIGNALS, daemon

HOLD = b"H"
"""Sent before all messages, together with the descriptors that the process has to keep open."""
_EXIT_WAIT = 1.0
"""Seconds that a process gets to exit after its connection was closed."""


class WorkerProcess:
    """A process with a connection to it. Raises `StoppedError` if none can be started.

    It imports the modules that it needs, and waits for `begin`.
    """

    def __init__(self, package: str | None = None) -> None:
        """`package`: the folder from which it imports pyfetch; None: where this process has it."""
        ours, theirs = socket.socketpair()
        package = package or str(Path(__file__).parents[2])
        before = os.environ.get("PYTHONPATH")
        command = f"from pyfetch.cluster.worker import main; main({theirs.fileno()})"
        try:
            # The process inherits the blocked signals, and ignores them once it is ready: a Ctrl-C
            # while it starts must not end it with a traceback.
            before_signals = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING_SIGNALS)
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that runs us
                # -P: do not import modules from the current directory.
                [sys.executable, "-P", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={
                    **os.environ,
                    "PYTHONPATH": package if not before else f"{package}{os.pathsep}{before}",
                },
            )
        except OSError as error:
            ours.close()
            raise StoppedError(f"cannot start a process: {error.strerror}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before_signals)
            theirs.close()
        self._socket = ours
        self._connection = Connection(os.dup(ours.fileno()))
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def begin(self, held: Sequence[int] = ()) -> None:
        """Let it begin. `held`: descriptors that it has to keep open as long as it runs."""
        with contextlib.suppress(OSError), self._socket:  # if it has ended, `listen` says so
            socket.send_fds(self._socket, [HOLD], held)
        daemon(self._send, "to-process").start()

    def send(self, data: bytes) -> None:
        """Send a pickled message without waiting. Does nothing if the process has ended."""
        self._outbox.put(data)

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # if it has ended, `listen` says so
            while (data := self._outbox.get()) is not None:
                self._connection.send_bytes(data)

    def listen(self, heard: Callable[[bytes | Gone], None]) -> None:
        """Call `heard`, from another thread, with pickled lists of messages, and with a `Gone`."""

        def hear() -> None:
            try:
                while True:
                    heard(self._connection.recv_bytes())
            except (EOFError, OSError):
                self._outbox.put(
                    None
                )  # the other thread ends, too: this process may go on for long
                heard(Gone(self._how_it_ended()))

        daemon(hear, "process").start()

    def kill(self) -> None:
        """Kill it; `listen` says when it has ended."""
        self._process.kill()

    def wait(self) -> None:
        """Wait until it has ended; kill it first."""
        self._process.wait()
        self._socket.close()  # it may never have begun

    def _how_it_ended(self) -> str:
        # Its targets may go to another process only when it certainly writes no file any more.
        try:
            status = self._process.wait(_EXIT_WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"
