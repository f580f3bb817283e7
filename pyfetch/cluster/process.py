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
_PURPOSE = "a process"


class WorkerProcess:
    """A process that imports what it needs and waits for `begin`; for any thread.

    Has threads that start it, hear it and send to it. Raises `StoppedError` if no process can be
    started.
    """

    def __init__(
        self,
        package: str | None = None,
        directory: str | None = None,
        forked: Child | None = None,
    ) -> None:
        """`package`: the folder from which it imports pyfetch; None: where this process has it.

        `directory`: its working directory. `forked`: the process, if there is one already; the
        thread that has forked it must live as long.
        """
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._hear: queue.SimpleQueue[Callable[[bytes | Gone], None] | None] = queue.SimpleQueue()
        started: queue.SimpleQueue[Child | StoppedError] = queue.SimpleQueue()

        def live() -> None:
            # The thread that starts a process is the one that lives as long.
            child = forked or _started(package or PACKAGE, directory)
            started.put(child)
            if isinstance(child, Child):
                self._hear_and_end(child)

        self._thread = daemon(live, "process")
        try:
            self._thread.start()
        except RuntimeError as error:  # "can't start new thread"
            if forked:
                forked.kill()
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

    def _hear_and_end(self, child: Child) -> None:
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


def forked_member() -> Child:
    """Fork the process of a member: for a process in which that is safe. Raises `StoppedError`."""
    return Child(_PROGRAM, _PURPOSE, own_session=False, forks=True)


def _started(package: str, directory: str | None) -> Child | StoppedError:
    # A key such as Ctrl-Z is meant for it, too: it fetches nothing while the run is suspended.
    try:
        return Child(_PROGRAM, _PURPOSE, own_session=False, package=package, directory=directory)
    except StoppedError as error:
        return error
