"""CSV (RFC 4180) and TSV with a line of column names: a record a row, lazily.

A row that cannot be read costs no other: if a quote is not closed where it should be, the
lines after the one with the quote are read again, each by itself.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pyfetch.errors import UsageError
from pyfetch.inputs.record import KEYS, BadRecord, Found, Record, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_RECORD, Content, Line, Unreadable, numbered_lines
from pyfetch.text import escaped

_KNOWN = frozenset({*KEYS, "url", "mirrors", "size"})
_MOST_LINES = 10_000
_SHOWN = 200


class _Row(NamedTuple):
    number: int
    fields: Sequence[str] = ()
    wrong: str | None = None


def read_csv(content: Content) -> Iterator[Found]:
    """Raises `UsageError` if the first line names no column `url`."""
    return _read(content, ",")


def read_tsv(content: Content) -> Iterator[Found]:
    """Raises `UsageError` if the first line names no column `url`."""
    return _read(content, "\t")


def _read(content: Content, delimiter: str) -> Iterator[Found]:
    rows = _rows(content, delimiter)
    header = next(rows, None)
    if header is None:
        return
    columns = _columns(header, content.name)
    for row in rows:
        yield Found(_record(row, columns), row.number)


def _columns(header: _Row, name: str) -> list[str]:
    """Names of columns, the known ones in lower case. Raises `UsageError`."""
    if header.wrong:
        raise UsageError(f"cannot use {name}: its line of column names is {header.wrong}")
    columns = [field.strip() for field in header.fields]
    columns = [column.lower() if column.lower() in _KNOWN else column for column in columns]
    shown = escaped(", ".join(columns))[:_SHOWN]
    if "url" not in columns:
        raise UsageError(f"cannot use {name}: it has no column 'url', but only: {shown}")
    if len(set(columns)) < len(columns):
        raise UsageError(f"cannot use {name}: two of its columns have one name: {shown}")
    return columns


def _record(row: _Row, columns: list[str]) -> Record | BadRecord:
    if row.wrong:
        return BadRecord(row.wrong)
    draft = RecordBuilder()
    said = dict(zip(columns, row.fields, strict=False))
    draft.urls = [*said.get("url", "").split(), *said.get("mirrors", "").split()]
    draft.input = {key: value for key, value in said.items() if key not in _KNOWN} or None
    try:
        if not said.get("url", "").strip():
            draft.urls.clear()
        if len(row.fields) > len(columns):
            raise Refused(f"{len(row.fields)} fields where there are {len(columns)} columns")
        for key in (*KEYS, "size"):
            value = said.get(key, "").strip()
            for text in value.split("\n") if key == "header" else [value]:
                if text.strip():
                    draft.add(key, text)
        return draft.record()
    except Refused as error:
        return draft.bad(error)


def _rows(content: Content, delimiter: str) -> Iterator[_Row]:
    """Every row that is not blank; what is none says so."""
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
                "".join(fields).encode()  # fails for what was not UTF-8
                yield _Row(taken[0].number, fields)
        except csv.Error as error:
            yield _Row(taken[0].number, wrong=_explained(str(error)))
            again.extend(taken[1:])
        except UnicodeEncodeError:
            yield _Row(taken[0].number, wrong="not UTF-8")
        except Unreadable as error:
            error.number = taken[0].number if taken else None
            raise


def _texts(lines: Iterable[Line], taken: list[Line]) -> Iterator[str]:
    """Lines as the csv module reads them, noting which it has taken for the row."""
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
