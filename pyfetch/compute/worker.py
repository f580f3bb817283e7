"""The main program of a process that computes: one file at a time, by a function or a command.

It ends when the process that started it closes the connection, or dies.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from pyfetch.compute.command_runner import CommandRunner
from pyfetch.compute.loaded_function import exception_in_short, load
from pyfetch.compute.messages import (
    MOST_JSON,
    Call,
    Execute,
    Failed,
    FunctionSpec,
    NotLoaded,
    Ready,
    Reply,
    Setup,
    Succeeded,
)
from pyfetch.errors import UsageError
from pyfetch.system import STOPPING_SIGNALS, end_with_parent
from pyfetch.units import format_size


def serve(connection_number: int, life_number: int) -> None:
    """Compute until the connection is closed.

    `connection_number` and `life_number` are descriptors. Nothing is ever written to the second
    one: its end is the end of the process that started this one.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING_SIGNALS)
    connection = Connection(connection_number)
    try:
        setup = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own parent
        assert isinstance(setup, Setup)  # noqa: S101
        if setup.function is None:
            _run_commands(connection)
        else:
            _call_function(connection, setup.function, life_number)
    except (EOFError, OSError):  # nobody listens any more
        pass


def _run_commands(connection: Connection) -> None:
    runner = CommandRunner(connection.fileno())
    _send(connection, Ready())
    while True:
        order = pickle.loads(connection.recv_bytes())  # noqa: S301
        assert isinstance(order, Execute)  # noqa: S101
        _send(connection, runner.run(order.arguments))


def _call_function(connection: Connection, spec: FunctionSpec, life_number: int) -> None:
    # What a function does may keep the interpreter's lock for long, so the system is asked, too.
    end_with_parent()
    threading.Thread(target=_end_at_end_of, args=[life_number], daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        function = load(spec)
    except UsageError as error:
        _send(connection, NotLoaded(str(error)))
        return
    _send(connection, Ready())
    while True:
        order = pickle.loads(connection.recv_bytes())  # noqa: S301
        assert isinstance(order, Call)  # noqa: S101
        _send(connection, called(function, order))
        _flush()


def _end_at_end_of(life_number: int) -> None:
    """End this process, and those that the function has started, when the parent has ended."""
    os.read(life_number, 1)
    os.killpg(0, signal.SIGKILL)


def called(function: Callable[..., object], call: Call) -> Reply:
    """What the function makes of a file: a value that JSON has, or why there is none."""
    try:
        value = function(call.path, call.result)
    except BaseException as error:  # also SystemExit: it fails this URL alone
        code = getattr(inspect.unwrap(function), "__code__", None)
        return Failed(exception_in_short(error, code and code.co_filename))
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        return Failed(f"the value that it has returned is not JSON: {error}")
    if len(text) > MOST_JSON:
        size, most = format_size(len(text)), format_size(MOST_JSON)
        return Failed(f"the value that it has returned takes {size} as JSON: at most {most} may be")
    return Succeeded(text)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the function may have closed or replaced it
            stream.flush()


def _send(connection: Connection, message: object) -> None:
    connection.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
