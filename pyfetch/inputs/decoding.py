"""The content of a source as UTF-8: decompressed if it is gzip, recoded if it is UTF-16."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain

BLOCK = 64 * 1024
"""Bytes that are read or decompressed at once, at most."""

UTF_8_MARK = codecs.BOM_UTF8

_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Unreadable(Exception):  # noqa: N818 (it says what the rest of a source is)
    """The rest of a source cannot be read. The text says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.number: int | None = None
        """Line on which the incomplete record begins, if known."""


def is_marked(beginning: bytes) -> bool:
    """Whether a source that begins like this is taken for gzip data or UTF-16."""
    return beginning.startswith((_GZIP, *_UTF_16))


def decompressed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of gzip data, or other data unchanged. Raises `Unreadable`."""
    beginning = _enough(blocks, (_GZIP,))
    if beginning.startswith(_GZIP):
        yield from _members(chain([beginning], blocks))
        return
    if beginning:
        yield beginning
    yield from blocks


def encoding_of(blocks: Iterator[bytes]) -> tuple[str | None, Iterator[bytes]]:
    """Return the UTF-16 codec that a byte order mark names, or None; and the blocks without it."""
    beginning = _enough(blocks, tuple(_UTF_16))
    encoding = _UTF_16.get(beginning[:2])
    rest = beginning[2:] if encoding else beginning
    return encoding, chain([rest], blocks) if rest else blocks


def recoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield UTF-16 text in UTF-8. Raises `Unreadable`.

    Half a surrogate pair becomes bytes that are not UTF-8, so that only its line is a bad record.
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
    # Small pieces are collected: there may be thousands of tiny members in a block, and parsing a
    # long record again for each of them would take quadratic time.
    pieces: list[bytes] = []
    size = 0
    try:
        for data in blocks:
            rest = data
            while rest:
                if member.eof:
                    # Tapes and some tools append zeros after the last member.
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
        # All input was consumed, but the decompressor may still hold output.
        while content := member.decompress(b"", BLOCK):
            yield content
    except zlib.error:
        if size:
            yield b"".join(pieces)
        raise Unreadable("its gzip data are damaged") from None
    if not member.eof:
        raise Unreadable("its gzip data are cut off")
