"""One record of a list: a file to fetch. It is the same for all formats of lists."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pyfetch.checksum import Checksum, demanded_by, parse_checksum
from pyfetch.headers import parse_header
from pyfetch.value import Value


class Record(NamedTuple):
    """One file: its URLs, and what the list says about it."""

    urls: tuple[str, ...]
    """At least one; the others are mirrors, in the order in which to try them."""
    out: str | None = None
    """Path below the output directory, as the list gives it; not yet made safe."""
    checksum: Checksum | None = None
    size: int | None = None
    """In bytes."""
    headers: tuple[tuple[str, str], ...] = ()
    input: Mapping[str, Any] | None = None
    """Everything else in the list about it: unknown keys or columns."""


class BadRecord(Value):
    """A record that cannot be used."""

    detail: str
    """Why it cannot be used, as a clause for people."""
    url: str = ""
    """Its URL, as far as it may be shown."""
    input: Mapping[str, Any] | None = None
    """The same as that of a record, as far as it can be read."""


class NumberedRecord(NamedTuple):
    """A record, and where it stands."""

    record: Record | BadRecord
    number: int
    """Line on which it begins, from 1."""
    raw: bytes | None = None
    """The record as it is in the list, without the end of its last line; None if it is too long to
    be kept, or if it is not made of whole lines."""


ALGORITHMS = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
"""Algorithms of checksums, from the strongest to the weakest."""

KEYS = ("out", "dir", *ALGORITHMS, "checksum", "header", "referer")
"""Keys that every format knows, besides those of URLs."""

_MAX_DIGITS = 18
_ABSOLUTE = r"[/\\]|[a-zA-Z]:[/\\]"
_SEPARATORS = r"[/\\]"
# Fields that say where a message ends, or that request something other than the whole file
# (RFC 9110 and 9112).
_RESERVED_FIELDS = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te"),
        *("trailer", "upgrade", "expect", "range", "if-range", "if-match", "if-none-match"),
        *("if-modified-since", "if-unmodified-since", "accept-encoding"),
    }
)


class Refused(ValueError):  # noqa: N818 (it says what a record is)
    """A record cannot be used. Its text says why, as a clause for people."""


class RecordBuilder:
    """Builds a record from keys and values. Its methods raise `Refused`."""

    def __init__(self, urls: Iterable[str] = ()) -> None:
        self.urls = list(urls)
        self.input: Mapping[str, Any] | None = None
        self._said: set[str] = set()
        self._out: str | None = None
        self._directory: str | None = None
        self._size: int | None = None
        self._headers: list[tuple[str, str]] = []
        self._checksums: dict[str, Checksum] = {}

    def add(self, key: str, value: str) -> None:
        """Add one of `KEYS`, or `size` in bytes."""
        if key == "header":
            self._headers.append(_header(value))
            return
        if key in self._said:
            raise Refused(f"{key} is given twice")
        self._said.add(key)
        if key == "referer":
            self._headers.append(_header(f"Referer: {value}"))
        elif key == "out":
            self._out = _checked_path(key, value)
        elif key == "dir":
            self._directory = _checked_path(key, value)
        elif key == "size":
            self._size = _size(value)
        elif key == "checksum":
            self._demand(*_algorithm_and_digest(value))
        else:
            self._demand(key, value)

    def record(self) -> Record:
        """Return the record. Checksums in the fragments of its URLs count too."""
        if not self.urls or not self.urls[0]:
            raise Refused("no URL")
        for url in self.urls:
            demanded = None
            # A wrong fragment is reported later, when the whole URL is checked.
            with contextlib.suppress(ValueError):
                demanded = demanded_by(url.partition("#")[2]) if "#" in url else None
            if demanded:
                self._demand(demanded.algorithm, demanded.digest)
        checksum = next(
            (self._checksums[name] for name in ALGORITHMS if name in self._checksums), None
        )
        return Record(
            tuple(self.urls), self._path(), checksum, self._size, tuple(self._headers), self.input
        )

    def bad(self, detail: object) -> BadRecord:
        """Return a bad record with what has been read so far."""
        return BadRecord(str(detail), self.urls[0] if self.urls else "", self.input)

    def _path(self) -> str | None:
        if self._directory is None:
            return self._out
        return self._directory.rstrip("/") + "/" + (self._out or "")

    def _demand(self, algorithm: str, digest: str) -> None:
        try:
            checksum = parse_checksum(algorithm, digest)
        except ValueError:
            raise Refused(
                "no checksum: write it as sha256=… (or sha512, sha384, sha224, sha1, md5)"
                " with all of its hexadecimal digits"
            ) from None
        if self._checksums.setdefault(checksum.algorithm, checksum) != checksum:
            raise Refused(f"two checksums, both {checksum.algorithm}, that differ")


def _algorithm_and_digest(text: str) -> tuple[str, str]:
    """`sha-256=…`, as aria2 writes it, or `sha256:…`."""
    name, _, digest = text.partition("=") if "=" in text else text.partition(":")
    return name.replace("-", ""), digest


def _header(text: str) -> tuple[str, str]:
    try:
        name, value = parse_header(text)
    except ValueError as error:
        raise Refused(str(error)) from None
    if name.lower() in _RESERVED_FIELDS or name.lower().startswith("proxy-"):
        raise Refused(f"a list may not set the header {name}")
    return name, value


def _checked_path(key: str, text: str) -> str:
    if not text.strip():
        raise Refused(f"{key} is empty")
    if "\0" in text:
        raise Refused(f"{key} has a NUL in it")
    if re.match(_ABSOLUTE, text):
        raise Refused(f"{key} must be a path below the output directory, not an absolute one")
    if ".." in re.split(_SEPARATORS, text):
        raise Refused(f"{key} leads out of the output directory with '..'")
    return text


def _size(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise Refused("size must be a number of bytes")
    return int(text)
