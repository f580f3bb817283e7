"""A server on all addresses of the loopback, each of which is a host: it counts their requests."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Seen:
    """What one host has seen."""

    times: list[float] = field(default_factory=list)
    """When requests came, in seconds."""
    refused: list[float] = field(default_factory=list)
    """When it answered 429."""
    at_once: int = 0
    most_at_once: int = 0

    def most_in_a_second(self) -> int:
        """The most requests that came within one second."""
        return most_within(self.times, 1.0)


def most_within(times: list[float], seconds: float) -> int:
    """The most of these times that lie within so many seconds."""
    most, window = 0, deque[float]()
    for at in sorted(times):
        window.append(at)
        while window[0] <= at - seconds:
            window.popleft()
        most = max(most, len(window))
    return most


Answer = Callable[[str, Seen], bytes]
"""Returns a response for a host and what it has seen."""


def ok(_host: str, _seen: Seen) -> bytes:
    return response(200, b"x" * 100)


def response(status: int, body: bytes, *fields: str) -> bytes:
    head = (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields, "", "")
    return "\r\n".join(head).encode() + body


class CountingServer:
    """Answers on every address of 127.0.0.0/8 after `latency` seconds, more or less."""

    def __init__(self, answer: Answer = ok, latency: float = 0.03) -> None:
        self.answer = answer
        self.latency = latency
        self.hosts: dict[str, Seen] = {}
        self.port = 0
        self.last_client = 0
        """The port from which the last request came."""
        self._open: set[asyncio.Transport] = set()
        self._chance = random.Random(0)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()

    def url(self, number: int, path: object) -> str:
        """A URL of the host with this number, up to 60,000."""
        return f"http://{self.address(number)}:{self.port}/{path}"

    @staticmethod
    def address(number: int) -> str:
        """The address that is the host with this number."""
        return f"127.0.{1 + number // 250}.{1 + number % 250}"

    def seen(self, number: int) -> Seen:
        """What the host with this number has seen."""
        return self.hosts[self.address(number)]

    def times(self) -> list[float]:
        """When all requests came."""
        return sorted(at for seen in self.hosts.values() for at in seen.times)

    @contextmanager
    def running(self) -> Iterator[CountingServer]:
        thread = threading.Thread(target=self._run)
        thread.start()
        self._ready.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def _run(self) -> None:
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), "0.0.0.0", 0, backlog=1024)  # noqa: S104
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for transport in self._open:
            transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))  # they are closed in the next turn
        self._loop.close()

    def is_open(self, transport: asyncio.Transport) -> None:
        """Close this connection with the server."""
        self._open.add(transport)

    def is_closed(self, transport: asyncio.Transport) -> None:
        """It is closed."""
        self._open.discard(transport)

    def later(self, call: Callable[[], None]) -> None:
        """Call this after the latency."""
        self._loop.call_later(self.latency * self._chance.uniform(0.5, 1.5), call)


class _Connection(asyncio.Protocol):
    def __init__(self, server: CountingServer) -> None:
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.host = transport.get_extra_info("sockname")[0]
        self.received = b""
        self.server.is_open(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self.server.is_closed(self.transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.received.endswith(b"\r\n\r\n"):
            return
        self.received = b""
        seen = self.server.hosts.setdefault(self.host, Seen())
        self.server.last_client = self.transport.get_extra_info("peername")[1]
        seen.times.append(time.monotonic())
        seen.at_once += 1
        seen.most_at_once = max(seen.most_at_once, seen.at_once)
        answer = self.server.answer(self.host, seen)
        self.server.later(lambda: self.end(seen, answer))

    def end(self, seen: Seen, answer: bytes) -> None:
        seen.at_once -= 1
        self.transport.write(answer)
