"""Members on this machine: `--processes`."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Callable
from importlib import import_module

from pyfetch.cluster.executor import Gone, Heard, RoomChanged
from pyfetch.cluster.messages import Begin, ToMember
from pyfetch.cluster.process import WorkerProcess, forked_member
from pyfetch.errors import StoppedError
from pyfetch.processes.child import Child
from pyfetch.processes.forked import can_fork

_OF_MEMBERS = ("pyfetch.cluster.worker", "pyfetch.engine.threads", "ctypes")
"""Modules that each member needs, though some are imported only where they are used."""


class LocalChannel:
    """A connection to a process of this machine."""

    is_local = True
    where = "this machine"

    def __init__(self, process: WorkerProcess, refuse: Callable[[], None]) -> None:
        self._process = process
        self.refuse = refuse
        self.kill = process.kill

    def send(self, message: ToMember) -> None:
        """Send a message without waiting. Does nothing if the process has ended."""
        self._process.send(pickle.dumps(message))


class LocalExecutor:
    """Starts processes on this machine: all at once, so that they import modules meanwhile."""

    def __init__(self, number: int, *, may_fork: bool = False) -> None:
        """`may_fork`: whether this process is the command's own, so that it may be forked."""
        self._number = number
        self._ready = _forked(number) if may_fork and can_fork() else _started(number)
        self._begun: dict[int, WorkerProcess] = {}
        """Processes that were not seen to end yet."""
        self._held: tuple[int, ...] = ()
        self._is_refused = False
        # If the run never begins, end the processes when this object goes.
        weakref.finalize(self, _end_all, self._ready)

    def watch(self, changed: Callable[[RoomChanged], None]) -> None:
        """Nothing: the number of processes is fixed."""

    def size(self) -> int:
        """How many processes there may be at once."""
        return self._number

    def has_room(self) -> bool:
        """Whether processes can begin here: the number of shares says how many there may be."""
        return not self._is_refused

    def hold(self, descriptor: int) -> None:
        """Let each process keep a descriptor open as long as it lives."""
        self._held = (descriptor,)

    def start(self, begin: Begin, heard: Heard) -> LocalChannel:
        """Let a process begin. Raises `StoppedError` if none can be started."""
        process = self._ready.pop() if self._ready else WorkerProcess()
        self._begun[id(process)] = process

        def hear(data: bytes | Gone) -> None:
            if isinstance(data, Gone):
                self._begun.pop(id(process), None)
                heard(data)
            else:
                heard(pickle.loads(data))  # noqa: S301 - of our own process

        process.begin(hear, self._held)
        process.send(pickle.dumps(begin))
        return LocalChannel(process, self._refuse)

    def _refuse(self) -> None:
        self._is_refused = True  # all processes of a machine are alike

    def close(self) -> None:
        """Kill all processes, and wait until they are gone."""
        _end_all(list(self._begun.values()))
        _end_all(self._ready)


def _end_all(processes: list[WorkerProcess]) -> None:
    for process in processes:
        process.kill()
    while processes:
        processes.pop().end()


def _started(number: int) -> list[WorkerProcess]:
    return [WorkerProcess() for _ in range(number)]


def _forked(number: int) -> list[WorkerProcess]:
    """Fork processes: what all of them need is loaded once, before that."""
    for module in _OF_MEMBERS:
        import_module(module)
    children: list[Child] = []
    try:
        children += (forked_member() for _ in range(number))  # before any thread is started
    except StoppedError:
        for child in children:
            child.kill()
            child.close()
        raise
    return [WorkerProcess(forked=child) for child in children]
