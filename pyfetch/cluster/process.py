"""A process of our own making: started, spoken to, listened to, ended, and waited for.

It is started by its own command, not forked and not by importing our caller's program anew,
so a script that uses the library needs no guard.
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
from typing import NamedTuple

from pyfetch.cluster.messages import Begin, FromProcess, ToProcess
from pyfetch.errors import StoppedError
from pyfetch.system import daemon

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""What a process leaves to the one that made it."""

HOLD = b"H"
"""Comes before all messages, with the descriptors that a process is to hold."""
_PATIENCE = 1.0
"""Seconds that a process gets to be gone when it has closed its connection."""


class Gone(NamedTuple):
    """The process is no more."""

    how: str


class WorkerProcess:
    """A process with a connection to it. Raises `StoppedError` where none can be made.

    It loads what it needs, and waits for `begin`.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        package = str(Path(__file__).parents[2])
        before = os.environ.get("PYTHONPATH")
        command = f"from pyfetch.cluster.worker import main; main({theirs.fileno()})"
        try:
            # What is blocked here is blocked there too, until it is ignored: a signal that
            # comes while it starts must not end it with a traceback.
            before_signals = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that runs us
                # -P: what lies in the current directory is not imported.
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
        self._outbox: queue.SimpleQueue[ToProcess] = queue.SimpleQueue()

    def begin(self, message: Begin, holding: Sequence[int] = ()) -> None:
        """Let it begin. `holding`: descriptors that it is to have as long as it lives."""
        with contextlib.suppress(OSError), self._socket:  # `listen` tells of its end
            socket.send_fds(self._socket, [HOLD], holding)
        self.send(message)
        daemon(self._send, "to-process").start()

    def send(self, message: ToProcess) -> None:
        """Tell it something, without waiting until it listens; to one that is gone, nothing."""
        self._outbox.put(message)

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # `listen` tells of its end
            while True:
                self._connection.send(self._outbox.get())

    def listen(self, heard: Callable[[list[FromProcess] | Gone], None]) -> None:
        """Call this, from a thread of its own, with all that it says, and at last its end."""

        def hear() -> None:
            try:
                while True:
                    heard(self._connection.recv())
            except (EOFError, OSError):
                heard(Gone(self._how_it_ended()))

        daemon(hear, "process").start()

    def kill(self) -> None:
        """End it at once; `listen` tells when it is gone."""
        self._process.kill()

    def wait(self) -> None:
        """Wait until it is gone, which must be certain."""
        self._process.wait()

    def _how_it_ended(self) -> str:
        # Only one that is gone for certain can put no file in its place any more.
        try:
            status = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"
