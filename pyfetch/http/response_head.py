"""The head of an answer (RFC 9112, sections 2 to 5), read strictly.

A head that ends in the middle or has a line that is no field passes for whole with
`http.client` (gh-113199 and its like); here both are errors.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import NamedTuple

from pyfetch.headers import Fields
from pyfetch.http.read_buffer import Incoming

MAX_HEAD = 256 * 1024
"""Longest head of an answer, in bytes."""
MAX_FIELDS = 100
MAX_INTERIM = 16
"""Most answers of 1xx before the one that counts (RFC 9110, section 15.2)."""

_PROTOCOL = b"HTTP/"
_STATUS_LINE = re.compile(r"HTTP/1\.(\d) ([1-9]\d\d)(?: ([^\r\n]*))?\r?", re.ASCII)
_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_FOLDED = re.compile(r"[ \t][^\x00-\x08\x0a-\x1f\x7f]*")
_SWITCHING_PROTOCOLS = 101
_REMEMBERED = 512
_REMEMBERED_LENGTH = 256
"""Longest line that is remembered, in bytes."""


class HeadCutError(HTTPException):
    """The connection ended within the head of an answer."""


class BadHeadError(HTTPException):
    """The head of an answer is not what RFC 9112 allows."""


class Said(NamedTuple):
    """What an answer says before its body."""

    minor: int
    """Of its version, behind HTTP/1."""
    status: int
    reason: str
    fields: Fields


def read_head(incoming: Incoming) -> Said:
    """The head of the answer that counts, behind interim ones; waits for it.

    Raises `HTTPException` where it is none or too long, and what the connection raises.
    """
    for _ in range(MAX_INTERIM + 1):
        said = _parsed(_block(incoming))
        if said.status >= 200 or said.status == _SWITCHING_PROTOCOLS:
            return said
    raise BadHeadError(f"more than {MAX_INTERIM} interim answers")


def _block(incoming: Incoming) -> str:
    """All lines up to an empty one."""
    searched = 0
    while True:
        data = incoming.waiting
        if data[:5] != _PROTOCOL[: len(data)]:
            raise BadStatusLine(data[:60].decode("latin-1"))
        start, end = end_of_head(data, searched)
        if start > MAX_HEAD:
            raise _too_long()
        if end:
            incoming.skip(end)
            return data[:start].decode("latin-1")
        searched = max(0, len(data) - 3)
        if not incoming.more():
            if data:
                raise HeadCutError("the connection ended within the head of the answer")
            raise RemoteDisconnected("Remote end closed connection without response")


def end_of_head(data: bytes, searched: int) -> tuple[int, int]:
    """Where the empty line begins and ends; a lone LF ends a line, too (section 2.2).

    Where there is none, the length of the data, and 0.
    """
    found = data.find(b"\n\r\n", searched)
    shorter = data.find(b"\n\n", searched, found + 1 if found >= 0 else len(data))
    end = found + 3
    if shorter >= 0:
        found, end = shorter, shorter + 2
    if found < 0:
        return len(data), 0
    return found - (data[found - 1 : found] == b"\r"), end


def _parsed(block: str) -> Said:
    first, *lines = block.split("\n")
    minor, status, reason = (_status if len(first) > _REMEMBERED_LENGTH else known_status)(first)
    if len(lines) > MAX_FIELDS:
        raise _too_long()
    fields: list[tuple[str, str]] = []
    for line in lines:
        field = (_field if len(line) > _REMEMBERED_LENGTH else known_field)(line)
        if field:
            fields.append(field)
            continue
        content = line.rstrip(" \t\r")
        if not fields or not _FOLDED.fullmatch(content):
            shown = content[:60].encode("latin-1")
            raise BadHeadError(f"its head has a line that is no field: {shown!r}")
        name, value = fields[-1]
        more = content.lstrip(" \t")
        fields[-1] = name, f"{value} {more}".lstrip()  # RFC 9112, section 5.2
    return Said(minor, status, reason, Fields(fields))


def _status(line: str) -> tuple[int, int, str]:
    """Version, status and reason. Raises `BadStatusLine`."""
    match = _STATUS_LINE.fullmatch(line)
    if not match:
        raise BadStatusLine(line[:60])
    minor, status, reason = match.groups()
    return int(minor), int(status), (reason or "").strip()


def _field(line: str) -> tuple[str, str] | None:
    """The name, in lower case, and the value; None if it is no field."""
    match = _FIELD.fullmatch(line.rstrip(" \t\r"))
    return (match[1].lower(), match[2]) if match else None


# Most lines of an answer are those of the one before it.
known_status = lru_cache(_REMEMBERED)(_status)
known_field = lru_cache(_REMEMBERED)(_field)


def _too_long() -> BadHeadError:
    return BadHeadError(f"its head is longer than {MAX_HEAD} bytes or {MAX_FIELDS} fields")
