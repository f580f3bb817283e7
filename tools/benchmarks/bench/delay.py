"""A proxy for TCP, in a process of its own, that holds back what clients send for a while.

So each request is answered that much later, over http and https alike, whatever is kept open or
pipelined; a TLS handshake pays for each of its flights. To make the TCP connection costs nothing,
unlike on a real line: the kernel does that. What servers send goes through at once.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

END = b""
"""Among the chunks of a client: it has closed."""


class FromClient(asyncio.Protocol):
    """One connection of a client, and the one to the server that was made for it."""

    def __init__(self, port: int, seconds: float) -> None:
        self.port, self.seconds = port, seconds
        self.held: deque[bytes] = deque()
        self.due = 0
        self.server: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.client = transport
        self.connecting = asyncio.ensure_future(self.connect())

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self.server, _ = await loop.create_connection(
                lambda: FromServer(self.client), "127.0.0.1", self.port
            )
        except OSError:
            self.client.abort()
        else:
            self.pass_on()

    def data_received(self, data: bytes) -> None:
        self.hold(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.hold(END)

    def hold(self, data: bytes) -> None:
        self.held.append(data)
        asyncio.get_running_loop().call_later(self.seconds, self.release)

    def release(self) -> None:
        self.due += 1
        self.pass_on()

    def pass_on(self) -> None:
        """Send what is due, in its order: timers of one moment may fire in any."""
        while self.due and self.server:
            self.due -= 1
            data = self.held.popleft()
            if data is END:
                self.server.close()
            else:
                self.server.write(data)


class FromServer(asyncio.Protocol):
    """Answers go to the client as they come."""

    def __init__(self, client: asyncio.Transport) -> None:
        self.client = client

    def data_received(self, data: bytes) -> None:
        self.client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.client.close()


async def serve(seconds: float, ports: Sequence[int]) -> None:
    """Stand before each of the ports of the loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    listening = [
        await loop.create_server(
            lambda port=port: FromClient(port, seconds),  # type: ignore[misc]
            "127.0.0.1",
            0,
            backlog=1024,
        )
        for port in ports
    ]
    print(*(server.sockets[0].getsockname()[1] for server in listening), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    for server in listening:
        server.close()


@contextmanager
def delayed(seconds: float, ports: Sequence[int]) -> Iterator[list[int]]:
    """Ports that lead to those given, more slowly, while this is entered."""
    proxy = subprocess.Popen(
        [sys.executable, "-I", __file__, str(seconds), *map(str, ports)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the benchmark, which ends this one
        text=True,
    )
    try:
        assert proxy.stdout
        yield [int(port) for port in proxy.stdout.readline().split()]
    finally:
        proxy.kill()
        proxy.communicate()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
