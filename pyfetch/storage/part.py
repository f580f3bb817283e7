"""The half-fetched file, what is known of it, and its one atomic step to the final name.

Parts live in `.pyfetch/` below the output directory, on the same file system as what they
become. Beside each that can be continued lies a note, on disk before the first body byte.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pyfetch.models import Failure, TargetError
from pyfetch.storage.filesystem import (
    OWN_DIRECTORY,
    Room,
    before_paths,
    errors_of,
    make_own,
    needed_for,
    way_to,
)
from pyfetch.storage.part_metadata import (
    NEW,
    OLD,
    Note,
    Version,
    current_boot,
    read_note,
    write_note,
)

BLOCK = 1024 * 1024
_CHECK_ROOM_EVERY = 16 * 1024 * 1024

# What file systems without hard links answer.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES})
_OURS = re.compile(r"[0-9a-f]{32}\.(?:part|json)")


def parts_in(output_dir: Path) -> Path:
    """Where the parts of an output directory live."""
    return output_dir / OWN_DIRECTORY / "parts"


def sweep(output_dir: Path) -> None:
    """Make the directory of parts, and remove what a killed run left and nobody can continue."""
    parts = parts_in(output_dir)
    with needed_for(output_dir):
        make_own(parts)
        names = {entry.name for entry in parts.iterdir() if _OURS.fullmatch(entry.name)}
        for name in names:
            key, kind = name.split(".")
            if f"{key}.{'json' if kind == 'part' else 'part'}" not in names:
                (parts / name).unlink()


class Parts:
    """The parts of an output directory, and which of them may be on disk: most files need none.

    For any thread. What another process of the run has made since is met where it is in the way.
    """

    def __init__(self, output_dir: Path, min_free: int = 0) -> None:
        self.output_dir = output_dir
        self.min_free = min_free
        self.room = Room(output_dir, min_free)
        self._before = before_paths(output_dir)
        self.place = os.fspath(parts_in(output_dir))
        self._lock = threading.Lock()
        self._there: set[str] | None = None

    def final(self, path: str) -> str:
        """The file that a path below the output directory leads to."""
        return f"{self._before}{path}"

    def there(self) -> set[str]:
        """The keys of those that may be on disk; looked for when it is first asked."""
        if self._there is None:
            with self._lock, errors_of(self.place):
                if self._there is None:
                    self._there = {name.partition(".")[0] for name in os.listdir(self.place)}
        return self._there


class Part:
    """What one attempt writes to.

    At its end as a context manager, what was not committed is kept if it can be
    continued, else removed. Disk errors are raised as `StoppedError` where every other
    file would meet them too, else as `TargetError`.
    """

    def __init__(self, parts: Parts, path: str, url: str, *, fsync: bool = False) -> None:
        self._parts = parts
        self._path = path
        self._final = parts.final(path)
        key = hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:32]
        self._key = key
        self._file = f"{parts.place}/{key}.part"
        self._note_file = f"{parts.place}/{key}.json"
        self._url = url
        self._fsync = fsync
        self._note: Note | None = None
        self._descriptor = -1
        self._unchecked = 0
        self.length = 0
        """Bytes that are in it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor < 0:
            return
        if self._note and self.length:
            self._keep(self._note)
        else:
            self.drop()

    def continuable(self) -> Note | None:
        """What is known of a part that an earlier attempt left; sets `length`.

        None, and nothing is left of it, where there is none that can be continued.
        """
        if self._key not in self._parts.there():
            return None
        try:
            note = read_note(self._note_file)
            status = os.lstat(self._file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            self.drop()
            return None
        length = status.st_size
        if note.boot != current_boot() or not note.boot:
            length = min(length, note.durable)
        if length == note.total or not note.total:
            length -= 1  # something must be left to ask for
        # A part with two names has its final one already: what is written to it is seen.
        is_ours = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if note.url != self._url or not is_ours or not 0 < length < (note.total or math.inf):
            self.drop()
            return None
        self._note, self.length = note, length
        return note

    def blocks(self) -> Iterator[bytes]:
        """What is in a part that can be continued."""
        left = self.length
        with errors_of(self._final), open(self._file, "rb") as file:
            while left and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block

    def begin(self, total: int | None, version: Version | None = None) -> None:
        """Begin from nothing, in a file that is new.

        `total`: bytes to come. With a version it can be continued later.
        """
        with errors_of(self._final):
            if self._key in self._parts.there():
                self.drop()
            self._make_room(total or 0)
            self._descriptor = self._opened()
            if version is not None:
                note = Note(self._url, **version._asdict(), total=total or 0, boot=current_boot())
                try:
                    write_note(self._note_file, note, NEW)
                except FileExistsError:  # a process that was killed has left it
                    os.unlink(self._note_file)
                    write_note(self._note_file, note, NEW)
                self._note = note

    def _opened(self) -> int:
        try:
            return os.open(self._file, NEW, 0o666)
        except FileExistsError:  # a process that was killed has left it
            self.drop()
            return os.open(self._file, NEW, 0o666)

    def go_on(self) -> None:
        """Go on behind what is there, as `continuable` found it."""
        assert self._note, "continuable() comes first"  # noqa: S101
        with errors_of(self._final):
            self._make_room(max(0, self._note.total - self.length))
            self._descriptor = os.open(self._file, OLD)
            os.ftruncate(self._descriptor, self.length)
            os.lseek(self._descriptor, self.length, os.SEEK_SET)
            if self._note.boot != current_boot():
                self._note = self._note._replace(durable=0, boot=current_boot())
                write_note(self._note_file, self._note, OLD | os.O_TRUNC)

    def goes_to(self, path: str) -> None:
        """Let it become another file than the one it began for."""
        self._path = path
        self._final = self._parts.final(path)

    def write(self, data: bytes | memoryview) -> None:
        """Append to the part."""
        with errors_of(self._final):
            self._unchecked += len(data)
            if self._parts.min_free and self._unchecked >= _CHECK_ROOM_EVERY:
                self._make_room(0)
            written = os.write(self._descriptor, data)
            self.length += written
            while written < len(data):
                more = os.write(self._descriptor, memoryview(data)[written:])
                self.length += more
                written += more

    def commit(self, *, replace: bool, modified: float | None) -> int:
        """Give the part its final name, in one step. Returns its modification time, in ns.

        `modified`: what that is set to, in seconds since the epoch. Without `replace`, a
        file that is there stays, and it is a `TargetError` (`exists`).
        """
        with errors_of(self._final):
            if modified is not None:
                os.utime(self._descriptor, times=(modified, modified))
            if self._fsync:
                os.fsync(self._descriptor)
            modified_ns = os.fstat(self._descriptor).st_mtime_ns
            changed = way_to(self._parts.output_dir, self._path, make=True)
            if replace:
                os.replace(self._file, self._final)
            else:
                self._commit_new()
            self._close()
            if self._note:
                os.unlink(self._note_file)
            self._parts.there().discard(self._key)
            if self._fsync:
                for directory in [*changed, Path(self._final).parent]:
                    _sync_directory(directory)
        return modified_ns

    def drop(self) -> None:
        """Remove the part and what is known of it."""
        self._close()
        self._note, self.length = None, 0
        with errors_of(self._final):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._file)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._note_file)
                # Durably: its word must not come to stand beside another version's bytes.
                _sync_directory(self._parts.place)
            self._parts.there().discard(self._key)

    def _make_room(self, needed: int) -> None:
        self._unchecked = 0
        self._parts.room.see(needed)

    def _commit_new(self) -> None:
        try:
            os.link(self._file, self._final)
            os.unlink(self._file)
        except OSError as error:
            if not isinstance(error, FileExistsError):
                if error.errno not in _NO_LINKS:
                    raise
                # Without hard links no step fails if the name is taken: look first.
                if not os.path.lexists(self._final):
                    os.replace(self._file, self._final)
                    return
            self.drop()
            raise TargetError(Failure.EXISTS, f"{self._final} came into being meanwhile") from None

    def _keep(self, note: Note) -> None:
        self._parts.there().add(self._key)
        # On a disk that has failed or is full, what is there is all that can be had.
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
            write_note(self._note_file, note._replace(durable=self.length), OLD)
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def _sync_directory(directory: str | Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
