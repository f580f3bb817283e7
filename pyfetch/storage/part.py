"""A part: the file that one attempt writes to, until it is whole and gets its final name."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, Self

from pyfetch.http.response import SavedContent
from pyfetch.models import Failure, TargetError
from pyfetch.storage.filesystem import (
    NAMELESS_FILE,
    NEW_FILE,
    OLD_FILE,
    READ_FILE,
    errors_of,
    identity,
)
from pyfetch.storage.parts import (
    PartMetadata,
    Parts,
    current_boot,
    part_key,
    read_metadata,
    write_metadata,
)
from pyfetch.storage.placing import PartReplacedError, Placed, Placement, Placer, WhenThere

_log = logging.getLogger(__name__)

BLOCK = 1024 * 1024
_CHECK_SPACE_EVERY = 16 * 1024 * 1024


class Part:
    """The file that one attempt writes to.

    It is a context manager: at its end, a part that was not committed is kept if it can be
    continued, else removed. A disk error is a `StoppedError` if it would hit every other file, too,
    else a `TargetError`.
    """

    waits = False

    def __init__(self, parts: Parts, path: str, url: str, *, fsync: bool = False) -> None:
        self._parts = parts
        self._directory = parts.directory
        self._there = parts.there()
        self._path = path
        self._final = parts.final(path)
        self._planned = path
        self._known_key: str | None = None
        self._url = url
        self._fsync = fsync
        self._metadata: PartMetadata | None = None
        self._descriptor = -1
        self._is_named = self._may_be_on_disk = self._is_whole = False
        self._file_is: tuple[int, int] | None = None
        """Device and inode of the part that `continuable` found."""
        self._unchecked = 0
        self.length = 0
        """Bytes that it has."""

    @property
    def _key(self) -> str:
        """Its name without a suffix. Most parts have no name, and this is never computed."""
        if self._known_key is None:
            self._known_key = part_key(self._planned)
        return self._known_key

    @property
    def _metadata_file(self) -> str:
        return f"{self._key}.json"

    def _file(self) -> str:
        return f"{self._key}.part"

    @property
    def _may_be_there(self) -> bool:
        """Whether an earlier attempt may have left a part of this name."""
        return bool(self._there) and self._key in self._there

    @property
    def _errors(self) -> errors_of:
        return errors_of(self._final, self._directory.check)

    def _failure(self, error: OSError) -> Exception:
        """What an error of the disk means, where no `with` is used, as it is run for each file."""
        return self._errors.translated(error) or error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor < 0:
            return
        if self._metadata and self.length:
            self._keep(self._metadata)
        elif self.length and not self._is_whole:
            self._drop_as("the server gave no ETag or date to know the same version by")
        else:
            self.drop()

    def continuable(self) -> PartMetadata | None:
        """What is known of the part that an earlier attempt has left; sets `length`.

        None if there is no part that can be continued. A useless one is removed.
        """
        if not (self._there and self._may_be_there):
            return None
        parts = self._directory.parts
        try:
            metadata = read_metadata(self._metadata_file, parts)
            status = os.stat(self._file(), dir_fd=parts, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._drop_as(f"what is known of it cannot be read ({error})")
            return None
        length = status.st_size
        if metadata.boot != current_boot() or not metadata.boot:
            length = min(length, metadata.durable)
        if length == metadata.total or not metadata.total:
            length -= 1  # a range request must ask for at least one byte
        # A part with a second name has its final name already: a write would change that file.
        is_ours = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        most = metadata.total or math.inf
        if metadata.url != self._url or not is_ours or not 0 < length < most:
            is_other = metadata.url != self._url
            self._drop_as("it is of another URL" if is_other else "it holds nothing to go on from")
            return None
        self._metadata, self.length = metadata, length
        self._file_is = identity(status)
        return metadata

    def _drop_as(self, why: str) -> None:
        """Drop a part that does not go on, and say why."""
        _log.info("%s: its part does not go on: %s", self._final, why)
        self.drop()

    def blocks(self) -> Iterator[bytes]:
        """The bytes of the part that `continuable` found."""
        left = self.length
        with self._errors, open(self._open_found(READ_FILE), "rb") as file:
            while left and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block

    def _open_found(self, flags: int) -> int:
        """Open the part that `continuable` found. Raises `OSError` if it was replaced since."""
        descriptor = os.open(self._file(), flags, dir_fd=self._directory.parts)
        if identity(os.fstat(descriptor)) != self._file_is:
            os.close(descriptor)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self._file())
        return descriptor

    def begin(
        self, total: int | None, metadata: PartMetadata | None = None, *, is_whole: bool = False
    ) -> None:
        """Begin from nothing, in a new file.

        `total`: bytes to come, None if that is not known. With `metadata` it can be continued.
        `is_whole`: all bytes are there already, or they never go on in another attempt: so the
        file needs no name before its final one.
        """
        self._is_whole = is_whole
        try:
            if self._there and self._may_be_there:
                self.drop()
            self._parts.free_space.need(total or 0)
            parts = self._directory.parts
            self._may_be_on_disk = True
            self._is_named = not (is_whole and self._parts.may_be_nameless())
            self._descriptor = self._open_new(parts)
            if metadata is not None:
                self._begin_metadata(metadata.replaced(boot=current_boot()), parts)
        except OSError as error:
            raise self._failure(error) from error

    def _begin_metadata(self, metadata: PartMetadata, parts: int) -> None:
        try:
            write_metadata(self._metadata_file, metadata, NEW_FILE, parts)
        except FileExistsError:  # a killed process has left it
            os.unlink(self._metadata_file, dir_fd=parts)
            write_metadata(self._metadata_file, metadata, NEW_FILE, parts)
        self._metadata = metadata

    def _open_new(self, parts: int) -> int:
        if not self._is_named:
            return os.open(".", NAMELESS_FILE, 0o666, dir_fd=parts)
        try:
            return os.open(self._file(), NEW_FILE, 0o666, dir_fd=parts)
        except FileExistsError:  # a killed process has left it
            self.drop()
            return os.open(self._file(), NEW_FILE, 0o666, dir_fd=parts)

    def go_on(self) -> None:
        """Prepare to append to the part that `continuable` found."""
        assert self._metadata, "continuable() comes first"  # noqa: S101
        with self._errors:
            self._need_space(max(0, self._metadata.total - self.length))
            self._descriptor = self._open_found(OLD_FILE)
            self._is_named = self._may_be_on_disk = True
            os.ftruncate(self._descriptor, self.length)
            os.lseek(self._descriptor, self.length, os.SEEK_SET)
            if self._metadata.boot != current_boot():
                self._metadata = self._metadata.replaced(durable=0, boot=current_boot())
                self._write_metadata(self._metadata, OLD_FILE | os.O_TRUNC)

    def goes_to(self, path: str) -> None:
        """Change the path of the file that it will become."""
        self._path = path
        self._final = self._parts.final(path)

    def write(self, data: bytes | memoryview) -> None:
        """Append to the part."""
        try:
            size = len(data)
            if self._parts.min_free:
                self._unchecked += size
                if self._unchecked >= _CHECK_SPACE_EVERY:
                    self._need_space(0)
            written = os.write(self._descriptor, data)
            self.length += written
            while written < size:
                more = os.write(self._descriptor, memoryview(data)[written:])
                self.length += more
                written += more
        except OSError as error:
            raise self._failure(error) from error

    def commit(
        self,
        placement: Placement,
        content: SavedContent | None = None,  # noqa: ARG002 - a file has no place for it
        *,
        modified: float | None,
    ) -> Placed:
        """Give the part its final name, in one step, as `placement` says.

        `modified`: modification time to set, in seconds since the epoch. Raises `TargetError`
        (`exists`) if something that must not be replaced has the name.
        """
        try:
            if modified is not None:
                os.utime(self._descriptor, times=(modified, modified))
            if self._fsync:
                os.fsync(self._descriptor)
            placed = self._place(placement, modified)
            if placed.path != self._path:
                self.goes_to(placed.path)
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
            if self._metadata:
                os.unlink(self._metadata_file, dir_fd=self._directory.parts)
            if self._there and self._may_be_there:
                self._there.discard(self._key)
            if self._fsync:
                self._directory.sync(placed.path)
        except OSError as error:
            raise self._failure(error) from error
        return placed

    def _place(self, placement: Placement, modified: float | None) -> Placed:
        modified_ns = self._parts.time_kept(self._descriptor, modified)
        self._directory.check_parts()
        placer = Placer(
            self._directory, self._file, self._descriptor, placement, modified_ns, self._is_named
        )
        try:
            return placer.place(self._path)
        except PartReplacedError as error:
            self._close()  # another program's file has the name of the part now
            detail = f"cannot write {self._final}: {error.detail}"
            raise TargetError(Failure.DISK, detail) from error
        except TargetError:
            if placement.when_there is WhenThere.KEEP:
                self.drop()  # the existing file will stay in the next run, too
            raise

    def reading(self) -> BinaryIO:
        """Open what was written, to read it. Only for a part that has a name."""
        with self._errors:
            self._file_is = identity(os.fstat(self._descriptor))
            return open(self._open_found(READ_FILE), "rb")

    def drop(self) -> None:
        """Remove the part and its metadata."""
        self._close()
        self._metadata, self.length = None, 0
        if not (self._may_be_on_disk or self._may_be_there):
            return
        with self._errors:
            parts = self._directory.parts
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._file(), dir_fd=parts)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._metadata_file, dir_fd=parts)
                # Removed for good: it must not reappear, after a crash, beside another version.
                self._directory.sync_parts()
            self._there.discard(self._key)

    def _need_space(self, needed: int) -> None:
        self._unchecked = 0
        self._parts.free_space.need(needed)

    def _keep(self, metadata: PartMetadata) -> None:
        self._there.add(self._key)
        # If the disk has failed or is full, nothing more can be done.
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
            self._write_metadata(metadata.replaced(durable=self.length), OLD_FILE)
        self._close()

    def _write_metadata(self, metadata: PartMetadata, flags: int) -> None:
        write_metadata(self._metadata_file, metadata, flags, self._directory.parts)

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
