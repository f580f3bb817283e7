"""A member's process on this machine, as the executor or the Dask worker that starts it sees it."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Sequence

from pyfetch.cluster.executor import LEASE_OVER, Gone
from pyfetch.errors import StoppedError
from pyfetch.processes.child import PACKAGE, Child, ProcessGone, how_ended
from pyfetch.system import daemon

_PROGRAM = "pyfetch.cluster.worker:main"


class WorkerProcess:
    """A process that imports what it needs and waits for `begin`; for any thread.

    Has threads that start it, hear it and send to it. Raises `StoppedError` if no process can be
    started.
    """

    def __init__(self, package: str | None = None, directory: str | None = None) -> None:
        """`package`: the folder from which it imports pyfetch; None: where this process has it.

        `directory`: its working directory.
        """
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._hear: queue.SimpleQueue[Callable[[bytes | Gone], None] | None] = queue.SimpleQueue()
        started: queue.SimpleQueue[Child | StoppedError] = queue.SimpleQueue()
        self._thread = daemon(lambda: self._live(package or PACKAGE, directory, started), "process")
        try:
            self._thread.start()
        except RuntimeError as error:  # "can't start new thread"
            raise StoppedError(f"cannot start a thread for a process: {error}") from error
        child = started.get()
        if isinstance(child, StoppedError):
            raise child
        self._child = child
        self.kill = child.kill

    def begin(self, heard: Callable[[bytes | Gone], None], held: Sequence[int] = ()) -> None:
        """Let it begin, and have `heard` called with all pickled messages, and with a `Gone`.

        `heard` is called by another thread. `held`: descriptors that the process has to keep open
        as long as it runs.
        """
        with contextlib.suppress(OSError):  # if it has ended, `heard` is told
            self._child.channel.send_descriptors(held)
        daemon(self._send, "to-process").start()
        self._hear.put(heard)

    def send(self, data: bytes) -> None:
        """Send a pickled message without waiting. Does nothing if the process has ended."""
        self._outbox.put(data)

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()
        self._hear.put(None)  # it may never have begun
        self._thread.join()

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # if it has ended, `heard` is told
            while (data := self._outbox.get()) is not None:
                self._child.channel.send_data(data)

    def _live(
        self,
        package: str,
        directory: str | None,
        started: queue.SimpleQueue[Child | StoppedError],
    ) -> None:
        # A key such as Ctrl-Z is meant for it, too: it fetches nothing while the run is suspended.
        try:
            child = Child(
                _PROGRAM, "a process", own_session=False, package=package, directory=directory
            )
        except StoppedError as error:
            started.put(error)
            return
        started.put(child)
        heard = self._hear.get()
        with contextlib.suppress(ProcessGone):
            while heard:
                for data in child.receive_data():
                    heard(data)
        self._outbox.put(None)  # the other thread ends, too: this process may go on for long
        how = child.close()
        if heard and how == how_ended(LEASE_OVER):
            heard(Gone("it heard nothing of the command for too long", is_blameless=True))
        elif heard:
            heard(Gone(f"{how}: {child.last_line}" if child.last_line else how))
