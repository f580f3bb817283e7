"""The file system: making `.pyfetch`, free space, and what an `OSError` means for a run."""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyfetch.errors import ErrorTranslation, StoppedError
from pyfetch.models import Failure, TargetError
from pyfetch.units import format_size
from pyfetch.value import Value

OWN_DIRECTORY = ".pyfetch"
"""Directory of pyfetch's own files, below the output directory: parts, state and lock."""

PARTS_DIRECTORY = "parts"
"""Directory of the parts, below `.pyfetch`."""

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags to create a file; `open` fails if anything has its name."""
OLD_FILE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags to write to an existing file; `open` fails for a link."""
NAMELESS_FILE = os.O_WRONLY | getattr(os, "O_TMPFILE", 0) | os.O_CLOEXEC
"""Flags for a new file without a name, in the directory that `open` names. For Linux."""
READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags to read a file; `open` fails for a link, and does not wait for the writer of a FIFO."""

_ACCESS_SEES_LINKS = os.access in os.supports_follow_symlinks and os.access(
    "/", os.F_OK, follow_symlinks=False
)
"""Whether `access` can look at a link itself: some systems and sandboxes refuse that."""
_FREE_SPACE_HOLDS = 0.5
"""After this many seconds, the free space is looked up again."""

# Every other file would fail with the same error, so the run stops.
_STOPPING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def prepare(output_dir: Path) -> None:
    """Make the output directory, and check that files can be created in it.

    Raises `StoppedError` if they cannot.
    """
    with needed_for(output_dir):
        output_dir.mkdir(parents=True, exist_ok=True)
        own = open_own(output_dir)
        try:
            probe = f"probe-{os.urandom(8).hex()}"
            os.close(os.open(probe, NEW_FILE, 0o600, dir_fd=own))
            os.unlink(probe, dir_fd=own)
        finally:
            os.close(own)


def open_own(output_dir: Path) -> int:
    """Make `.pyfetch` if it is missing. Returns its descriptor. Raises `OSError` for a link."""
    return open_directory(OWN_DIRECTORY, output_dir)


def open_directory(name: str, parent: Path | int) -> int:
    """Make a directory if it is missing. Returns its descriptor.

    What is in it names URLs, which may hold secrets: a new one is for the user alone, or for the
    group too if the umask lets that write. `parent` is a path or a descriptor. Raises `OSError`,
    also where a link has the name.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    where = parent if isinstance(parent, int) else None
    path = name if isinstance(parent, int) else os.fspath(parent / name)
    try:
        os.mkdir(path, 0o770, dir_fd=where)
    except FileExistsError:
        return os.open(path, flags, dir_fd=where)
    descriptor = os.open(path, flags, dir_fd=where)
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if not mode & stat.S_IWGRP:
        os.fchmod(descriptor, mode & ~0o077)
    return descriptor


def before_paths(output_dir: Path) -> str:
    """The text in front of each path below the output directory: made once, not for each file."""
    return os.fspath(output_dir / "x")[:-1]


def is_there(file: str) -> bool:
    """Whether anything has this name, even a link that leads nowhere."""
    try:
        if _ACCESS_SEES_LINKS:
            # `lstat` raises an error for each name that is free, which takes three times as long.
            return os.access(file, os.F_OK, follow_symlinks=False)
        os.lstat(file)
    except (OSError, ValueError):
        return False
    return True


def identity(status: os.stat_result) -> tuple[int, int]:
    """Device and inode: the same for the same file, under whatever name."""
    return status.st_dev, status.st_ino


class DirectoryIdentity(Value):
    """Device and inode of an output directory, and of the directory of its parts."""

    root: tuple[int, int]
    parts: tuple[int, int]


@contextmanager
def needed_for(output_dir: Path) -> Iterator[None]:
    """Turn an `OSError` within into a `StoppedError`: without this, no run is possible."""
    try:
        yield
    except OSError as error:
        is_itself = error.filename in (None, os.fspath(output_dir))
        where = "" if is_itself else f"{error.filename}: "
        is_a_file = is_itself and isinstance(error, FileExistsError)
        reason = "it is a file" if is_a_file else error.strerror
        raise StoppedError(
            f"cannot write to the output directory {output_dir}: {where}{reason}"
            " (mend that or name another directory with --output-dir)"
        ) from error


def link_open_file(descriptor: int, name: str, directory: int) -> None:
    """Give an open file a name in this directory, whatever has its former name now.

    Raises `OSError`; `FileNotFoundError` where there is no `/proc`, as on macOS.
    """
    os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=directory, follow_symlinks=True)


class FreeSpace:
    """Free space of the disk that a directory is on. It is not looked up for each file.

    For any thread. `min_free`: bytes that have to stay free.
    """

    def __init__(self, directory: Path, min_free: int) -> None:
        self._directory = directory
        self._min_free = min_free
        self._seen_at = -math.inf
        self._sure = 0
        """Bytes that may be used before the next look-up: half of what was free."""

    def need(self, needed: int) -> None:
        """Raise if the disk has no room for so many more bytes.

        `TargetError` if only this body is too large; `StoppedError` if the disk is full, or if less
        than `min_free` bytes would stay free.
        """
        if needed < self._sure and time.monotonic() < self._seen_at + _FREE_SPACE_HOLDS:
            self._sure -= needed
            return
        self._seen_at = time.monotonic()
        disk = os.statvfs(self._directory)
        free = disk.f_bavail * disk.f_frsize
        self._sure = (free - self._min_free - needed) // 2
        below = f"below {self._directory}"
        if self._min_free and free < self._min_free + needed:
            raise StoppedError(
                f"only {format_size(free)} are free {below}, and --min-free keeps"
                f" {format_size(self._min_free)} of them"
                " (free some and run the same command again to go on)"
            )
        if needed > free:
            if not free:
                raise _stopped(self._directory, os.strerror(errno.ENOSPC))
            detail = f"{format_size(needed)} do not fit {below}: {format_size(free)} are free"
            raise TargetError(Failure.DISK, detail)


class errors_of(ErrorTranslation):  # noqa: N801 - used as a function is, several times for each file
    """Turn an `OSError` within into a failure of this file, or an error of the whole run.

    `check_directory` is called if a file is missing; it raises if its directory is missing, too.
    """

    __slots__ = ("_check_directory", "_final")

    def __init__(
        self, final: str | Path, check_directory: Callable[[], None] | None = None
    ) -> None:
        self._final = final
        self._check_directory = check_directory

    def translated(self, error: BaseException) -> StoppedError | TargetError | None:
        if not isinstance(error, OSError):
            return None
        if self._check_directory and error.errno in (errno.ENOENT, errno.ESTALE):
            self._check_directory()
        return _meaning(error, self._final)


def _meaning(error: OSError, final: str | Path) -> StoppedError | TargetError:
    gone = error.errno == errno.ENOENT and not any(
        os.path.isdir(parent / OWN_DIRECTORY)  # noqa: PTH112 - Path.is_dir raises for some errors
        for parent in Path(final).parents
    )
    if error.errno in _STOPPING or gone:
        return _stopped(final, error.strerror or str(error))
    return TargetError(Failure.DISK, f"cannot write {final}: {error.strerror}")


def _stopped(path: str | Path, reason: str) -> StoppedError:
    return StoppedError(
        f"cannot write {path}: {reason} (mend that and run the same command again to go on)"
    )
