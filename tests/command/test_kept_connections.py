"""Connections that are kept open: a server may close one just as the next request is sent."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import cast
from unittest import mock

import pytest

from pyfetch.http import connection as connections
from pyfetch.http.connection import Connection
from tests.support.certificates import server_with_tls
from tests.support.command import Command, Ended
from tests.support.server import Handler, LoopbackServer
from tests.support.waiting import until

THREADS = ("--engine", "threads", "-w", "1", "--retries", "0", "--format", "jsonl", "--discard")
End = Callable[[Handler], None]


def close(handler: Handler) -> None:
    handler.cut()


def reset(handler: Handler) -> None:
    """Have TCP say that there is no such connection: sending fails, too."""
    now = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
    # `shutdown`, which `socketserver` calls first, would announce an end like any other.
    socket.socket.close(handler.connection)
    handler.rfile.close()
    handler.close_connection = True


def notify_and_close(handler: Handler) -> None:
    """End it as TLS wants it (RFC 8446, section 6.1)."""
    handler.connection.settimeout(0)
    with suppress(OSError):  # the client does not answer
        handler.connection.unwrap()
    handler.cut()


def below_tls(data: bytes, handler: Handler) -> None:
    """Send what no TLS has encrypted."""
    socket.socket.sendall(handler.connection, data)
    handler.cut()


def send_broken_record(handler: Handler) -> None:
    below_tls(b"\x15\x03\x03\x00\x02\x02\x50", handler)


def send_plain_text(handler: Handler) -> None:
    below_tls(b"HTTP/1.1 408 Request Timeout\r\n\r\n", handler)


ENDS = [
    ("http", close),
    ("http", reset),
    ("https", close),
    ("https", reset),
    ("https", notify_and_close),
    ("https", send_broken_record),
    ("https", send_plain_text),
]


@contextmanager
def serving(scheme: str, command: Command, directory: Path) -> Iterator[tuple[LoopbackServer, str]]:
    """A server, and its URL."""
    if scheme == "http":
        with LoopbackServer() as plain:
            yield plain, plain.url
        return
    with server_with_tls(command, directory, "127.0.0.1") as server:
        yield server, f"https://127.0.0.1:{server.server_port}"


class Ending:
    """The server ends its first connection after one answer, just after the client has looked."""

    def __init__(self, server: LoopbackServer, end: End) -> None:
        self.looked = Event()
        self._end = end
        server.routes["/first"] = self._first
        server.routes["/next"] = lambda handler: handler.answer(200, b"next")

    def _first(self, handler: Handler) -> None:
        handler.answer(200, b"first")
        handler.wfile.flush()
        self.looked.wait(20)
        self._end(handler)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Within, the client takes the connection for an open one, though it has ended by then."""
        is_idle = cast("property", Connection.is_idle).fget
        assert is_idle

        def looks_too_early(connection: Connection) -> bool:
            self.looked.set()
            until(lambda: not is_idle(connection))
            return True

        with mock.patch.object(Connection, "is_idle", property(looks_too_early)):
            yield


@pytest.mark.parametrize(("scheme", "end"), ENDS)
def test_a_request_goes_over_a_new_one_if_the_server_has_just_ended_it(
    pyfetch: Command, tmp_path: Path, scheme: str, end: End
) -> None:
    with serving(scheme, pyfetch, tmp_path) as (server, url):
        ending = Ending(server, end)
        with ending.unseen():
            ended = pyfetch(*THREADS, f"{url}/first", f"{url}/next")
        outcomes = [(result["error"], result["attempts"]) for result in ended.results]
        assert outcomes == [(None, 1)] * 2
        assert (server.connections, server.paths()) == (2, ["/first", "/next"])


@pytest.mark.parametrize(("scheme", "end"), ENDS)
def test_what_ends_a_new_one_is_a_failure(
    pyfetch: Command, tmp_path: Path, scheme: str, end: End
) -> None:
    with serving(scheme, pyfetch, tmp_path) as (server, url):
        server.routes["/x"] = end
        (result,) = pyfetch(*THREADS, f"{url}/x").results
        assert (result["error"] in ("connect", "tls"), result["attempts"]) == (True, 1)
        assert server.paths() == ["/x"]


def fetch_two(pyfetch: Command, server: LoopbackServer, then: End, *options: str) -> Ended:
    """Fetch one, and over the same connection another one that is answered by `then`."""
    server.routes["/first"] = lambda handler: handler.answer(200, b"first")
    server.routes["/next"] = then
    ended = pyfetch(*THREADS, *options, f"{server.url}/first", f"{server.url}/next")
    assert (server.connections, server.paths()) == (1, ["/first", "/next"])
    return ended


@pytest.mark.parametrize("end", [close, reset])
@pytest.mark.parametrize("begun", [b"HTTP/1.1 2", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_what_ends_an_answer_that_has_begun_is_a_failure(
    pyfetch: Command, server: LoopbackServer, begun: bytes, end: End
) -> None:
    def begin_and_end(handler: Handler) -> None:
        handler.send(begun)
        handler.wfile.flush()
        end(handler)

    first, cut = fetch_two(pyfetch, server, begin_and_end).results
    assert first["error"] is None
    assert (cut["error"] in ("connect", "truncated"), cut["attempts"]) == (True, 1)


def test_a_server_that_says_nothing_is_not_asked_again(
    pyfetch: Command, server: LoopbackServer
) -> None:
    first, silent = fetch_two(pyfetch, server, Handler.stall, "--read-timeout", "0.2").results
    assert (first["error"], silent["error"], silent["attempts"]) == (None, "timeout", 1)


def test_a_request_that_the_system_cannot_send_over_it_goes_over_a_new_one(
    pyfetch: Command, server: LoopbackServer
) -> None:
    send_all = connections._send_all  # noqa: SLF001
    sent: list[socket.socket] = []

    def has_no_way(connection: socket.socket, request: bytes) -> None:
        sent.append(connection)
        if len(sent) == 2:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        send_all(connection, request)

    server.routes["/x"] = lambda handler: handler.answer(200, b"x")
    with mock.patch.object(connections, "_send_all", has_no_way):
        ended = pyfetch(*THREADS, f"{server.url}/x?1", f"{server.url}/x?2")
    assert [(result["error"], result["attempts"]) for result in ended.results] == [(None, 1)] * 2
    assert (len(sent), server.connections) == (3, 2)
