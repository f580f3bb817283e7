"""What Linux says of processes that run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from concurrent.futures import Future
from pathlib import Path

from tests.support.server import Handler
from tests.support.waiting import LONGEST_WAIT, until


def children_of(process: int) -> list[int]:
    """The processes of a run."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found += map(int, (thread / "children").read_text().split())
    return found


def is_there(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def in_group(group: int) -> list[int]:
    """The processes of a group that have not ended."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            state, _, of, *_ = (process / "stat").read_text().rpartition(")")[2].split()
            if int(of) == group and state != "Z":
                found.append(int(process.name))
    return found


def connected_from(port: int, processes: list[int]) -> int | None:
    """Which of these processes has the connection that comes from this port of the loopback."""
    connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{each[9]}]" for each in connections if each[1].endswith(f":{port:04X}")}
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if str(descriptor.readlink()) in sockets:
                        return process
    return None


def asking(handler: Handler, started: Future[subprocess.Popen[bytes]]) -> int | None:
    """Which process of a run has sent this request; `started`: the run, once it is known.

    A run may ask before whoever starts it has got to know its process.
    """
    processes = children_of(started.result(LONGEST_WAIT).pid)
    return connected_from(handler.client_address[1], processes)


def suspend(process: int) -> None:
    """Stop it as Ctrl-Z does, and wait until none of its threads runs any more.

    The signal is taken by one thread; until that has its turn, on a busy machine, others go on.
    """
    os.kill(process, signal.SIGSTOP)
    until(lambda: _states_of_threads(process) == {"T"}, "it is stopped")


def _states_of_threads(process: int) -> set[str]:
    found = set()
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found.add((thread / "stat").read_text().rpartition(")")[2].split()[0])
    return found


def catches(process: int, number: int) -> bool:
    """Whether it has a handler for this signal."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (caught,) = (line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)
