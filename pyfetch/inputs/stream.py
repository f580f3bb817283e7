"""The content of one source, in blocks or in lines, each as soon as it has arrived."""

import re
import select
from collections.abc import Callable, Iterable, Iterator
from io import RawIOBase
from typing import IO, NamedTuple

from pyfetch.inputs.decoding import BLOCK, UTF_8_MARK, decompressed, encoding_of, recoded

MAX_LINE = 64 * 1024
"""Longest line of a plain list, in bytes, without its end."""

MAX_RECORD = 1024 * 1024
"""Longest record of the formats in which a record may have several lines, in bytes."""

_DECLARES = b"# pyfetch: "
_DECLARATION = _DECLARES + rb"([a-z0-9]+)[ \t]*\r?(?:\n|\Z)"


class Content:
    """The blocks of one source, in UTF-8. `look` returns them before they are consumed.

    `on_read` is called with the number of bytes of each read; these may be compressed. Iterating
    it, and `look`, raises `Unreadable` if the source is damaged.
    """

    def __init__(
        self, stream: RawIOBase | IO[bytes], name: str, on_read: Callable[[int], None]
    ) -> None:
        self.name = name
        self.line = 1
        """Number of the line on which the next block begins."""
        self.heading: bytes | None = None
        """The line of column names, once the reader of a table has found it."""
        self.is_recoded = False
        """Whether the source is UTF-16, so that its bytes were changed."""
        self._blocks = self._in_utf_8(_raw_blocks(stream, on_read))
        self._ahead: list[bytes] = []

    def look(self) -> bytes:
        """Return the blocks that earlier calls have returned, and one more if there is one."""
        block = next(self._blocks, b"")
        if block:
            self._ahead.append(block)
        return b"".join(self._ahead)

    @property
    def beginning(self) -> bytes:
        """All blocks that `look` has returned; at least one if there is any."""
        return b"".join(self._ahead) or self.look()

    def blank_first_line(self) -> None:
        """Make the first line empty; `look` must have returned it."""
        _, end, rest = b"".join(self._ahead).partition(b"\n")
        self._ahead = [end + rest] if end else []

    def __iter__(self) -> Iterator[bytes]:
        while self._ahead:
            yield self._counted(self._ahead.pop(0))
        for block in self._blocks:
            yield self._counted(block)

    def _counted(self, block: bytes) -> bytes:
        self.line += block.count(b"\n")
        return block

    def _in_utf_8(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        encoding, rest = encoding_of(decompressed(blocks))
        if encoding:
            self.is_recoded = True
            rest = recoded(rest, encoding)
        yield from rest


def declaration(form: str) -> bytes:
    """Return the first line of a list that says which format it has."""
    return f"# pyfetch: {form}".encode()


def declared(beginning: bytes) -> str | None:
    """Return the format that the first line of a list declares; None if it declares none."""
    line = beginning.removeprefix(UTF_8_MARK)
    if not line.startswith(_DECLARES):
        return None
    match = re.match(_DECLARATION, line)
    return match[1].decode() if match else None


def _raw_blocks(stream: RawIOBase | IO[bytes], on_read: Callable[[int], None]) -> Iterator[bytes]:
    while True:
        block = stream.read(BLOCK)
        if block is None:
            # Another process has made this pipe non-blocking.
            select.select([stream], [], [])
            continue
        if not block:
            return
        on_read(len(block))
        yield block


class Line(NamedTuple):
    number: int
    """From 1."""
    content: bytes
    """The line without its end; of a line that is too long, only the first byte."""
    too_long: bool = False


def numbered_lines(blocks: Iterable[bytes], longest: int = MAX_LINE) -> Iterator[Line]:
    """Yield lines without their ends. A byte order mark is removed from the first one.

    Takes linear time, however small the blocks are.
    """
    number = 1
    pieces: list[bytes] = []
    """The line whose end has not come yet."""
    size = 0
    too_long = False
    for block in blocks:
        head, *others = block.split(b"\n")
        if head:
            pieces.append(head)
            size += len(head)
        if others:
            yield _line(number, b"".join(pieces), longest, too_long)
            for content in others[:-1]:
                number += 1
                if len(content) > longest:
                    yield _line(number, content, longest)
                else:
                    yield Line(number, content.removesuffix(b"\r"))
            number += 1
            pieces = [others[-1]] if others[-1] else []
            size = len(others[-1])
            too_long = False
        if size > longest + 1:  # one more, for a carriage return at the end
            too_long, pieces, size = True, [pieces[0][:1]], 1
    if pieces or too_long:
        yield _line(number, b"".join(pieces), longest, too_long)


def _line(number: int, content: bytes, longest: int, too_long: bool = False) -> Line:
    content = content.removesuffix(b"\r")
    if number == 1:
        content = content.removeprefix(UTF_8_MARK)
    if too_long or len(content) > longest:
        return Line(number, content[:1], too_long=True)
    return Line(number, content)
