"""Parser for the head of a response: status line and fields (RFC 9112, sections 2 to 5).

`http.client` accepts a head that is cut off, and lines that are no fields (CPython issue 113199
and others). Here both are errors. A head that breaks the rules but has a clear meaning is accepted
if curl and wget accept it: `tests/unit/http/test_response_head.py` lists both kinds.
"""

import re
from functools import lru_cache
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import Any, NamedTuple

from pyfetch.headers import Fields
from pyfetch.http.read_buffer import ReadBuffer

MAX_HEAD_SIZE = 256 * 1024
"""Longest head, in bytes."""
MAX_FIELDS = 1000
"""Fields in a head or in a trailer, at most; some servers send hundreds."""
MAX_INTERIM = 16
"""Interim responses (1xx) before the final one, at most (RFC 9110, section 15.2)."""

_PROTOCOL = b"HTTP/"
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(r"HTTP/1\.(\d) +([1-9]\d\d)(?: (.*))?", re.ASCII | re.DOTALL)
_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_EXACT = frozenset({"content-length", "content-range", "location", "transfer-encoding"})
"""Fields in which a control character is an error: without it, they would mean something else."""
_ALL_OR_NOTHING = frozenset({"etag", "set-cookie", "set-cookie2"})
"""Fields that are ignored if they have a control character (RFC 6265bis, section 5.6)."""
_PASSED_OVER = ("", "")
"""Stands for a field that is ignored."""
_SWITCHING_PROTOCOLS = 101
_CACHED_LINES = 512
_CACHED_LENGTH = 256
"""Longest line that is cached, in characters."""

_LONGEST_REASON = 8 * 1024


class HeadCutError(HTTPException):
    """The connection was closed in the middle of a head."""


class BadHeadError(HTTPException):
    """A head breaks the rules of RFC 9112."""


class StatusLine(NamedTuple):
    """First line of a response (RFC 9112, section 4)."""

    minor: int
    """Minor version: 1 for HTTP/1.1."""
    status: int
    reason: str


def read_head(buffer: ReadBuffer) -> tuple[StatusLine, Fields]:
    """Wait for the head of the final response; interim responses are skipped.

    Raises `HTTPException` for a head that is malformed, cut off or too long, and what the
    connection raises.
    """
    for _ in range(MAX_INTERIM + 1):
        status_line, fields = parse_head(_read_block(buffer))
        if status_line.status >= 200 or status_line.status == _SWITCHING_PROTOCOLS:
            return status_line, fields
    raise too_many_interim()


def _read_block(buffer: ReadBuffer) -> str:
    """Consume one head with the empty line that ends it. Returns the lines before that."""
    searched = 0
    while True:
        data = buffer.unread
        if not data.startswith(_PROTOCOL) and data != _PROTOCOL[: len(data)]:
            raise BadStatusLine(data[:60].decode("latin-1"))
        start, end = end_of_head(data, searched)
        if start > MAX_HEAD_SIZE:
            raise _too_long()
        if end:
            buffer.skip(end)
            return data[:start].decode("latin-1")
        searched = max(0, len(data) - 3)
        if not buffer.receive():
            if data:
                raise HeadCutError("the connection was closed within the head of the response")
            raise RemoteDisconnected("the server closed the connection without a response")


def end_of_head(data: bytes | bytearray, searched: int) -> tuple[int, int]:
    """Return where the empty line begins and where it ends.

    A line may end with LF alone (RFC 9112, section 2.2). The first `searched` bytes are known
    to hold no empty line. Without one in the rest, the result is `(len(data), 0)`.
    """
    found = _EMPTY_LINE.search(data, searched)
    if found is None:
        return len(data), 0
    start, end = found.span()
    return start - (data[start - 1 : start] == b"\r"), end


def parse_head(block: str) -> tuple[StatusLine, Fields]:
    """Parse the lines of one head, without the empty line that ends it. Raises `HTTPException`."""
    first, *lines = block.split("\n")
    parse_first = parse_status_line if len(first) > _CACHED_LENGTH else cached_status_line
    status_line = parse_first(first)
    if len(lines) > MAX_FIELDS:
        raise _too_long()
    if "\0" in block:
        raise BadHeadError("its head has a NUL")  # RFC 9110, section 5.5: dangerous
    if max(map(len, lines), default=0) <= _CACHED_LENGTH:
        known: list[Any] = [*map(cached_field, lines)]
        if None not in known:  # as in nearly all responses
            return status_line, Fields(known, are_short=True)
    fields: list[tuple[str, str]] = []
    for line in lines:
        field = (parse_field if len(line) > _CACHED_LENGTH else cached_field)(line)
        if field:
            fields.append(field)
        elif line[:1] in (" ", "\t") and fields:
            fields[-1] = _folded(fields[-1], line)
        else:
            fields.append(_odd_field(line.rstrip(" \t\r")))
    if _PASSED_OVER in fields:
        fields = [field for field in fields if field != _PASSED_OVER]
    return status_line, Fields(fields)


def _folded(field: tuple[str, str], line: str) -> tuple[str, str]:
    """A field with the line that continues it (RFC 9112, section 5.2)."""
    name, value = field
    more = line.strip(" \t\r")
    return _without_controls(name, f"{value} {more}".strip()) if name else _PASSED_OVER


def _odd_field(line: str) -> tuple[str, str]:
    """Read a line that is no well-formed field. It is ignored if its name is none.

    Raises `BadHeadError` for a line whose meaning is in doubt.
    """
    name, colon, value = line.partition(":")
    if not colon or line[0] in " \t":
        raise BadHeadError(f"its head has a line that is no field: {line[:60].encode('latin-1')!r}")
    # RFC 9112, section 5.1: a proxy removes blanks before the colon.
    name = name.rstrip(" \t").lower()
    return (
        _without_controls(name, value.strip(" \t")) if re.fullmatch(_NAME, name) else _PASSED_OVER
    )


def _without_controls(name: str, value: str) -> tuple[str, str]:
    """A field without the control characters in its value. Raises `BadHeadError`."""
    if not _CONTROLS.search(value):
        return name, value
    if name in _EXACT:
        shown = value[:60].encode("latin-1")
        raise BadHeadError(f"its field {name.title()} has a control character: {shown!r}")
    if name in _ALL_OR_NOTHING:
        return _PASSED_OVER
    return name, _CONTROLS.sub("", value.replace("\r", " "))  # RFC 9112, section 2.2


def parse_status_line(line: str) -> StatusLine:
    """Raises `BadStatusLine`."""
    match = _STATUS_LINE.fullmatch(line.rstrip("\r"))
    if not match:
        raise BadStatusLine(line[:60])
    minor, status, reason = match.groups()
    # Clients may ignore the reason (RFC 9112, section 4): a very long one is dropped.
    reason = reason if reason and len(reason) <= _LONGEST_REASON else ""
    return StatusLine(int(minor), int(status), _CONTROLS.sub("", reason).strip())


def parse_field(line: str) -> tuple[str, str] | None:
    """Return the name, in lower case, and the value; None if the line is no field."""
    match = _FIELD.fullmatch(line.rstrip(" \t\r"))
    return (match[1].lower(), match[2]) if match else None


# Most lines of a response are equal to lines of the one before.
cached_status_line = lru_cache(_CACHED_LINES)(parse_status_line)
cached_field = lru_cache(_CACHED_LINES)(parse_field)


def too_many_interim() -> BadHeadError:
    return BadHeadError(f"more than {MAX_INTERIM} interim responses")


def _too_long() -> BadHeadError:
    return BadHeadError(f"its head is longer than {MAX_HEAD_SIZE} bytes or {MAX_FIELDS} fields")
