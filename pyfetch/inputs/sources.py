"""Reads the SOURCE arguments of a command line, one after the other, lazily."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from io import RawIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pyfetch.errors import UsageError
from pyfetch.inputs.columns import BY_NAME, Columns
from pyfetch.inputs.decoding import Unreadable
from pyfetch.inputs.record import BadRecord, NumberedRecord, Record, RecordBuilder
from pyfetch.inputs.stream import Content
from pyfetch.inputs.targets import Duplicates, checked_base, entry, resolved
from pyfetch.models import Entry, Target
from pyfetch.settings import InputFormat
from pyfetch.settings.store_kinds import is_bucket
from pyfetch.urls import is_url, looks_like_a_url, masked_url

if TYPE_CHECKING:
    from pyfetch.inputs.bucket_objects import ListsInBuckets

_READERS = {
    InputFormat.LINES: ("plain", "read_plain"),
    InputFormat.ARIA2: ("aria2", "read_aria2"),
    InputFormat.CSV: ("delimited", "read_csv"),
    InputFormat.TSV: ("delimited", "read_tsv"),
    InputFormat.JSONL: ("json_lines", "read_json_lines"),
    InputFormat.JSON: ("json_array", "read_json_array"),
    InputFormat.CHECKSUMS: ("checksums", "read_checksums"),
    InputFormat.SITEMAP: ("sitemap", "read_sitemap"),
    InputFormat.METALINK: ("metalink", "read_metalink"),
}
"""Module and function for each format. A run loads only those that it needs."""

_WITH_COLUMNS = frozenset({InputFormat.CSV, InputFormat.TSV, InputFormat.JSONL, InputFormat.JSON})
"""Formats whose readers are told in which column the URL is."""

Reader = Callable[[Content], Iterator[NumberedRecord]]


class Sources:
    """The entries of all sources. A source is a URL, `-` for standard input, or a file.

    Raises `UsageError` at once for a file that cannot be read, and while it is iterated for one
    that cannot be used. With `keep_lines`, `line_of` gives back what was read. Relative URLs
    are resolved with `base` (RFC 3986, section 5). `columns`: what tables and objects must have.
    `out`: the path, below the output directory, of what each argument that is a URL is saved to.
    `buckets`: reads what is in buckets; None: neither arguments nor lists name any.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        stdin: int = 0,
        *,
        keep_lines: bool = False,
        input_format: InputFormat = InputFormat.AUTO,
        skip_duplicates: bool = False,
        base: str | None = None,
        columns: Columns = BY_NAME,
        out: str | None = None,
        buckets: ListsInBuckets | None = None,
    ) -> None:
        self.duplicates = 0
        """Records that were dropped by `skip_duplicates`."""
        self._arguments = arguments
        self._stdin = stdin
        self._keep_lines = keep_lines
        self._format = input_format
        self._skip_duplicates = skip_duplicates
        self._columns = columns
        self._out = out
        self._buckets = buckets
        self._base = None if base is None else checked_base(base)
        self._lines_by_index: dict[int, bytes] = {}
        self._format_of_lines = InputFormat.JSONL
        self._is_kept_as_it_is = False
        self._heading: bytes | None = None
        self._read = 0
        sizes = [
            None if is_bucket(argument) else _readable_size(argument)
            for argument in arguments
            if is_bucket(argument) or not is_url(argument)
        ]
        self._size = None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def fraction_read(self) -> float | None:
        """The fraction of all sources that was read, from 0 to 1; None if sizes are not known."""
        return min(self._read / self._size, 1.0) if self._size else None

    def has(self, file: Path) -> bool:
        """Whether this file is one of the sources."""
        names = (Path(argument).resolve() for argument in self._arguments if argument != "-")
        return any(name == file for name in names)

    def line_of(self, index: int) -> bytes:
        """Return the line of an entry, without its end, once: it is forgotten after that.

        If there is only one list, and its records are lines, this is the line of the list; else it
        is a line of JSON that is read as the same record.
        """
        return self._lines_by_index.pop(index, b"")

    def before_lines(self, first: bytes, name: str) -> bytes:
        """Return the lines that must be before `first` in a file of this name, such as a heading.

        With them, the lines of `line_of` are read as the same records.
        """
        from pyfetch.inputs.written_back import preamble

        return preamble(self._heading, first, self._format_of_lines, name, self._columns)

    def __iter__(self) -> Iterator[Entry]:
        index = 0
        with Duplicates() if self._skip_duplicates else nullcontext() as earlier:
            for argument in self._arguments:
                for where, found in self._records_of(argument):
                    record = self._signed(found.record) if self._buckets else found.record
                    made = entry(index + 1, record, where, self._base)
                    if earlier and isinstance(made, Target) and earlier.seen(made):
                        self.duplicates += 1
                        continue
                    index += 1
                    if self._keep_lines:
                        self._lines_by_index[index] = self._line(found, where)
                    yield made

    def _records_of(self, argument: str) -> Iterator[tuple[str, NumberedRecord]]:
        """Each record of a source, and where it is (file and line)."""
        if is_url(argument) and not (self._buckets and is_bucket(argument)):
            builder, line = RecordBuilder([argument]), argument
            if self._out is not None:
                builder.add("out", self._out)
                line = f"{argument}  out={shlex.quote(self._out)}"
            numbered = NumberedRecord(builder.record(), 0, os.fsencode(line))
            self._note_format(None)
            yield f"argument {masked_url(argument)!r}", numbered
            return
        name = "standard input" if argument == "-" else argument
        of = f" of {name}" if len(self._arguments) > 1 else ""
        try:
            with self._open(argument) as stream:
                content = Content(stream, name, self._count)
                try:
                    for found in self._reader(content, argument)(content):
                        self._heading = content.heading if self._is_kept_as_it_is else None
                        yield f"line {found.number}{of}", found
                except Unreadable as error:
                    number = error.number or content.line
                    bad = BadRecord(f"the rest of it cannot be read: {error.detail}")
                    yield f"line {number}{of}", NumberedRecord(bad, number)
        except OSError as error:
            raise UsageError(f"cannot read {name}: {error.strerror}") from error

    def _signed(self, record: Record | BadRecord) -> Record | BadRecord:
        from pyfetch.inputs.bucket_objects import with_signed_urls  # only where there are any

        assert self._buckets  # noqa: S101 - the caller has looked
        return with_signed_urls(record, self._buckets)

    def _line(self, found: NumberedRecord, where: str) -> bytes:
        from pyfetch.inputs.written_back import line_of

        as_it_is = self._is_kept_as_it_is
        if not as_it_is and self._base:
            found = found._replace(record=resolved(found.record, self._base))
        return line_of(
            found, where, self._format_of_lines, as_it_is=as_it_is, columns=self._columns
        )

    def _note_format(self, of_list: InputFormat | None) -> None:
        """Decide, for the first source, in which format records are written back."""
        if self._keep_lines and not self._lines_by_index:
            from pyfetch.inputs.written_back import format_for

            self._format_of_lines = format_for(self._arguments, of_list)
            own = of_list or InputFormat.LINES
            self._is_kept_as_it_is = own is self._format_of_lines

    def _reader(self, content: Content, name: str) -> Reader:
        from pyfetch.inputs.detect import format_of, is_page  # only where there is a list

        chosen = format_of(content, name, self._format, self._columns)
        if chosen is InputFormat.SITEMAP and is_page(content.beginning):
            raise UsageError(
                f"cannot use {content.name}: it is a page of HTML, not a list of URLs"
                " (pyfetch follows no links in pages; look whether it asks to log in)"
            )
        if chosen is InputFormat.CHECKSUMS and not self._base:
            raise UsageError(
                f"cannot use {content.name}: it has checksums and names, but no URLs"
                " (say with --base URL where the files are)"
            )
        if self._columns.url is not None and chosen not in _WITH_COLUMNS:
            raise UsageError(
                f"cannot use {content.name}: a list of the format {chosen} has no columns"
                " (--url-column is for csv, tsv, jsonl and json)"
            )
        self._note_format(chosen)
        module, function = _READERS[chosen]
        reader: Callable[..., Iterator[NumberedRecord]] = getattr(
            import_module(f"pyfetch.inputs.formats.{module}"), function
        )
        return partial(reader, columns=self._columns) if chosen in _WITH_COLUMNS else reader

    def _count(self, size: int) -> None:
        self._read += size

    def _open(self, argument: str) -> AbstractContextManager[RawIOBase | IO[bytes]]:
        # Unbuffered, so that each line of a pipe is read at once. A buffer has a lock, too, which
        # a blocked read holds, and for which the interpreter would wait at its end.
        if argument == "-":
            return nullcontext(open(self._stdin, "rb", buffering=0, closefd=False))
        if self._buckets and is_bucket(argument):
            return self._buckets.open(argument)
        return Path(argument).open("rb", buffering=0)


def _readable_size(argument: str) -> int | None:
    """Return the size of a regular file in bytes, None for a pipe. Raises `UsageError`."""
    if argument == "-":
        return None
    try:
        status = Path(argument).stat()
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            Path(argument).open("rb").close()
        # Anything else must be opened only once, to read it: closing a FIFO ends its writer.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"cannot read {masked_url(argument)}: {reason}"
        if isinstance(error, FileNotFoundError) and looks_like_a_url(argument):
            message += f" (a URL begins with https://: https://{masked_url(argument)})"
        raise UsageError(message) from error
    return status.st_size if stat.S_ISREG(status.st_mode) else None
