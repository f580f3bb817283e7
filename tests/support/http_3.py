"""A server that speaks HTTP/3 on the loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer, serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent

BODY = b"by HTTP/3"


class Answering(QuicConnectionProtocol):
    """A connection on which each request gets the same body."""

    def quic_event_received(self, event: QuicEvent) -> None:
        """Answer a request."""
        if isinstance(event, ProtocolNegotiated):
            self._http = H3Connection(self._quic)
            return
        for heard in self._http.handle_event(event) if hasattr(self, "_http") else ():
            if isinstance(heard, HeadersReceived):
                head = [(b":status", b"200"), (b"content-length", str(len(BODY)).encode())]
                self._http.send_headers(heard.stream_id, head)
                self._http.send_data(heard.stream_id, BODY, end_stream=True)
                self.transmit()


@contextmanager
def http_3_server(certificate: Path, port: int) -> Iterator[None]:
    """While this is entered, it answers at this UDP port. `certificate`: with its key."""
    loop = asyncio.new_event_loop()
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(certificate, certificate)
    serving = serve("127.0.0.1", port, configuration=configuration, create_protocol=Answering)
    server = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: QuicServer) -> None:
    server.close()
    await asyncio.sleep(0)  # for the transport, which is closed in the next turn
    await asyncio.sleep(0)
