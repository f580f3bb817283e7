"""The main program of a process that computes: one file at a time, by a function or a command.

It gets orders in lots, so that the program that started it has less to do for each.
It ends when the process that started it closes the connection, or dies.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pyfetch.compute.command_runner import CommandRunner
from pyfetch.compute.loaded_function import exception_in_short, load
from pyfetch.compute.messages import (
    Call,
    Execute,
    Failed,
    FunctionSpec,
    LotEnded,
    NotLoaded,
    Order,
    Ready,
    Reply,
    Setup,
    Succeeded,
)
from pyfetch.computed import MOST_JSON
from pyfetch.errors import UsageError
from pyfetch.processes.channel import Channel
from pyfetch.processes.life import end_with_parent
from pyfetch.system import STOPPING_SIGNALS

_LONGEST_LOT = 0.02
"""Seconds after which no further task of a lot is begun: another process may be free for it."""


def serve(connection_number: int, life_number: int) -> None:
    """Compute until the connection is closed.

    `connection_number` and `life_number` are descriptors. Nothing is ever written to the second
    one: its end is the end of the process that started this one.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING_SIGNALS)
    connection = Channel(socket.socket(fileno=connection_number))
    try:
        setup = connection.receive()
        assert isinstance(setup, Setup)  # noqa: S101
        if setup.function is None:
            _run_commands(connection)
        else:
            _call_function(connection, setup.function, life_number)
    except (EOFError, OSError):  # nobody listens any more
        pass


def _run_commands(connection: Channel) -> None:
    runner = CommandRunner(connection.fileno())

    def run(order: Order) -> Reply:
        assert isinstance(order, Execute)  # noqa: S101
        return runner.run(order.arguments)

    connection.send(Ready())
    while True:
        _run_lot(connection, run)


def _call_function(connection: Channel, spec: FunctionSpec, life_number: int) -> None:
    end_with_parent(life_number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        function = load(spec)
    except UsageError as error:
        connection.send(NotLoaded(str(error)))
        return

    def run(order: Order) -> Reply:
        assert isinstance(order, Call)  # noqa: S101
        reply = called(function, order)
        _flush()  # before the reply: what was printed belongs to this file
        return reply

    connection.send(Ready())
    while True:
        _run_lot(connection, run)


def _run_lot(connection: Channel, run: Callable[[Order], Reply]) -> None:
    """Wait for orders and run them, up to one that fails or until they have taken long."""
    orders: list[Order] = connection.receive()
    began = time.monotonic()
    for number, order in enumerate(orders, 1):
        reply = run(order)
        seconds = time.monotonic() - began
        # Each reply is sent at once: if the next task ends this process, it alone is to blame.
        if number == len(orders) or isinstance(reply, Failed) or seconds > _LONGEST_LOT:
            connection.send(reply, LotEnded(seconds))
            return
        connection.send(reply)


def called(function: Callable[..., object], call: Call) -> Reply:
    """What the function makes of a file: a value that JSON has, or why there is none."""
    try:
        value = function(Path(call.path), call.result)
    except BaseException as error:  # also SystemExit: it fails this URL alone
        code = getattr(inspect.unwrap(function), "__code__", None)
        return Failed(exception_in_short(error, code and code.co_filename))
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        return Failed(f"the value that it has returned is not JSON: {error}")
    if len(text) > MOST_JSON:
        return Failed(
            f"the value that it has returned takes {len(text):,} bytes as JSON: at most"
            f" {MOST_JSON:,} may be"
        )
    return Succeeded(text)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the function may have closed or replaced it
            stream.flush()
