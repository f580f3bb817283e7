"""Appends members to packs: each with one system call, whatever threads have fetched them."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Sequence

from pyfetch.errors import StoppedError
from pyfetch.storage.packs.pack_files import OpenPacks
from pyfetch.storage.packs.pack_format import (
    BLOCK,
    FileSlice,
    PackedMember,
    PackFormat,
    Piece,
    StoredMember,
    pieces_size,
)
from pyfetch.storage.packs.pack_source import GivenPack, PackSource

_MOST_BUFFERS = 512
"""Buffers of one system call, at most: Linux takes 1024 (IOV_MAX)."""
_MOST_WAITING = 1024 * 1024
"""Bytes that wait for what follows, at most."""
_CANNOT_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
"""What `copy_file_range` answers where it cannot be used."""


class _OpenPack:
    """The pack that is written to."""

    __slots__ = ("appended", "descriptor", "length", "members", "name", "start")

    def __init__(self, given: GivenPack, descriptor: int) -> None:
        self.name = given.name
        self.descriptor = descriptor
        self.length = given.length
        self.start = given.length
        """Where the next member begins, those bytes included that belong to no member."""
        self.members = given.members
        self.appended = 0


class PackWriter:
    """The writer of a process. For any thread. Its methods raise `OSError`, and a `RunError`.

    `most_bytes` and `most_members`: how much a pack may have. `syncs`: whether each member has to
    be on disk when `append` returns.
    """

    def __init__(
        self,
        files: OpenPacks,
        pack_format: PackFormat,
        most_bytes: int,
        most_members: int | None,
        *,
        syncs: bool,
    ) -> None:
        self._files = files
        self._format = pack_format
        self._most_bytes = most_bytes
        self._most_members = most_members
        self._syncs = syncs
        self._lock = threading.Lock()
        self._pack: _OpenPack | None = None
        self._waiting: list[Piece] = []
        """What is to be written in front of what follows."""
        self._is_closed = False
        self.source: PackSource | None = None
        """Where packs come from; set before anything is appended."""
        self.written: Callable[[str, int, int, int], None] | None = None
        """Called with name and descriptor of a pack after bytes were written to it, from one place
        to another, before anything else is. It may raise as `append` does."""
        self.appended: Callable[[int], None] | None = None
        """Called with the index of the target of each member, in the order of the members."""

    def append(
        self, packed: PackedMember, target_index: int, *, behind: str | None = None
    ) -> StoredMember:
        """Append a member. Returns where it is. What cannot be written whole is cut back.

        `behind`: a pack that has another member of the same name: this one goes into a later pack.
        """
        with self._lock:
            pieces, size = packed.pieces, 0
            if self._waiting:
                pieces, size = [*self._waiting, *pieces], pieces_size(self._waiting)
                self._waiting = []
            pack = self._pack_for(size + packed.size, behind)
            start, at = pack.start, self._write(pack, pieces) + size
            pack.start = pack.length
            pack.appended += 1
            pack.members += 1
            if self.appended:
                self.appended(target_index)
            stored = StoredMember(
                pack.name, start, pack.length, at + packed.offset, packed.length, target_index,
                packed.note, packed.name,
            )  # fmt: skip
            if pack.length >= self._most_bytes or pack.members == self._most_members:
                self._give_back()
        return stored

    def append_loose(self, pieces: Sequence[Piece], *, waits: bool) -> None:
        """Append what belongs to no member. It stays if a member follows, or the pack is sealed.

        `waits`: only together with what is appended next, if anything is.
        """
        with self._lock:
            self._waiting += pieces
            if waits and pieces_size(self._waiting) <= _MOST_WAITING:
                return
            pieces, self._waiting = self._waiting, []
            self._write(self._pack_for(pieces_size(pieces)), pieces)

    def append_to(self, files: OpenPacks, written: Callable[[str, int, int, int], None]) -> None:
        """Write to these files from now on, and call `written`."""
        self._files = files
        self.written = written

    def close(self) -> None:
        """Give back the pack that is open, and append nothing more."""
        with self._lock:
            self._is_closed = True
            pack, self._pack = self._pack, None
            if pack:
                assert self.source  # noqa: S101 - it was taken from there
                os.close(pack.descriptor)
                self.source.left(pack.name, pack.length)

    def _pack_for(self, size: int, behind: str | None = None) -> _OpenPack:
        if self._is_closed:
            raise StoppedError("the run has ended, and nothing more is packed")
        while True:
            pack = self._pack
            if pack is None:
                assert self.source  # noqa: S101 - it is set before anything is fetched
                given = self.source.take()
                pack = self._pack = _OpenPack(given, self._files.writing(given.name))
            has_room = pack.length + size <= self._most_bytes
            if not pack.length or (has_room and (behind is None or _is_later(pack.name, behind))):
                return pack
            self._give_back()

    def _give_back(self) -> None:
        pack, self._pack = self._pack, None
        assert pack  # noqa: S101 - checked by the caller
        assert self.source  # noqa: S101 - it was taken from there
        os.close(pack.descriptor)
        self.source.full(pack.name, pack.length, pack.appended)

    def _write(self, pack: _OpenPack, pieces: Sequence[Piece]) -> int:
        """Append all pieces. Returns where the first one begins."""
        at = pack.length
        opening = b"" if at else self._format.opening(pack.name)
        if opening:
            pieces = [opening, *pieces]
        try:
            length = write_all(pack.descriptor, pieces, at)
            if self._syncs:
                os.fsync(pack.descriptor)
            if self.written:
                self.written(pack.name, pack.descriptor, at, length)
        except BaseException:
            with contextlib.suppress(OSError):  # what is written next goes there
                os.ftruncate(pack.descriptor, at)
            raise
        pack.length = length
        return at + len(opening)


def _is_later(pack: str, other: str) -> bool:
    """Whether a pack was begun after another one, as the numbers in their names say."""
    return (len(pack), pack) > (len(other), other)


def write_all(descriptor: int, pieces: Sequence[Piece], at: int) -> int:
    """Write these pieces to a file, from a place on. Returns where they end. Raises `OSError`."""
    buffers: list[bytes | bytearray | memoryview] = []
    for piece in pieces:
        if not isinstance(piece, FileSlice):
            buffers.append(piece)
            continue
        at = _write_buffers(descriptor, buffers, at)
        buffers = []
        at = _copy(descriptor, piece, at)
    return _write_buffers(descriptor, buffers, at)


def _write_buffers(descriptor: int, buffers: list[bytes | bytearray | memoryview], at: int) -> int:
    while buffers:
        several = buffers[:_MOST_BUFFERS]
        written = os.pwritev(descriptor, several, at)
        at += written
        left = sum(map(len, several)) - written
        buffers = buffers[_MOST_BUFFERS:]
        if left:
            rest = memoryview(b"".join(several))[-left:]
            buffers.insert(0, rest)
    return at


def _copy(descriptor: int, piece: FileSlice, at: int) -> int:
    copy_bytes(piece.file.fileno(), 0, piece.size, descriptor, at)
    return at + piece.size


def copy_bytes(source: int, start: int, end: int, descriptor: int, at: int) -> None:
    """Copy the bytes of one open file from `start` to `end` to a place in another one.

    Raises `OSError`.
    """
    while start < end:
        try:
            copied = os.copy_file_range(source, descriptor, end - start, start, at)
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _CANNOT_COPY:
                raise
            block = os.pread(source, min(BLOCK, end - start), start)
            copied = os.pwrite(descriptor, block, at)
        if not copied:
            raise OSError(errno.ESTALE, "what was to be packed has become shorter")
        start += copied
        at += copied
