"""CSV (RFC 4180) and TSV with a line of column names: each row is a record.

A bad row does not affect other rows: after a quote that is never closed, the lines that follow are
read again, one by one.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pyfetch.errors import UsageError
from pyfetch.inputs.decoding import UTF_8_MARK, Unreadable
from pyfetch.inputs.detect import delimiter_of
from pyfetch.inputs.record import KEYS, BadRecord, NumberedRecord, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_RECORD, Content, Line, numbered_lines
from pyfetch.text import escaped

_KNOWN = frozenset({*KEYS, "url", "mirrors", "size"})
_MOST_LINES = 10_000
_SHOWN = 200


class _TableRow(NamedTuple):
    number: int
    raw: bytes | None
    fields: Sequence[str] = ()
    wrong: str | None = None
    """Why it cannot be used."""


def read_csv(content: Content) -> Iterator[NumberedRecord]:
    """Yield a record a row; columns are separated by `,`, or by `;` if the heading says so.

    Raises `UsageError` if the first line names no column `url`.
    """
    return _read(content, "," if _delimiter(content) != ";" else ";")


def read_tsv(content: Content) -> Iterator[NumberedRecord]:
    """Yield a record a row. Raises `UsageError` if the first line names no column `url`."""
    return _read(content, "\t")


def csv_line(text: str) -> bytes:
    """Return a row with one field, quoted, so that no text in it can be another row."""
    quoted = text.replace('"', '""').replace("\n", " ")
    return f'"{quoted}"'.encode(errors="backslashreplace")


def _delimiter(content: Content) -> str | None:
    """The separator of columns, from the first line that is not blank."""
    beginning = content.beginning
    while not (lines := [line for line in beginning.split(b"\n", 100)[:-1] if line.strip()]):
        more = content.look()
        if len(more) == len(beginning) or len(more) > MAX_RECORD:
            lines = [more]
        beginning = more
        if lines:
            break
    return delimiter_of(lines[0].removeprefix(UTF_8_MARK))


def _read(content: Content, delimiter: str) -> Iterator[NumberedRecord]:
    rows = _rows(content, delimiter)
    header = next(rows, None)
    if header is None:
        return
    columns = _columns(header, content.name)
    content.heading = header.raw
    for row in rows:
        yield NumberedRecord(_record(row, columns), row.number, row.raw)


def _columns(header: _TableRow, name: str) -> list[str]:
    """Return the names of the columns, known ones in lower case. Raises `UsageError`."""
    if header.wrong:
        raise UsageError(f"cannot use {name}: its line of column names is {header.wrong}")
    columns = [field.strip() for field in header.fields]
    columns = [column.lower() if column.lower() in _KNOWN else column for column in columns]
    shown = escaped(", ".join(columns))[:_SHOWN]
    if "url" not in columns:
        raise UsageError(f"cannot use {name}: it has no column 'url', but only: {shown}")
    if len(set(columns)) < len(columns):
        raise UsageError(f"cannot use {name}: two of its columns have the same name: {shown}")
    return columns


def _record(row: _TableRow, columns: list[str]) -> Record | BadRecord:
    if row.wrong:
        return BadRecord(row.wrong)
    builder = RecordBuilder()
    said = dict(zip(columns, row.fields, strict=False))
    builder.urls = [*said.get("url", "").split(), *said.get("mirrors", "").split()]
    builder.input = {key: value for key, value in said.items() if key not in _KNOWN} or None
    try:
        if not said.get("url", "").strip():
            builder.urls.clear()
        if len(row.fields) > len(columns):
            raise Refused(f"{len(row.fields)} fields where there are {len(columns)} columns")
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
