"""Input files of aria2: a line with a URI and its mirrors, then indented lines `name=value`.

Options that do not describe the file, but how aria2 has to fetch it, are ignored with a warning.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

from pyfetch.inputs.decoding import Unreadable
from pyfetch.inputs.record import NumberedRecord, RecordBuilder, Refused
from pyfetch.inputs.stream import MAX_LINE, MAX_RECORD, Content, Line, numbered_lines

_KEYS = frozenset({"out", "dir", "checksum", "header", "referer"})
_NAME = re.compile(r"[a-z][a-z0-9-]{0,60}")
_MOST_WARNINGS = 100

log = logging.getLogger("pyfetch.inputs")


def read_aria2(content: Content) -> Iterator[NumberedRecord]:
    """A record for each URI line and the indented lines below it."""
    ignored: set[str] = set()
    record: _UriLines | None = None
    try:
        for line in numbered_lines(content):
            text = line.content
            if text.startswith(b"#") or not (text.strip() or line.too_long):
                continue
            if text[:1] in b" \t" and record:
                record.add_option(line, ignored)
                continue
            if record:
                yield record.found()
            record = _UriLines(line)
    except Unreadable as error:
        error.number = record.number if record else None
        raise
    if record:
        yield record.found()


class _UriLines:
    def __init__(self, line: Line) -> None:
        self.number = line.number
        self._builder = RecordBuilder()
        self._size = 0
        self._wrong: str | None = None
        try:
            text = _text(line)
            if text[:1] in (" ", "\t"):
                raise Refused("an option without a URI above it")
            self._builder.urls = [url.strip() for url in text.split("\t") if url.strip()]
        except Refused as error:
            self._wrong = str(error)

    def add_option(self, line: Line, ignored: set[str]) -> None:
        self._size += len(line.content)
        if self._wrong:
            return
        try:
            if self._size > MAX_RECORD:
                raise Refused(f"more than {MAX_RECORD} bytes of options")
            name, equals, value = _text(line).strip().partition("=")
            if name in _KEYS and equals:
                self._builder.add(name, value.strip())
            elif not equals or not _NAME.fullmatch(name):
                raise Refused("no option of the form name=value")
            elif name not in ignored and len(ignored) < _MOST_WARNINGS:
                ignored.add(name)
                log.warning("the aria2 option %s is ignored", name)
        except Refused as error:
            self._wrong = f"{error} (on line {line.number})"

    def found(self) -> NumberedRecord:
        if self._wrong:
            return NumberedRecord(self._builder.bad(self._wrong), self.number)
        try:
            return NumberedRecord(self._builder.record(), self.number)
        except Refused as error:
            return NumberedRecord(self._builder.bad(error), self.number)


def _text(line: Line) -> str:
    if line.too_long:
        raise Refused(f"longer than {MAX_LINE} bytes")
    try:
        return line.content.decode()
    except UnicodeDecodeError:
        raise Refused("not UTF-8") from None
