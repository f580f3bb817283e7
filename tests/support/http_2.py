"""A server that speaks HTTP/2 on the loopback, and refuses requests as RFC 9113 allows it."""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable
from socketserver import StreamRequestHandler

from tests.support.serving import Serving

BODY = b"by HTTP/2"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM = _ACK = 1
_END_HEADERS = 4
_STATUS_200 = b"\x88"
"""A head in HPACK: an entry of the static table (RFC 7541, appendix A)."""
_NO_ERROR, _REFUSED_STREAM = 0, 7


class Http2Connection(StreamRequestHandler):
    """One connection. The server has a function that deals with its requests."""

    disable_nagle_algorithm = True
    server: Http2Server

    def handle(self) -> None:
        self.server.connections += 1
        self.number = 0
        """How many requests have come over it."""
        self.rfile.read(len(_PREFACE))
        self._send(_SETTINGS, 0, 0, b"")
        while len(head := self.rfile.read(9)) == 9:
            size, kind, flags, stream = int.from_bytes(head[:3]), head[3], head[4], head[5:]
            self.rfile.read(size)
            if kind == _SETTINGS and not flags & _ACK:
                self._send(_SETTINGS, _ACK, 0, b"")
            elif kind == _HEADERS:
                self.number += 1
                self.server.asked += 1
                self.server.deal_with(self, int.from_bytes(stream))

    def answer(self, stream: int) -> None:
        self.begin_answer(stream)
        self._send(_DATA, _END_STREAM, stream, BODY)

    def begin_answer(self, stream: int) -> None:
        self._send(_HEADERS, _END_HEADERS, stream, _STATUS_200)

    def refuse(self, stream: int) -> None:
        """It was not looked at (RFC 9113, section 8.7)."""
        self._send(_RST_STREAM, 0, stream, struct.pack(">L", _REFUSED_STREAM))

    def go_away(self, last: int) -> None:
        """No request after this one was looked at, or will be (RFC 9113, section 6.8)."""
        self._send(_GOAWAY, 0, 0, struct.pack(">LL", last, _NO_ERROR))

    def _send(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        head = len(content).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4)
        self.wfile.write(head + content)


class Http2Server(Serving):
    """Serves while it is entered. `asked`: how many requests have come."""

    request_queue_size = 256

    def __init__(
        self, context: ssl.SSLContext, deal_with: Callable[[Http2Connection, int], None]
    ) -> None:
        """`deal_with`: called with the number of the stream that a request has come by."""
        super().__init__("127.0.0.1", Http2Connection)
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.deal_with = deal_with
        self.asked = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"
