"""The content of a source as UTF-8: decompressed if it is gzip, recoded if it is UTF-16."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain

BLOCK = 64 * 1024
"""Most bytes that are read, or decompressed, at once."""

UTF_8_MARK = codecs.BOM_UTF8

_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Unreadable(Exception):  # noqa: N818 (it says what the rest of a source is)
    """The rest of a source cannot be read."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.number: int | None = None
        """Line on which the record begins that is incomplete because of this, if known."""


def is_marked(beginning: bytes) -> bool:
    """Whether this would be taken for gzip data or UTF-16 at the beginning of a source."""
    return beginning.startswith((_GZIP, *_UTF_16))


def decompressed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of gzip data, and anything else as it is. Raises `Unreadable`."""
    beginning = _enough(blocks, (_GZIP,))
    if beginning.startswith(_GZIP):
        yield from _members(chain([beginning], blocks))
        return
    if beginning:
        yield beginning
    yield from blocks


def encoding_of(blocks: Iterator[bytes]) -> tuple[str | None, Iterator[bytes]]:
    """Return UTF-16's name if a byte order mark says so, else None; and the blocks without it."""
    beginning = _enough(blocks, tuple(_UTF_16))
    encoding = _UTF_16.get(beginning[:2])
    rest = beginning[2:] if encoding else beginning
    return encoding, chain([rest], blocks) if rest else blocks


def recoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield UTF-16 text in UTF-8. Raises `Unreadable`.

    Half a surrogate pair becomes bytes that are not UTF-8: that costs its own line only.
    """
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for block in blocks:
            text = decoder.decode(block)
            if text:
                yield text.encode(errors="surrogatepass")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Unreadable("its UTF-16 text is cut off within a character") from None


def _enough(blocks: Iterator[bytes], marks: tuple[bytes, ...]) -> bytes:
    """Read the beginning, until it is known whether it starts with one of these marks."""
    beginning = next(blocks, b"")
    while any(len(beginning) < len(mark) and mark.startswith(beginning) for mark in marks):
        more = next(blocks, b"")
        if not more:
            break
        beginning += more
    return beginning


def _members(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of all members of gzip data (RFC 1952, section 2.2)."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    # Small pieces are collected: there may be thousands of tiny members in a block, and to
    # parse a long record anew with each byte takes quadratic time.
    pieces: list[bytes] = []
    size = 0
    try:
        for data in blocks:
            rest = data
            while rest:
                if member.eof:
                    # Tapes and some tools fill up with zeros after the last member.
                    rest = rest.lstrip(b"\0")
                    member = zlib.decompressobj(_GZIP_WINDOW) if rest else member
                    continue
                content = member.decompress(rest, BLOCK)
                rest = member.unused_data or member.unconsumed_tail
                pieces.append(content)
                size += len(content)
                if size >= BLOCK:
                    yield b"".join(pieces)
                    pieces, size = [], 0
            if size:
                yield b"".join(pieces)
                pieces, size = [], 0
        # All was consumed, but what was too much for one block may still be held back.
        while content := member.decompress(b"", BLOCK):
            yield content
    except zlib.error:
        if size:
            yield b"".join(pieces)
        raise Unreadable("its gzip data are damaged") from None
    if not member.eof:
        raise Unreadable("its gzip data are cut off")
