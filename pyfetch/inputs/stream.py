"""The bytes of a source, as soon as they are there, and decompressed where they are gzip.

What cannot be decompressed is `Unreadable`; all that came before it has been read by then.
"""

from __future__ import annotations

import select
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import RawIOBase
from itertools import chain
from typing import IO, NamedTuple

BLOCK = 64 * 1024
"""Most bytes that are read, or decompressed, at once."""

MAX_RECORD = 1024 * 1024
"""Most bytes that one record may have, in a format in which it may have several lines."""

BOM = b"\xef\xbb\xbf"

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Unreadable(Exception):  # noqa: N818 (it says what the rest of a source is)
    """The rest of a source cannot be read."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.number: int | None = None
        """Of the line on which the record begins that is cut by it, if its reader knows."""


class Content:
    """The blocks of one source, which can be looked at before they are read.

    `line` is the number of the line that the next block goes on with. `on_read` is told
    how many bytes, compressed ones perhaps, have come.
    """

    def __init__(
        self, stream: RawIOBase | IO[bytes], name: str, on_read: Callable[[int], None]
    ) -> None:
        self.name = name
        self.line = 1
        self._blocks = _decompressed(_raw_blocks(stream, on_read))
        self._ahead: list[bytes] = []

    def look(self) -> bytes:
        """All that was looked at before, and a block more, if there is one."""
        self._ahead += [block for block in (next(self._blocks, b""),) if block]
        return b"".join(self._ahead)

    def __iter__(self) -> Iterator[bytes]:
        while self._ahead:
            yield self._counted(self._ahead.pop(0))
        for block in self._blocks:
            yield self._counted(block)

    def _counted(self, block: bytes) -> bytes:
        self.line += block.count(b"\n")
        return block


def _raw_blocks(stream: RawIOBase | IO[bytes], on_read: Callable[[int], None]) -> Iterator[bytes]:
    while True:
        block = stream.read(BLOCK)
        if block is None:
            # Whoever gave us this pipe has set it not to block.
            select.select([stream], [], [])
            continue
        if not block:
            return
        on_read(len(block))
        yield block


def _decompressed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    beginning = next(blocks, b"")
    while len(beginning) < len(_GZIP) and _GZIP.startswith(beginning):
        more = next(blocks, b"")
        if not more:
            break
        beginning += more
    if beginning.startswith(_GZIP):
        yield from _members(beginning, blocks)
        return
    if beginning:
        yield beginning
    yield from blocks


def _members(beginning: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of all members (RFC 1952, section 2.2), never more than a block at once."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    try:
        for data in chain([beginning], blocks):
            rest = data
            while rest:
                if member.eof:
                    # Tapes and some tools fill up with zeros after the last member.
                    rest = rest.lstrip(b"\0")
                    member = zlib.decompressobj(_GZIP_WINDOW) if rest else member
                    continue
                content = member.decompress(rest, BLOCK)
                rest = member.unused_data or member.unconsumed_tail
                if content:
                    yield content
        # All was consumed, but what was too much for one block may still be held back.
        while content := member.decompress(b"", BLOCK):
            yield content
    except zlib.error:
        raise Unreadable("its gzip data are damaged") from None
    if not member.eof:
        raise Unreadable("its gzip data are cut off")


MAX_LINE = 64 * 1024
"""Longest line of a plain list that is read as one, in bytes, its end not counted."""


class Line(NamedTuple):
    number: int
    """From 1."""
    content: bytes
    """Without its end; of a line that is too long, no more than its first byte."""
    too_long: bool = False


def numbered_lines(blocks: Iterable[bytes], longest: int = MAX_LINE) -> Iterator[Line]:
    """Lines without their ends; a byte order mark is no part of the first one."""
    number = 1
    rest = b""
    too_long = False
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield _line(number, line, longest, too_long)
            too_long = False
            number += 1
        if len(rest.removesuffix(b"\r")) > longest:
            too_long, rest = True, rest[:1]
    if rest or too_long:
        yield _line(number, rest, longest, too_long)


def _line(number: int, content: bytes, longest: int, too_long: bool) -> Line:
    content = content.removesuffix(b"\r")
    if number == 1:
        content = content.removeprefix(BOM)
    if too_long or len(content) > longest:
        return Line(number, content[:1], too_long=True)
    return Line(number, content)
