"""A process that has loaded the command and is forked for each run of it.

To start Python and to import what a run needs takes ten times as long as most runs of the tests.
A fork of a process that has done so is a process of its own all the same: with signals, pipes,
a terminal and an end of its own. This module is run as a program, and imports no test.

Objects that were there before a fork are left alone by the forked processes: memory is shared until
one of the two writes to it. Neither is garbage looked for among them, nor are they taken apart at
the end, as the interpreter does with what it has loaded.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import termios
import threading
from collections.abc import Callable
from typing import Any, NoReturn

_NOT_LOADED = ("__main__", "cluster.dask_channel", "cluster.dask_executor", "cluster.dask_member")
"""Ends of the names of modules that are none to load: Dask starts threads, and reads variables."""
_ALSO_LOADED = ("rich.live", "rich.progress", "rich.table", "sqlite3", "defusedxml.ElementTree")


def _load() -> None:
    import pyfetch

    for module in pkgutil.walk_packages(pyfetch.__path__, "pyfetch."):
        if not module.name.endswith(_NOT_LOADED):
            importlib.import_module(module.name)
    for name in _ALSO_LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _serve(control: socket.socket) -> str:
    """Fork for each request, until the other end is closed.

    Returns in the forked ones: the program to run, or nothing for the command.
    """
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 4)
        if not message:
            sys.exit()
        asked, *streams = descriptors
        with socket.socket(fileno=asked) as request:
            between = os.fork()
            if between == 0:
                # Of two forks the second has no parent any more, and is given to the tests.
                command = os.fork()
                if command:
                    request.sendall(str(command).encode())
                    os._exit(0)
                control.close()
                with request.makefile() as lines:
                    asked_for = json.loads(lines.readline())
                _become(asked_for, streams)
                return str(asked_for["program"])
            os.waitpid(between, 0)
            request.sendall(b"\n")
        for stream in streams:
            os.close(stream)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Take on what Popen would give to a process, and what Python makes of it at its start."""
    if request["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in streams:
        if stream > 2:
            os.close(stream)
    if request["terminal"]:
        terminal = os.open(request["terminal"], os.O_RDWR)
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        os.close(terminal)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["arguments"]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1
    )
    for number in request["closed"]:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)


def _end_with(program: Callable[[], object]) -> NoReturn:
    """Run this and end with its status, as the interpreter does, but take nothing apart.

    An exception goes on to the interpreter, which shows it.
    """
    try:
        program()
        status = 0
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        status = ended.code
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - waits for its threads
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.flush()
    os._exit(status)


def _main() -> str:
    _load()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        if program := _serve(socket.socket(fileno=int(sys.argv[1]))):
            return program
    return ""


if __name__ == "__main__":
    if program := _main():
        # How the interpreter ends with threads that still run is part of what is tested here.
        exec(program, {"__name__": "__main__"})  # noqa: S102
    else:
        from pyfetch.cli.main import main

        _end_with(main)
