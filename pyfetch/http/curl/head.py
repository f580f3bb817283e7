"""The head of a response from the lines that libcurl passes on, by the parser of all clients."""

from collections.abc import Sequence
from functools import lru_cache
from http.client import HTTPException
from typing import Any, NamedTuple

from pyfetch.headers import Fields
from pyfetch.http.response import framing_of
from pyfetch.http.response_head import (
    MAX_FIELDS,
    MAX_HEAD_SIZE,
    MAX_INTERIM,
    BadHeadError,
    StatusLine,
    parse_field,
    parse_head,
    parse_status_line,
    too_many_interim,
)

EMPTY_LINES = frozenset({b"\r\n", b"\n"})
"""Lines that end a head (RFC 9112, section 2.2)."""
_LATER_VERSIONS = ("2", "3")
"""Versions of which libcurl makes a status line itself."""
_SWITCHING_PROTOCOLS = 101
_CACHED_LINES = 512
_CACHED_LENGTH = 256
"""Longest line that is cached, in bytes."""


class FinalHead(NamedTuple):
    """The head of a final response."""

    status_line: StatusLine
    fields: Fields
    version: str | None
    """Version of HTTP, if it is none of 1.x."""
    is_plain: bool = False
    """Whether all its lines are well-formed, as in nearly all heads."""


def is_interim(status_line: bytes) -> bool:
    """Whether a status line begins an interim response (RFC 9110, section 15.2)."""
    status = status_line.partition(b" ")[2].lstrip()[:3]
    return status[:1] == b"1" and status != b"101"


def final_head(lines: Sequence[bytes], of_proxy: int) -> FinalHead:
    """Parse the first final head; interim responses are skipped. Raises `HTTPException`.

    `of_proxy`: how many final heads before that are of a proxy that was asked for a tunnel.
    """
    if not of_proxy and lines and max(map(len, lines)) <= _CACHED_LENGTH:
        known: list[Any] = [*map(_cached_field, lines[1:-1])]
        # As nearly all heads are: one, whose lines are all well-formed fields.
        if lines[-1] in EMPTY_LINES and None not in known and len(known) <= MAX_FIELDS:
            status_line, version = _cached_status_line(lines[0])
            if status_line.status >= 200:  # not `_is_final`: a call less for each URL
                return FinalHead(status_line, Fields(known, are_short=True), version, is_plain=True)
    start = interim = 0
    for end, line in enumerate(lines):
        if line not in EMPTY_LINES:
            continue
        head = b"".join(lines[start:end])
        if len(head) > MAX_HEAD_SIZE:
            raise BadHeadError(f"its head is longer than {MAX_HEAD_SIZE} bytes")
        block = head.decode("latin-1").removesuffix("\n")
        start = end + 1
        block, version = _as_http_1(block)
        status_line, fields = parse_head(block)
        if _is_final(status_line):
            if not of_proxy:
                return FinalHead(status_line, fields, version)
            of_proxy -= 1
            continue
        interim += 1
        if interim > MAX_INTERIM:
            raise too_many_interim()
    raise without_end()


def framed_by_libcurl(head: bytes) -> tuple[bool, bool]:
    """Whether libcurl decodes chunks, and whether it knows a length, by a head as it came.

    It knows no field with white space in front of its colon (RFC 9112, section 5.1, forbids that),
    and no length beside any `Transfer-Encoding`.
    """
    names = {line.partition(b":")[0].lower() for line in head.split(b"\n")}
    has_coding = b"transfer-encoding" in names
    return has_coding, b"content-length" in names and not has_coding


def is_complete(lines: Sequence[bytes], size: int) -> bool:
    """Whether these lines, with so many bytes of a body, are a complete response."""
    try:
        head = final_head(lines, 0)
    except HTTPException:
        return False
    length = framing_of(head.status_line.status, head.fields).length
    return length is not None and size >= length


def _is_final(status_line: StatusLine) -> bool:
    return status_line.status >= 200 or status_line.status == _SWITCHING_PROTOCOLS


def _as_http_1(block: str) -> tuple[str, str | None]:
    """A head as HTTP/1.1 would have it, and its version, if that is another one."""
    protocol, _, rest = block.partition(" ")
    version = protocol.removeprefix("HTTP/")
    if version in _LATER_VERSIONS:
        return f"HTTP/1.1 {rest}", version
    return block, None


@lru_cache(_CACHED_LINES)
def _cached_status_line(line: bytes) -> tuple[StatusLine, str | None]:
    first, version = _as_http_1(line.decode("latin-1").removesuffix("\n"))
    return parse_status_line(first), version


@lru_cache(_CACHED_LINES)
def _cached_field(line: bytes) -> tuple[str, str] | None:
    return parse_field(line.decode("latin-1").removesuffix("\n"))


def raw_head(lines: Sequence[bytes], of_proxy: int) -> bytes:
    """The head that `final_head` parses, as it came, with the empty line that ends it."""
    start = 0
    for end, line in enumerate(lines):
        if line not in EMPTY_LINES:
            continue
        if not is_interim(lines[start]):
            if not of_proxy:
                return b"".join(lines[start : end + 1])
            of_proxy -= 1
        start = end + 1
    raise without_end()


def without_end() -> BadHeadError:
    return BadHeadError("its head has no end")
