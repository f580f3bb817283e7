"""An answer as it comes over a connection: its head at once, its body piece by piece.

Where the body ends is for RFC 9112, section 6.3, to say. One that is cut in the size of a chunk
passes for whole with `http.client`; here it is an error.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from http.client import IncompleteRead

from pyfetch.headers import Fields
from pyfetch.http.read_buffer import Incoming
from pyfetch.http.response_head import MAX_FIELDS, Said, read_head

_LONGEST_LINE = 64 * 1024
_WITHOUT_BODY = frozenset({204, 304})
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_NEW_LINE = (b"\r\n", b"\n")


class Answer:
    """One answer to a GET, with what urllib3 has of its own: `requests` knows no other.

    `over` is called once, when no more is read of it, with whether its connection may be
    used for another request. Waits raise `OSError`, what is no HTTP raises `HTTPException`.
    """

    __slots__ = ("_chunked", "_incoming", "_left", "_over", "_said", "_stays_open")

    def __init__(self, connection: socket.socket, over: Callable[[bool], None]) -> None:
        """Wait for the head."""
        self._over: Callable[[bool], None] | None = over
        self._incoming = Incoming(connection)
        self._incoming.more()
        self._said = said = read_head(self._incoming)
        fields = said.fields
        self._chunked = fields.get("Transfer-Encoding", "").lower() == "chunked"
        self._left: int | None = None
        """Bytes to come of the body, or of a chunk; None: no chunk has begun, or nobody knows."""
        if said.status in _WITHOUT_BODY:
            self._chunked, self._left = False, 0
        elif not self._chunked:
            self._left = _length(fields.get("Content-Length", ""))
        self._stays_open = _stays_open(said)
        if self._left == 0 and not self._chunked:
            self._end()

    @property
    def status(self) -> int:
        return self._said.status

    @property
    def reason(self) -> str:
        return self._said.reason

    @property
    def headers(self) -> Fields:
        return self._said.fields

    @property
    def length_remaining(self) -> int | None:
        """Bytes of the body that are to come, where that is known."""
        return None if self._chunked else self._left

    def read1(self, most: int) -> bytes:
        """Some bytes of the body, at most so many, as soon as there are any; none at its end."""
        if self._over is None or (self._chunked and not self._in_chunk()):
            return b""
        left = self._left
        data = self._incoming.take(most if left is None else min(most, left))
        self._took(len(data))
        return data

    def readinto1(self, buffer: memoryview) -> int:
        """The same to a buffer, as far as there is room. Returns how many."""
        if self._over is None or (self._chunked and not self._in_chunk()):
            return 0
        left = self._left
        size = self._incoming.take_into(buffer if left is None else buffer[:left])
        self._took(size)
        return size

    def readinto(self, buffer: memoryview) -> int:
        """As many bytes as there is room for, but at the end of the body. Returns how many."""
        if self._over is not None and not self._chunked:
            # No call in between: each record of TLS is one of its own.
            left = self._left
            size = self._incoming.fill(buffer if left is None else buffer[:left])
            self._took(size)
            return size
        filled = 0
        while filled < len(buffer) and (size := self.readinto1(buffer[filled:])):
            filled += size
        return filled

    def close(self) -> None:
        """Read nothing more. What is left of the body costs the connection."""
        if self._over is not None:
            over, self._over = self._over, None
            over(False)

    def _took(self, size: int) -> None:
        if not size:
            chunked = self._chunked
            self.close()
            if chunked:
                raise IncompleteRead(b"")
        elif self._left is not None:
            self._left -= size
            if not (self._left or self._chunked):
                self._end()

    def _in_chunk(self) -> bool:
        """Whether there is more; goes to the next chunk behind the end of one (section 7.1)."""
        if self._left:
            return True
        if self._left == 0 and self._line() not in _NEW_LINE:
            raise IncompleteRead(b"")
        size = _CHUNK_SIZE.fullmatch(self._line())
        if not size:
            raise IncompleteRead(b"")
        self._left = int(size[1], 16)
        if self._left:
            return True
        for _ in range(MAX_FIELDS):
            if self._line() in _NEW_LINE:
                self._end()
                return False
        raise IncompleteRead(b"")

    def _line(self) -> bytes:
        return self._incoming.line(_LONGEST_LINE)

    def _end(self) -> None:
        """The body is whole. More bytes than that are nobody's: no other answer may begin so."""
        if self._over is not None:
            over, self._over = self._over, None
            over(self._stays_open and not self._incoming.waiting)


def _length(said: str) -> int | None:
    said = said.partition(",")[0]  # those that differ are refused where the body is read
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None


def _stays_open(said: Said) -> bool:
    """Whether the connection outlives this answer (RFC 9112, section 9.3)."""
    options = {
        option.strip(" \t") for option in said.fields.get("Connection", "").lower().split(",")
    }
    return "close" not in options and (said.minor > 0 or "keep-alive" in options)
