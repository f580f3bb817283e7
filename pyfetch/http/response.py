"""`Response`: the head of an HTTP response at once, and its body piece by piece."""

import re
import time
from collections.abc import Callable
from functools import cache, lru_cache
from http.client import IncompleteRead
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.headers import Fields
from pyfetch.http.read_buffer import FILL_SECONDS, ReadBuffer
from pyfetch.http.response_head import MAX_FIELDS, StatusLine, read_head
from pyfetch.urls import Url

if TYPE_CHECKING:
    from pyfetch.http.validators import Representation

_MAX_LINE_SIZE = 16 * 1024
"""Longest line between chunks, in bytes. A line that never ends brings no bytes of the body, so
`--min-speed` ends such a transfer, too."""
_WITHOUT_BODY = frozenset({204, 304})
_DIGITS = 20
"""A length of so many digits cannot be that of a body."""
_LINE_ENDS = (b"\r\n", b"\n")


@cache
def _chunk_size_line() -> re.Pattern[bytes]:
    """The line before a chunk (RFC 9112, section 7.1): few answers come in chunks."""
    return re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\0\r\n]*)?\r?\n")


class Framing(NamedTuple):
    """Where the body of a response to a GET ends (RFC 9112, section 6.3).

    Neither chunked nor with a length: the body ends when the connection is closed.
    """

    length: int | None = None
    """Bytes of the body, where they are announced."""
    chunked: bool = False
    error: str | None = None
    """Why the end cannot be known; None if it can."""


UNTIL_CLOSE = Framing()
_VERSIONS = [f"1.{minor}" for minor in range(10)]


def framing_of(status: int, fields: Fields) -> Framing:
    """Decide how the body of a response is framed, by its status and fields."""
    if status in _WITHOUT_BODY:
        return Framing(length=0)
    if "transfer-encoding" in fields:  # it overrides Content-Length
        coding = fields["transfer-encoding"]
        codings = {one.strip(" \t").lower() for one in coding.split(",")} - {"", "identity"}
        if codings == {"chunked"}:  # named twice, it was applied once: curl and wget agree
            return Framing(chunked=True)
        if codings:
            detail = f"the body has the transfer coding {coding[:60]!r}, which was not requested"
            return Framing(error=detail)
    announced = fields.get("content-length")
    if announced is None:
        return UNTIL_CLOSE
    if announced.isascii() and announced.isdigit() and len(announced) < _DIGITS:  # as most are
        return Framing(int(announced))
    length = announced.strip()
    if "," in announced:  # a field that came twice is joined by a comma
        first, *others = (one.strip() for one in announced.split(","))
        length = first if all(other == first for other in others) else ""
    if not (length.isascii() and length.isdigit() and len(length) < _DIGITS):
        return Framing(
            error=f"Content-Length is {announced[:60]!r}, so the end of the body cannot be known"
        )
    return Framing(int(length))


class RawHeads(NamedTuple):
    """One exchange as it went over the connection, for an archive. It may hold secrets."""

    request: bytes
    """The head of the request, as it was sent."""
    response: bytes
    """The head of the final response, as it came, with the empty line that ends it."""
    sent_at: float
    """When the request was sent, in seconds since the epoch."""
    address: str | None
    """IP address of the server; None if it is not known, or is that of a proxy."""

    def __repr__(self) -> str:
        return f"<RawHeads of {len(self.request)} and {len(self.response)} bytes>"


class ResponseHead:
    """The head of the final response to one GET, and how its body is framed."""

    __slots__ = ("framing", "headers", "raw", "reason", "status", "url", "version")

    def __init__(
        self,
        url: Url,
        status_line: StatusLine,
        fields: Fields,
        framing: Framing,
        version: str | None = None,
    ) -> None:
        """`version`: of HTTP, if it is none of 1.x."""
        self.url = url
        """URL of the request, after redirects."""
        self.version = version or _VERSIONS[status_line.minor]
        """Version of HTTP: `1.1`, `2` and so on."""
        self.status = status_line.status
        self.reason = status_line.reason
        self.headers = fields
        self.framing = framing
        self.raw: RawHeads | None = None
        """Both heads as they were sent; None: nobody wants them."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self.reason} {self.framing}>"

    @property
    def length(self) -> int | None:
        """Bytes of the body, where the server has announced them."""
        return self.framing.length


class Response(ResponseHead):
    """The final response to one GET. Its body can be read once, by one thread.

    `on_end` is called once, when no more of the body will be read, and is told whether the
    connection may be used for another request. All methods that read raise `OSError`, and
    `HTTPException` for a body that breaks the rules.
    """

    __slots__ = ("_buffer", "_keeps_alive", "_left", "_on_end")

    def __init__(
        self,
        url: Url,
        status_line: StatusLine,
        fields: Fields,
        framing: Framing,
        buffer: ReadBuffer,
        on_end: Callable[[bool], None],
    ) -> None:
        # The fields of `ResponseHead`: to call its `__init__` would cost each URL a call.
        self.url = url
        self.version = _VERSIONS[status_line.minor]
        self.status = status_line.status
        self.reason = status_line.reason
        self.headers = fields
        self.framing = framing
        self.raw = None
        self._buffer = buffer
        self._left = framing.length
        """Bytes left of the body, or of the current chunk; None: unknown, or no chunk yet."""
        self._keeps_alive = framing.error is None and _keeps_alive(status_line.minor, fields)
        self._on_end: Callable[[bool], None] | None = on_end
        if self._left == 0:
            self._end()

    @property
    def left(self) -> int | None:
        """Bytes of the body that are not read yet, where that is known."""
        return None if self.framing.chunked else self._left

    def read(self, limit: int) -> bytes:
        """Return at most `limit` bytes of the body, as soon as there are any; none at its end."""
        if self._on_end is None or (self.framing.chunked and not self._in_chunk()):
            return b""
        left = self._left
        data = self._buffer.read(limit if left is None else min(limit, left))
        self._consumed(len(data))
        return data

    def read_into(self, buffer: memoryview) -> int:
        """Like `read`, but write the bytes into `buffer`. Returns their number."""
        if self._on_end is None or (self.framing.chunked and not self._in_chunk()):
            return 0
        left = self._left
        size = self._buffer.read_into(buffer if left is None else buffer[:left])
        self._consumed(size)
        return size

    def fill(self, buffer: memoryview) -> int:
        """Fill the whole buffer, or less at the end of the body or if that takes long.

        Returns the number of bytes.
        """
        if self._on_end is not None and not self.framing.chunked:
            # In one call: over TLS there is a read for each record of 16 KiB.
            left = self._left
            size = self._buffer.fill(buffer if left is None else buffer[:left])
            self._consumed(size)
            return size
        filled = 0
        until = time.monotonic() + FILL_SECONDS
        while filled < len(buffer) and (size := self.read_into(buffer[filled:])):
            filled += size
            if time.monotonic() >= until:
                break
        return filled

    def close(self) -> None:
        """Read no more. If some of the body is left, its connection is closed."""
        self._finish(reusable=False)

    def _consumed(self, size: int) -> None:
        if not size:
            self.close()
            if self.framing.chunked:
                raise IncompleteRead(b"")
        elif self._left is not None:
            self._left -= size
            if not (self._left or self.framing.chunked):
                self._end()

    def _in_chunk(self) -> bool:
        """Go on to the next chunk at the end of one (RFC 9112, 7.1). False after the last."""
        if self._left:
            return True
        if self._left == 0 and self._read_line() not in _LINE_ENDS:
            raise IncompleteRead(b"")
        size = _chunk_size_line().fullmatch(self._read_line())
        if not size:  # `http.client` would take a size that is cut off for the last chunk
            raise IncompleteRead(b"")
        self._left = int(size[1], 16)
        if self._left:
            return True
        for _ in range(MAX_FIELDS):
            line = self._read_line()
            if line in _LINE_ENDS:
                self._end()
                return False
            if not line.endswith(b"\n") or b"\0" in line:
                break
        raise IncompleteRead(b"")

    def _read_line(self) -> bytes:
        return self._buffer.read_line(_MAX_LINE_SIZE)

    def _end(self) -> None:
        # If there are bytes after the end of the body, the connection cannot be used again: they
        # belong to no request.
        self._finish(reusable=self._keeps_alive and not self._buffer.holds_bytes)

    def _finish(self, *, reusable: bool) -> None:
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end(reusable)


def receive_response(url: Url, buffer: ReadBuffer, on_end: Callable[[bool], None]) -> Response:
    """Wait for the head of the response that comes next over the connection of this buffer.

    Raises what `read_head` raises. `on_end` is called as `Response` describes it.
    """
    status_line, fields = read_head(buffer)
    framing = framing_of(status_line.status, fields)
    return Response(url, status_line, fields, framing, buffer, on_end)


@lru_cache(16)
def _connection_options(connection: str) -> frozenset[str]:
    return frozenset(option.strip(" \t") for option in connection.lower().split(","))


def _keeps_alive(minor: int, fields: Fields) -> bool:
    """Whether the connection stays open after this response (RFC 9112, section 9.3)."""
    connection = fields.get("connection")
    if connection is None:
        return minor > 0
    options = _connection_options(connection)
    return "close" not in options and (minor > 0 or "keep-alive" in options)


class SavedContent(NamedTuple):
    """What is saved, as the answer has described it."""

    head: ResponseHead
    """The answer that has brought it, or its rest."""
    said: "Representation"
    """What is known of it after that answer."""
    coding: str | None
    """The coding in which it is saved; None: none, or it is not known."""
    sha256: str | None
    """In hexadecimal digits."""
