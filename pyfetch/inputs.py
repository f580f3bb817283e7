"""Lines of files and streams, or the items of any iterable, become entries, lazily.

A bad line is a failed `Result` that says where it stood; it never ends the rest.
"""

from __future__ import annotations

import os
import re
import select
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import RawIOBase
from pathlib import Path
from typing import IO

from pyfetch.checksum import demanded_by
from pyfetch.errors import UsageError
from pyfetch.escape import escaped
from pyfetch.model import Entry, Failure, Outcome, Result, Target, TargetError
from pyfetch.origin import DEFAULT_PORTS, origin_of

MAX_LINE = 64 * 1024
"""Longest line that is read as one, in bytes, its end not counted."""

_BLOCK = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(?:[/?#]|$))")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\\\x7f-\xa0\u2028\u2029\ud800-\udfff]")


def is_url(argument: str) -> bool:
    """Whether a command-line argument is a URL, not the name of a file of URLs."""
    scheme = _SCHEME.match(argument)
    return scheme is not None and argument.startswith("//", scheme.end())


def target(index: int, url: str) -> Target:
    """The target that a URL names. Raises `TargetError` if it is none that can be fetched."""
    bad = _NOT_IN_A_URL.search(url)
    if bad:
        raise TargetError(
            Failure.INVALID_URL, f"no URL: {bad.group()!r} must be percent-encoded in one"
        )
    scheme = _SCHEME.match(url)
    if not scheme:
        raise TargetError(Failure.INVALID_URL, "no URL: it does not begin with https:// or http://")
    name = scheme.group(1).lower()
    if name not in DEFAULT_PORTS:
        raise TargetError(Failure.UNSUPPORTED_SCHEME, f"{name} is neither http nor https")
    try:
        return Target(index, url, origin_of(url), checksum=demanded_by(url))
    except ValueError as error:
        raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from None


def entry(index: int, text: str, where: str) -> Entry:
    """What one line becomes. `where` says in a failure's detail where the line stood."""
    try:
        return target(index, text)
    except TargetError as error:
        return _failed(index, text, error.failure, f"{where}: {error.detail}")


def entries_from_items(items: Iterable[str]) -> Iterator[Entry]:
    """Entries from an iterable of URLs, each item one entry."""
    for index, item in enumerate(items, 1):
        if isinstance(item, str):
            yield entry(index, item.strip(), f"item {index}")
        else:
            detail = f"item {index}: no URL but a value of type {type(item).__name__}"
            yield _failed(index, repr(item)[:200], Failure.INVALID_URL, detail)


class Sources:
    """The SOURCE arguments of a command line, read one after the other.

    Each is a URL, `-` for standard input, or a file. Raises `UsageError` at once for a
    file that cannot be read. `fraction_read` says how much of the whole has been read.
    With `keep_lines`, `line_of` gives each line back until it is asked for.
    """

    def __init__(
        self, arguments: Sequence[str], stdin: int = 0, *, keep_lines: bool = False
    ) -> None:
        self._arguments = arguments
        self._stdin = stdin
        self._keep_lines = keep_lines
        self._lines_by_index: dict[int, bytes] = {}
        self._read = 0
        sizes = [_readable_size(argument) for argument in arguments if not is_url(argument)]
        self._size = None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def fraction_read(self) -> float | None:
        """From 0 to 1; None where the size of the whole is not known, as with a pipe."""
        return min(self._read / self._size, 1.0) if self._size else None

    def has(self, file: Path) -> bool:
        """Whether this file is one of the sources."""
        names = (Path(argument).resolve() for argument in self._arguments if argument != "-")
        return any(name == file for name in names)

    def line_of(self, index: int) -> bytes:
        """The input line of an entry as it was, without its end; it is let go of by this."""
        return self._lines_by_index.pop(index, b"")

    def __iter__(self) -> Iterator[Entry]:
        index = 0
        for argument in self._arguments:
            for where, line in self._lines_of(argument):
                found = _entry_from_line(index + 1, line, where)
                if found:
                    index += 1
                    if self._keep_lines:
                        self._lines_by_index[index] = _as_it_was(line, where)
                    yield found

    def _lines_of(self, argument: str) -> Iterator[tuple[str, bytes | None]]:
        """Where each line stands, and the line; None stands for one that is too long."""
        if is_url(argument):
            yield f"argument {argument!r}", os.fsencode(argument)
            return
        name = "standard input" if argument == "-" else argument
        of = f" of {name}" if len(self._arguments) > 1 else ""
        try:
            with self._open(argument) as stream:
                for number, line in self._lines(stream):
                    yield f"line {number}{of}", line
        except OSError as error:
            raise UsageError(f"cannot read {name}: {error.strerror}") from error

    def _open(self, argument: str) -> AbstractContextManager[RawIOBase | IO[bytes]]:
        # Unbuffered: a line of a pipe counts as soon as it is there, and no lock is
        # held in a read that the interpreter would have to wait for when it ends.
        if argument == "-":
            return nullcontext(open(self._stdin, "rb", buffering=0, closefd=False))
        return Path(argument).open("rb", buffering=0)

    def _lines(self, stream: RawIOBase | IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
        """Numbered lines without their ends; None stands for one that is too long."""
        number = 1
        rest = b""
        too_long = False
        while block := _read(stream):
            self._read += len(block)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield number, _whole(line, too_long)
                too_long = False
                number += 1
            if len(rest.removesuffix(b"\r")) > MAX_LINE:
                too_long, rest = True, rest[:1]
        if rest or too_long:
            yield number, _whole(rest, too_long)


def _whole(line: bytes, too_long: bool) -> bytes | None:
    """A line without its end, None if it is too long; of a comment, nothing but its sign."""
    line = line.removesuffix(b"\r")
    if too_long or len(line) > MAX_LINE:
        return b"#" if line.startswith(b"#") else None
    return line


def _entry_from_line(index: int, line: bytes | None, where: str) -> Entry | None:
    if line is None:
        detail = f"{where}: longer than {MAX_LINE} bytes"
        return _failed(index, "", Failure.INVALID_URL, detail)
    line = line.removeprefix(_BOM).strip()
    if not line or line.startswith(b"#"):
        return None
    try:
        return entry(index, line.decode(), where)
    except UnicodeDecodeError:
        text = line.decode(errors="backslashreplace")
        return _failed(index, text, Failure.INVALID_URL, f"{where}: not UTF-8")


def _as_it_was(line: bytes | None, where: str) -> bytes:
    if line is None:
        return f"# {escaped(where)} was longer than {MAX_LINE} bytes".encode()
    return line.removeprefix(_BOM)


def _failed(index: int, url: str, failure: Failure, detail: str) -> Result:
    return Result(index, url, Outcome.FAILED, error=failure, detail=detail)


def _read(stream: RawIOBase | IO[bytes]) -> bytes:
    """The next bytes, as soon as there are any; none at the end."""
    while (block := stream.read(_BLOCK)) is None:
        # Whoever gave us this pipe has set it not to block.
        select.select([stream], [], [])
    return block


def _readable_size(argument: str) -> int | None:
    """Bytes in a regular file, None for a pipe or the like. Raises `UsageError`."""
    if argument == "-":
        return None
    try:
        status = Path(argument).stat()
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            Path(argument).open("rb").close()
        # Anything else is opened once only, when it is read: closing a FIFO would end
        # the one who writes to it.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {argument}: {reason}") from error
    return status.st_size if stat.S_ISREG(status.st_mode) else None
