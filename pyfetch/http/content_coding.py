"""Content codings (RFC 9110, section 8.4): which are asked for, and how a body is decoded.

A few bytes may decode to gigabytes: nothing here holds more than some pieces of `PIECE` bytes.
"""

from __future__ import annotations

import importlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from typing import Any

from pyfetch.http.validators import coding_of
from pyfetch.models import Failure, TargetError

PIECE = 256 * 1024
"""Longest piece of decoded content, in bytes; from brotli, some may be a few times as long."""
MOST_CODINGS = 2
"""Codings of one body, at most: each multiplies what a few bytes may become."""

_FED = 32 * 1024
"""Coded bytes that a decoder gets at once: what it has not used it may have to copy each time."""
_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_RAW_TRAILER = 4
"""Bytes that some servers send behind raw deflate data: the checksum of a zlib stream."""
_ZSTD_WINDOW_LOG = 23
"""Largest window of zstd as a content coding: 8 MiB (RFC 9659, section 3)."""
_LONGEST_SHOWN = 60
_ALIASES = {"x-gzip": "gzip"}  # RFC 9110, section 8.4.1.3
_NO_CODINGS = frozenset({"identity", "none"})
_EXTRA = "pip install 'pyfetch-batch[compression]'"


class _Coding(ABC):
    """One coding of one body: `decode` gets the coded bytes in order."""

    name: str

    @abstractmethod
    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what follows from the next coded bytes; some pieces may be empty."""

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """Whether the coded data may end here."""


class _Streams(_Coding):
    """A coding whose data are one stream after the other: members of gzip, frames of zstd."""

    def __init__(self) -> None:
        self._stream: Any = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream is None or self._stream.eof:
                data = self._between(data)
                if not data:
                    return
                self._stream = self._begin()
            yield from self._take_in(data)
            data = self._stream.unused_data

    @property
    def is_complete(self) -> bool:
        return self._stream is None or bool(self._stream.eof)

    def _between(self, data: bytes) -> bytes:
        """The beginning of the next stream, in what follows the end of one."""
        return data

    @abstractmethod
    def _begin(self) -> Any:
        """A decoder for the next stream."""

    @abstractmethod
    def _take_in(self, data: bytes) -> Iterator[bytes]:
        """Yield what the stream makes of these bytes."""


class _Gzip(_Streams):
    """One member or several (RFC 1952, section 2.2), and zeros behind them, as tapes have them."""

    name = "gzip"

    def _between(self, data: bytes) -> bytes:
        return data if self._stream is None else data.lstrip(b"\0")

    def _begin(self) -> Any:
        return zlib.decompressobj(_GZIP_WINDOW)

    def _take_in(self, data: bytes) -> Iterator[bytes]:
        return _inflated(self._stream, data)


class _Zstd(_Streams):
    """One frame or several (RFC 8878, section 3.1)."""

    name = "zstd"

    def _begin(self) -> Any:
        zstd = zstd_module()
        limit = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        return zstd.ZstdDecompressor(options=limit)

    def _take_in(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, PIECE)
        while not (self._stream.eof or self._stream.needs_input):
            yield self._stream.decompress(b"", PIECE)


class _Deflate(_Coding):
    """A zlib stream (RFC 1950) or, as some servers send it, raw deflate data (RFC 1951)."""

    name = "deflate"

    def __init__(self) -> None:
        self._stream: Any = None
        self._first = b""
        self._behind = 0
        """Bytes that may follow the end of the stream."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._first += data
            if len(self._first) < 2:
                return
            data, self._first = self._first, b""
            # No encoder begins raw data with these bits: a block whose padding is not zero.
            is_zlib = data[0] & 0x0F == zlib.DEFLATED and not int.from_bytes(data[:2], "big") % 31
            self._stream = zlib.decompressobj(_ZLIB_WINDOW if is_zlib else _RAW_WINDOW)
            self._behind = 0 if is_zlib else _RAW_TRAILER
        if not self._stream.eof:
            yield from _inflated(self._stream, data)
            data = self._stream.unused_data
        self._behind -= len(data)
        if self._behind < 0:
            raise ValueError("there is more behind its end")

    @property
    def is_complete(self) -> bool:
        return not self._first if self._stream is None else bool(self._stream.eof)


class _Brotli(_Coding):
    name = "br"

    def __init__(self) -> None:
        self._stream = brotli_module().Decompressor()
        self._has_begun = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        self._has_begun = True
        if self._stream.is_finished():
            raise ValueError("there is more behind its end")
        piece = self._stream.process(data, output_buffer_limit=PIECE)
        yield piece
        while len(piece) >= PIECE or not self._stream.can_accept_more_data():
            piece = self._stream.process(b"", output_buffer_limit=PIECE)
            if not (piece or self._stream.can_accept_more_data()):
                raise ValueError("there is more behind its end")
            yield piece

    @property
    def is_complete(self) -> bool:
        return not self._has_begun or bool(self._stream.is_finished())


def _inflated(stream: Any, data: bytes) -> Iterator[bytes]:
    """Yield what a stream of zlib makes of these bytes, up to its end."""
    while True:
        piece = stream.decompress(data, PIECE)
        yield piece
        data = stream.unconsumed_tail
        if stream.eof or not (data or len(piece) == PIECE):
            return


_CODINGS: dict[str, type[_Coding]] = {
    coding.name: coding for coding in (_Gzip, _Deflate, _Brotli, _Zstd)
}


class Decoder:
    """Decodes one body, which comes in pieces.

    Raises `TargetError`: for codings that cannot be decoded here, and for more than
    `MOST_CODINGS`.
    """

    def __init__(self, content_encoding: str) -> None:
        """`content_encoding`: the field of the answer, which names at least one coding."""
        names = codings_of(content_encoding)
        if len(names) > MOST_CODINGS:
            shown = content_encoding[:_LONGEST_SHOWN]
            detail = f"it is coded more than {MOST_CODINGS} times (Content-Encoding: {shown})"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        # They are named in the order in which they were applied.
        self._codings = [_coding(name) for name in reversed(names)]

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield the content that follows from the next coded bytes; no piece is empty.

        Raises `TargetError` (`wrong-content`) for data that are damaged.
        """
        for start in range(0, len(data), _FED):
            yield from self._through(0, bytes(data[start : start + _FED]))

    def _through(self, depth: int, data: bytes) -> Iterator[bytes]:
        if depth == len(self._codings):
            yield data
            return
        coding = self._codings[depth]
        pieces = coding.decode(data)
        while True:
            try:
                piece = next(pieces, None)
            except MemoryError:
                raise
            except Exception as error:  # each library has its own
                detail = f"its {coding.name} data are damaged: {error}"
                raise TargetError(Failure.WRONG_CONTENT, detail) from error
            if piece is None:
                return
            if piece:
                yield from self._through(depth + 1, piece)

    def end(self) -> None:
        """Raise `TargetError` (`truncated`) if the coded data are not complete."""
        for coding in self._codings:
            if not coding.is_complete:
                raise TargetError(Failure.TRUNCATED, f"its {coding.name} data are cut off")


def codings_of(content_encoding: str | None) -> list[str]:
    """The codings that a `Content-Encoding` names, in the order in which they were applied."""
    names = (_ALIASES.get(name, name) for name in coding_of(content_encoding).split(", "))
    return [name for name in names if name and name not in _NO_CODINGS]


def accepted_codings() -> str:
    """The value of `Accept-Encoding` that asks for all codings that can be decoded here."""
    return ", ".join(name for name in _CODINGS if _is_available(name))


def _is_available(name: str) -> bool:
    if name == _Brotli.name:
        return brotli_module() is not None
    return name != _Zstd.name or zstd_module() is not None


def _coding(name: str) -> _Coding:
    if name not in _CODINGS:
        shown = name[:_LONGEST_SHOWN]
        detail = f"its coding {shown} is unknown: without --compressed, it is saved as it comes"
        raise TargetError(Failure.WRONG_CONTENT, detail)
    if not _is_available(name):
        detail = f"its coding {name} takes a package that is not installed ({_EXTRA})"
        raise TargetError(Failure.WRONG_CONTENT, detail)
    return _CODINGS[name]()


@cache
def brotli_module() -> Any:
    """The module that decodes brotli; None if there is none. Old ones have no bounded pieces."""
    for name in ("brotli", "brotlicffi"):
        module = module_if_installed(name)
        if module and hasattr(module.Decompressor, "can_accept_more_data"):
            return module
    return None


@cache
def zstd_module() -> Any:
    """The module that decodes zstd: the standard library has one from Python 3.14 on, or None."""
    return module_if_installed("compression.zstd") or module_if_installed("backports.zstd")


def module_if_installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
