"""A worker process: started, told what to do, listened to, ended, and waited for.

It is started by a command of its own. It is not forked, and does not import the program that
uses the library, so such a program needs no guard.
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
from pyfetch.system import STOPPING_SIGNALS, daemon

HOLD = b"H"
"""Comes before all messages, together with descriptors that the process must keep open."""
_EXIT_WAIT = 1.0
"""Seconds that a process gets to exit once it has closed its connection."""


class Gone(NamedTuple):
    """The process exists no more."""

    how: str
    """How it ended, as a clause for people."""


class WorkerProcess:
    """A process with a connection to it. Raises `StoppedError` if none can be started.

    It imports what it needs, and waits for `begin`.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        package = str(Path(__file__).parents[2])
        before = os.environ.get("PYTHONPATH")
        command = f"from pyfetch.cluster.worker import main; main({theirs.fileno()})"
        try:
            # Signals that are blocked here stay blocked there until they are ignored: one that
            # comes while it starts must not end it with a traceback.
            before_signals = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING_SIGNALS)
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that runs us
                # -P: do not import what lies in the current directory.
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

    def begin(self, message: Begin, held: Sequence[int] = ()) -> None:
        """Let it begin. `held`: descriptors that it must keep open as long as it lives."""
        with contextlib.suppress(OSError), self._socket:  # `listen` tells that it is gone
            socket.send_fds(self._socket, [HOLD], held)
        self.send(message)
        daemon(self._send, "to-process").start()

    def send(self, message: ToProcess) -> None:
        """Send a message without waiting. Nothing happens if the process is gone."""
        self._outbox.put(message)

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # `listen` tells that it is gone
            while True:
                self._connection.send(self._outbox.get())

    def listen(self, heard: Callable[[list[FromProcess] | Gone], None]) -> None:
        """Call `heard`, from a thread of its own, with all messages, and with `Gone` at last."""

        def hear() -> None:
            try:
                while True:
                    heard(self._connection.recv())
            except (EOFError, OSError):
                heard(Gone(self._how_it_ended()))

        daemon(hear, "process").start()

    def kill(self) -> None:
        """Kill it; `listen` tells when it is gone."""
        self._process.kill()

    def wait(self) -> None:
        """Wait until it is gone; kill it before."""
        self._process.wait()
        self._socket.close()  # it may never have begun

    def _how_it_ended(self) -> str:
        # Its work may be given to another one only when it can certainly write no file any more.
        try:
            status = self._process.wait(_EXIT_WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"
