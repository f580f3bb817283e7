"""`http.client`'s response, strict where that is lenient and a file would be wrong for it.

A head that ends in the middle or has a line that is no field, and a chunked body that is
cut in a size, pass for whole there (gh-113199 and its like); here they are errors.
"""

from __future__ import annotations

import re
from http.client import (
    BadStatusLine,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import BinaryIO

MAX_HEAD = 256 * 1024
"""Longest head of an answer, in bytes."""
MAX_FIELDS = 100
MAX_INTERIM = 16
"""Most answers of 1xx before the one that counts (RFC 9110, section 15.2)."""

_LONGEST_LINE = 64 * 1024
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\Z")
_STATUS_LINE = re.compile(rb"HTTP/1\.(\d) ([1-9]\d\d)(?: ([^\r\n]*))?\r?\n")
_WITHOUT_BODY = frozenset({204, 304})
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[ \r\n]")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


class HeadCutError(HTTPException):
    """The connection ended within the head of an answer."""


class BadHeadError(HTTPException):
    """The head of an answer is not what RFC 9112, section 2 to 5, allows."""


class StrictResponse(HTTPResponse):
    """A response whose head and chunks are what RFC 9112 says, or an error."""

    chunk_left: int | None

    def begin(self) -> None:
        """Read the head; as in `http.client`, without its detour over the parser of e-mails."""
        if self.headers is not None:
            return
        first, fields = _head(self.fp)
        match = _STATUS_LINE.fullmatch(first)
        if not match:
            raise BadStatusLine(first[:60].decode("latin-1"))
        minor, status, reason = match.groups()
        self.version = 10 if minor == b"0" else 11
        self.code = self.status = int(status)
        self.reason = (reason or b"").decode("latin-1").strip()
        self.headers = self.msg = HTTPMessage()
        said = {"transfer-encoding": "", "connection": "", "content-length": ""}
        for field in fields:
            name, _, value = field.decode("latin-1").partition(":")
            value = value.lstrip(" \t")
            self.headers[name] = value
            name = name.lower()
            if name in said:  # what comes twice is a list (RFC 9110, section 5.3)
                said[name] = f"{said[name]},{value}" if said[name] else value
        self.chunked = said["transfer-encoding"].lower() == "chunked"
        self.chunk_left = None
        self.length = self._length(said["content-length"])
        # Without any other sign, the end of the connection is that of the body.
        endless = not self.chunked and self.length is None
        self.will_close = endless or self._closes(said["connection"])

    def _length(self, said: str) -> int | None:
        if self.status in _WITHOUT_BODY:
            return 0
        said = said.partition(",")[0]  # those that differ are refused where the body is read
        usable = not self.chunked and said.isascii() and said.isdigit() and len(said) < 20
        return int(said) if usable else None

    def _closes(self, said: str) -> bool:
        """Whether the connection ends with this answer (RFC 9112, section 9.3)."""
        options = {option.strip(" \t") for option in said.lower().split(",")}
        if self.version == 11:
            return "close" in options
        return "keep-alive" not in options or "close" in options

    def _get_chunk_left(self) -> int | None:
        """Bytes left of a chunk, None behind the last one (RFC 9112, section 7.1)."""
        if self.chunk_left:
            return self.chunk_left
        if self.chunk_left == 0 and self._line() not in (b"\r\n", b"\n"):
            raise IncompleteRead(b"")
        match = _CHUNK_SIZE.fullmatch(self._line())
        if not match:
            raise IncompleteRead(b"")
        self.chunk_left = int(match.group(1), 16) or None
        if self.chunk_left is None:
            for _ in range(MAX_FIELDS):
                if self._line() in (b"\r\n", b"\n"):
                    break
            else:
                raise IncompleteRead(b"")
            self._close_conn()  # type: ignore[attr-defined] # its connection may be used again
        return self.chunk_left

    def _line(self) -> bytes:
        return self.fp.readline(_LONGEST_LINE)


def _head(connection: BinaryIO) -> tuple[bytes, list[bytes]]:
    """The status line and the fields, unfolded and trimmed, of the answer that counts."""
    for _ in range(MAX_INTERIM + 1):
        first = connection.readline(_LONGEST_LINE)
        if not first:
            raise RemoteDisconnected("Remote end closed connection without response")
        fields = _fields(connection) if first.startswith(b"HTTP/") else []
        if not _INTERIM.match(first):
            return first, fields
    raise BadHeadError(f"more than {MAX_INTERIM} interim answers")


def _fields(connection: BinaryIO) -> list[bytes]:
    fields: list[bytes] = []
    size = 0
    while True:
        line = connection.readline(_LONGEST_LINE)
        size += len(line)
        if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
            raise HeadCutError("the connection ended within the head of the answer")
        if size > MAX_HEAD or len(fields) > MAX_FIELDS:
            raise BadHeadError(f"its head is longer than {MAX_HEAD} bytes or {MAX_FIELDS} fields")
        content = line.rstrip(b" \t\r\n")
        if not content:
            return fields
        if content[:1] in (b" ", b"\t") and fields:
            fields[-1] += b" " + content.lstrip()  # RFC 9112, section 5.2
        elif _FIELD.match(content):
            fields.append(content)
        else:
            raise BadHeadError(f"its head has a line that is no field: {content[:60]!r}")
