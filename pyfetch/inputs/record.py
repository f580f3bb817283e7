"""One file that a list asks for, in whatever format the list is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pyfetch.checksum import Checksum


class Record(NamedTuple):
    """One file: where it can be had, and what the list says of it."""

    urls: tuple[str, ...]
    """At least one; several are mirrors, in the order in which they are to be tried."""
    out: str | None = None
    """Where it is to go, below the output directory, as the list says; not yet made safe."""
    checksum: Checksum | None = None
    size: int | None = None
    """In bytes."""
    headers: tuple[tuple[str, str], ...] = ()
    input: Mapping[str, Any] | None = None
    """What the list says beyond that."""


class BadRecord(NamedTuple):
    """What was to be one and is none."""

    detail: str
    """Why, as a clause for people."""
    url: str = ""
    """What can be shown of it."""
    input: Mapping[str, Any] | None = None
    """As of a record, as far as it could be read."""


class Found(NamedTuple):
    """A record, and where it stood."""

    record: Record | BadRecord
    number: int
    """Of the line on which it begins, from 1."""
    raw: bytes | None = None
    """The line as it was, without its end, where a line is all that there is to it."""
