"""Writes records as lines that another run reads as the same records, for `--failed-to`."""

from __future__ import annotations

from collections.abc import Sequence

from pyfetch.inputs.columns import BY_NAME, Columns
from pyfetch.inputs.decoding import is_marked
from pyfetch.inputs.detect import detect, looks_like_an_option
from pyfetch.inputs.formats.delimited import csv_line
from pyfetch.inputs.formats.json_lines import json_line
from pyfetch.inputs.formats.plain import parse_line
from pyfetch.inputs.record import BadRecord, NumberedRecord, Record
from pyfetch.inputs.stream import declaration
from pyfetch.settings import InputFormat
from pyfetch.text import escaped
from pyfetch.urls import is_url

_TABLES = (InputFormat.CSV, InputFormat.TSV)
_OF_LINES = (InputFormat.LINES, *_TABLES, InputFormat.JSONL)


def format_for(arguments: Sequence[str], of_list: InputFormat | None) -> InputFormat:
    """Return the format in which the records of these sources can be written.

    It is the format of the list, if there is only one list and its records are lines. URLs on the
    command line become a plain list, if they can be lines of one. All else becomes JSON Lines.
    """
    if len(arguments) == 1 and of_list in _OF_LINES:
        return of_list
    if of_list is None and all(map(_is_line, arguments)):
        return InputFormat.LINES
    return InputFormat.JSONL


def line_of(
    found: NumberedRecord,
    where: str,
    form: InputFormat,
    *,
    as_it_is: bool,
    columns: Columns = BY_NAME,
) -> bytes:
    """Return the line for a record, without its end.

    `as_it_is`: the list is in this format. `where`: where the record stands in it. `columns`: as
    the next run will be told, too.
    """
    raw, record = found.raw, found.record
    if not as_it_is or (raw is None and form is InputFormat.JSONL):
        if isinstance(record, BadRecord):
            record = record.replaced(detail=f"{where}: {record.detail}")
        return json_line(record, raw, columns)
    if raw is None:
        detail = record.detail if isinstance(record, BadRecord) else "it cannot be written"
        comment = escaped(f"# {where}: {detail}")
        return csv_line(comment) if form in _TABLES else comment.encode()
    # After another line, an indented one could be taken for an aria2 option: remove the blanks.
    return raw.lstrip() if form is InputFormat.LINES and looks_like_an_option(raw) else raw


def preamble(
    heading: bytes | None,
    first: bytes,
    form: InputFormat,
    name: str,
    columns: Columns = BY_NAME,
) -> bytes:
    """Return the lines that must be before the first one, so that it is read in this format.

    `heading`: the line of column names of a table. `name`: the name of the file.
    """
    lines = [] if heading is None else [heading]
    beginning = b"".join(line + b"\n" for line in (*lines, first))
    if is_marked(beginning) or detect(beginning, name, columns) is not form:
        lines.insert(0, declaration(form))
    return b"".join(line + b"\n" for line in lines)


def _is_line(argument: str) -> bool:
    try:
        is_one_line = is_url(argument) and not {*argument} & {*"\r\n"}
        return is_one_line and parse_line(argument.encode()) == Record((argument,))
    except UnicodeEncodeError:
        return False
