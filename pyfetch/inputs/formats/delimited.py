"""CSV (RFC 4180) and TSV: each row is a record. The first row names the columns.

A bad row does not affect other rows: after a quote that is never closed, the lines that follow are
read again, one by one.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pyfetch.errors import UsageError
from pyfetch.inputs.columns import BY_NAME, URL, Columns
from pyfetch.inputs.decoding import UTF_8_MARK, Unreadable
from pyfetch.inputs.detect import delimiter_of
from pyfetch.inputs.record import KEYS, BadRecord, NumberedRecord, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_RECORD, Content, Line, numbered_lines
from pyfetch.text import escaped, masked

_KNOWN = frozenset({*KEYS, "mirrors", "size"})
_MOST_LINES = 10_000
_SHOWN = 200


class _TableRow(NamedTuple):
    number: int
    raw: bytes | None
    fields: Sequence[str] = ()
    wrong: str | None = None
    """Why it cannot be used."""


def read_csv(content: Content, columns: Columns = BY_NAME) -> Iterator[NumberedRecord]:
    """Yield a record a row; columns are separated by `,`, or by `;` if the heading says so.

    Raises `UsageError` if the heading has not the `columns` that are asked for.
    """
    return _read(content, "," if _delimiter(content, columns) != ";" else ";", columns)


def read_tsv(content: Content, columns: Columns = BY_NAME) -> Iterator[NumberedRecord]:
    """Yield a record a row. Raises `UsageError` if the heading has not the `columns`."""
    return _read(content, "\t", columns)


def csv_line(text: str) -> bytes:
    """Return a row with one field, quoted, so that no text in it can be another row."""
    quoted = text.replace('"', '""').replace("\n", " ")
    return f'"{quoted}"'.encode(errors="backslashreplace")


def _delimiter(content: Content, columns: Columns) -> str | None:
    """The separator of columns, from the first line that is not blank."""
    beginning = content.beginning
    while not (lines := [line for line in beginning.split(b"\n", 100)[:-1] if line.strip()]):
        more = content.look()
        if len(more) == len(beginning) or len(more) > MAX_RECORD:
            lines = [more]
        beginning = more
        if lines:
            break
    return delimiter_of(lines[0].removeprefix(UTF_8_MARK), columns)


def _read(content: Content, delimiter: str, columns: Columns) -> Iterator[NumberedRecord]:
    rows = _rows(content, delimiter)
    first = next(rows, None)
    if first is None:
        return
    if first.wrong or columns.is_heading(first.fields):
        table = _TableReader.below(first, columns, content.name)
        content.heading = first.raw
    else:
        table = _TableReader.without_heading(first, columns, content.name)
        yield table.numbered_record(first)
    for row in rows:
        yield table.numbered_record(row)


class _TableReader(NamedTuple):
    """The columns of a table."""

    names: list[str]
    """Those that every format knows in lower case."""
    url: str
    """Which of them holds the URL."""

    @classmethod
    def below(cls, heading: _TableRow, columns: Columns, name: str) -> _TableReader:
        """The table below this heading, in the list of this name. Raises `UsageError`."""
        if heading.wrong:
            raise UsageError(f"cannot use {name}: its line of column names is {heading.wrong}")
        names = [field.strip() for field in heading.fields]
        place = columns.place_of_url(names)
        lowered = [one.lower() if one.lower() in _KNOWN else one for one in names]
        if columns.url is None:
            lowered = [one.lower() if one.lower() == URL else one for one in lowered]
        shown = masked(escaped(", ".join(lowered)))[:_SHOWN]
        if place is None:
            asked = f"column {columns.of_url!r}"
            hint = "" if columns.url else " (name the one with the URLs: --url-column NAME)"
            raise UsageError(f"cannot use {name}: it has no {asked}, but only: {shown}{hint}")
        if len(set(lowered)) < len(lowered):
            raise UsageError(f"cannot use {name}: two of its columns have the same name: {shown}")
        table = cls(lowered, lowered[place])
        table._check_needed(columns, name, shown)
        return table

    @classmethod
    def without_heading(cls, first: _TableRow, columns: Columns, name: str) -> _TableReader:
        """The table that begins with this row: the names of its columns are numbers."""
        table = cls([str(number) for number in range(1, len(first.fields) + 1)], columns.of_url)
        table._check_needed(columns, name, f"1 to {len(first.fields)}")
        return table

    def _check_needed(self, columns: Columns, name: str, shown: str) -> None:
        of_names = columns.needed if "out" not in self.names else ()
        for needed in (*of_names, *columns.of_command):
            if needed not in self.names:
                whose = "its files are named by" if needed in of_names else "the command has"
                raise UsageError(
                    f"cannot use {name}: {whose} {{input.{needed}}}, but it has only the columns"
                    f" {shown}"
                )

    def numbered_record(self, row: _TableRow) -> NumberedRecord:
        return NumberedRecord(self._record(row), row.number, row.raw)

    def _record(self, row: _TableRow) -> Record | BadRecord:
        if row.wrong:
            return BadRecord(row.wrong)
        builder = RecordBuilder()
        said = dict(zip(self.names, row.fields, strict=False))
        url, mirrors = said.pop(self.url, ""), said.pop("mirrors", "")
        builder.urls = [*url.split(), *mirrors.split()]
        builder.input = {key: value for key, value in said.items() if key not in _KNOWN} or None
        try:
            if not url.strip():
                builder.urls.clear()
            if len(row.fields) > len(self.names):
                fields, names = len(row.fields), len(self.names)
                raise Refused(f"{fields} fields where there are {names} columns")
            for key in (*KEYS, "size"):
                value = said.get(key, "").strip()
                for text in value.split("\n") if key == "header" else [value]:
                    if text.strip():
                        builder.add(key, text)
            return builder.record()
        except Refused as error:
            return builder.bad(error)


def _rows(content: Content, delimiter: str) -> Iterator[_TableRow]:
    """All rows that are not blank. A row that cannot be read says why."""
    lines = numbered_lines(content, MAX_RECORD)
    again: deque[Line] = deque()
    while True:
        taken: list[Line] = []
        source = iter([again.popleft()]) if again else lines
        try:
            fields = next(csv.reader(_texts(source, taken), delimiter=delimiter, strict=True), None)
            if fields is None:
                return
            if fields:
                "".join(fields).encode()  # fails for bytes that were not UTF-8
                yield _TableRow(taken[0].number, _raw(taken), fields)
        except csv.Error as error:
            # The row itself is not kept: its open quote could join it with another row.
            first = taken[0]
            text = first.content.decode(errors="replace")
            shown = None if first.too_long else csv_line(f"# {text}")
            yield _TableRow(first.number, shown, wrong=_explained(str(error)))
            again.extend(taken[1:])
        except UnicodeEncodeError:
            yield _TableRow(taken[0].number, _raw(taken), wrong="not UTF-8")
        except Unreadable as error:
            error.number = taken[0].number if taken else None
            raise


def _raw(lines: list[Line]) -> bytes:
    return lines[0].content if len(lines) == 1 else b"\n".join(line.content for line in lines)


def _texts(lines: Iterable[Line], taken: list[Line]) -> Iterator[str]:
    """Lines for the csv module. Those that it takes for one row are added to `taken`."""
    size = 0
    for line in lines:
        taken.append(line)
        size += len(line.content)
        if line.too_long or size > MAX_RECORD or len(taken) > _MOST_LINES:
            raise csv.Error(f"longer than {MAX_RECORD} bytes or {_MOST_LINES} lines")
        yield line.content.decode(errors="surrogateescape") + "\n"


def _explained(error: str) -> str:
    if error.startswith("unexpected end"):
        return "no row: a quote is not closed"
    if error.startswith("field larger"):
        return f"no row: {error}; perhaps a quote is not closed"
    if error.startswith("new-line"):
        return "no row: a carriage return in it is not quoted"
    return error if error.startswith("longer") else f"no row: {error}"
