"""A JSON array of URLs or objects, read element by element.

An element is read like a line of JSON Lines. Several arrays may follow one another, as tools write
them that get a result page by page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyfetch.inputs.columns import BY_NAME, Columns
from pyfetch.inputs.decoding import UTF_8_MARK, Unreadable
from pyfetch.inputs.formats.json_lines import record_from_json
from pyfetch.inputs.record import BadRecord, NumberedRecord, Record
from pyfetch.inputs.stream import MAX_RECORD, Content

_STRUCTURE = re.compile(rb'[\[\]{},"]')
_WITHIN_A_STRING = re.compile(rb'["\\]')
_NOT_BLANK = re.compile(rb"[^ \t\r\n]")


def read_json_array(content: Content, columns: Columns = BY_NAME) -> Iterator[NumberedRecord]:
    """Yield a record for each element. Raises `Unreadable`."""
    scanner = _Scanner(columns)
    try:
        for block in content:
            yield from scanner.feed(block)
        scanner.close()
    except Unreadable as error:
        error.number = error.number or scanner.number
        raise


class _Scanner:
    """Finds where elements end, in linear time, without parsing them."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._pieces: list[bytes] = []
        """The element whose end has not come yet, in pieces."""
        self._size = 0
        self._line = 1
        """Line on which the first piece begins."""
        self._newlines = 0
        """Line ends since that line."""
        self._is_first = True

    @property
    def number(self) -> int:
        """Line on which the current element begins."""
        before = re.match(rb"\s*", b"".join(self._pieces[:2]))
        return self._line + (before[0].count(b"\n") if before else 0)

    def feed(self, block: bytes) -> Iterator[NumberedRecord]:
        """Yield the records of the elements that end in this block."""
        if self._is_first and block:
            self._is_first = False
            block = block.removeprefix(UTF_8_MARK)
        start = position = 0
        while position < len(block):
            if self._depth == 0:
                start = position = self._begin_array(block, start, position)
                continue
            position, at = self._next_structure(block, position)
            if at is None:
                continue
            character = block[at : at + 1]
            if self._depth == 1 and character in b",]":
                self._take(block[start:at])
                yield from self._end_element(is_last=character == b"]")
                start = position
            elif character in b"[{":
                self._depth += 1
            elif character in b"]}" and self._depth > 1:
                self._depth -= 1
        self._take(block[start:])

    def _begin_array(self, block: bytes, start: int, position: int) -> int:
        """Skip the bracket that opens an array. Returns the position after it."""
        found = _NOT_BLANK.search(block, position)
        self._take(block[start : found.start() if found else len(block)])
        self._next_element()
        if not found:
            return len(block)
        if found[0] != b"[":
            raise Unreadable("it is no JSON array of URLs or objects")
        self._depth = 1
        return found.end()

    def _end_element(self, *, is_last: bool) -> Iterator[NumberedRecord]:
        element = b"".join(self._pieces)
        if element.strip() or not is_last:
            yield NumberedRecord(self._record(element), self.number, element.strip())
        self._next_element()
        self._depth -= is_last

    def close(self) -> None:
        """Raise `Unreadable` if the array is not complete."""
        if self._depth or self._is_first:
            raise Unreadable("the JSON array has no end")

    def _next_structure(self, block: bytes, position: int) -> tuple[int, int | None]:
        """The position to go on from, and that of a bracket or comma outside of strings."""
        if self._escaped:
            self._escaped = False
            return position + 1, None
        found = (_WITHIN_A_STRING if self._in_string else _STRUCTURE).search(block, position)
        if not found:
            return len(block), None
        if found[0] == b"\\":
            self._escaped = True
        elif found[0] == b'"':
            self._in_string = not self._in_string
        else:
            return found.end(), found.start()
        return found.end(), None

    def _take(self, piece: bytes) -> None:
        self._newlines += piece.count(b"\n")
        self._size += len(piece)
        if self._size <= MAX_RECORD and piece:
            self._pieces.append(piece)
        elif self._size > MAX_RECORD:
            self._pieces = self._pieces[:1]

    def _next_element(self) -> None:
        self._line += self._newlines
        self._newlines = self._size = 0
        self._pieces = []

    def _record(self, element: bytes) -> Record | BadRecord:
        if self._size > MAX_RECORD:
            return BadRecord(f"longer than {MAX_RECORD} bytes")
        if not element.strip():
            return BadRecord("nothing stands before the comma")
        return record_from_json(element, self._columns)
