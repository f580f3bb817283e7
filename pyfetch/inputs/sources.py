"""The SOURCE arguments of a command line, read one after the other, lazily."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from io import RawIOBase
from pathlib import Path
from typing import IO

from pyfetch.errors import UsageError
from pyfetch.inputs.detect import format_of
from pyfetch.inputs.duplicates import Duplicates
from pyfetch.inputs.formats.plain import render
from pyfetch.inputs.record import BadRecord, Found, RecordBuilder
from pyfetch.inputs.stream import Content, Unreadable
from pyfetch.inputs.targets import entry
from pyfetch.models import Entry, Target
from pyfetch.settings import InputFormat
from pyfetch.text import escaped
from pyfetch.urls import is_url, masked_url

_READERS = {
    InputFormat.LINES: ("plain", "read_plain"),
    InputFormat.ARIA2: ("aria2", "read_aria2"),
    InputFormat.CSV: ("delimited", "read_csv"),
    InputFormat.TSV: ("delimited", "read_tsv"),
    InputFormat.JSONL: ("json_lines", "read_json_lines"),
    InputFormat.SITEMAP: ("sitemap", "read_sitemap"),
    InputFormat.METALINK: ("metalink", "read_metalink"),
}
"""Module and function for each format: those that a run does not need are not loaded."""

Reader = Callable[[Content], Iterator[Found]]


class Sources:
    """Each source is a URL, `-` for standard input, or a file, compressed by gzip or not.

    Raises `UsageError` at once for a file that cannot be read, and while reading for one
    that cannot be used. `fraction_read` says how much of the whole has been read,
    `duplicates` how many records were dropped with `skip_duplicates`. With `keep_lines`,
    `line_of` gives each line back until it is asked for.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        stdin: int = 0,
        *,
        keep_lines: bool = False,
        input_format: InputFormat = InputFormat.AUTO,
        skip_duplicates: bool = False,
    ) -> None:
        self.duplicates = 0
        self._arguments = arguments
        self._stdin = stdin
        self._keep_lines = keep_lines
        self._format = input_format
        self._skip_duplicates = skip_duplicates
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
        """The input line of an entry, without its end; it is let go of by this.

        It is as it was in a plain list, and else a line of such a list that says the same,
        or a comment where none can.
        """
        return self._lines_by_index.pop(index, b"")

    def __iter__(self) -> Iterator[Entry]:
        index = 0
        with Duplicates() if self._skip_duplicates else nullcontext() as earlier:
            for argument in self._arguments:
                for where, found in self._found_in(argument):
                    made = entry(index + 1, found.record, where)
                    if earlier and isinstance(made, Target) and earlier.seen(made):
                        self.duplicates += 1
                        continue
                    index += 1
                    if self._keep_lines:
                        self._lines_by_index[index] = _line(found, where)
                    yield made

    def _found_in(self, argument: str) -> Iterator[tuple[str, Found]]:
        """Each record of a source, and where it stands."""
        if is_url(argument):
            raw = os.fsencode(argument)
            yield (
                f"argument {masked_url(argument)!r}",
                Found(RecordBuilder([argument]).record(), 0, raw),
            )
            return
        name = "standard input" if argument == "-" else argument
        of = f" of {name}" if len(self._arguments) > 1 else ""
        try:
            with self._open(argument) as stream:
                content = Content(stream, name, self._count)
                try:
                    for found in self._reader(content, argument)(content):
                        yield f"line {found.number}{of}", found
                except Unreadable as error:
                    number = error.number or content.line
                    bad = BadRecord(f"it cannot be read from here on: {error.detail}")
                    yield f"line {number}{of}", Found(bad, number)
        except OSError as error:
            raise UsageError(f"cannot read {name}: {error.strerror}") from error

    def _reader(self, content: Content, name: str) -> Reader:
        chosen = self._format
        if chosen is InputFormat.AUTO:
            chosen = format_of(content, name)
        module, function = _READERS[chosen]
        reader: Reader = getattr(import_module(f"pyfetch.inputs.formats.{module}"), function)
        return reader

    def _count(self, size: int) -> None:
        self._read += size

    def _open(self, argument: str) -> AbstractContextManager[RawIOBase | IO[bytes]]:
        # Unbuffered: a line of a pipe counts as soon as it is there, and no lock is
        # held in a read that the interpreter would have to wait for when it ends.
        if argument == "-":
            return nullcontext(open(self._stdin, "rb", buffering=0, closefd=False))
        return Path(argument).open("rb", buffering=0)


def _line(found: Found, where: str) -> bytes:
    if found.raw is not None:
        return found.raw
    if isinstance(found.record, BadRecord):
        return escaped(f"# {where}: {found.record.detail}").encode()
    line = render(found.record)
    return (
        line or escaped(f"# {where}: {found.record.urls[0]} cannot be written as a line").encode()
    )


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
