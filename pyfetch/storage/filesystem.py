"""The output directory as a place on a disk: made, measured, and what its errors mean."""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from pyfetch.errors import StoppedError
from pyfetch.models import Failure, TargetError
from pyfetch.text import format_size

_LOOK_EVERY = 0.5
"""Seconds for which what was free counts."""
OWN_DIRECTORY = ".pyfetch"
"""What is ours, below the output directory: parts, state and lock."""

# These speak of the disk, not of one file: what comes next would fail in the same way.
_STOPPING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def prepare(output_dir: Path) -> None:
    """Make the output directory and see that files can be made in it.

    Raises `StoppedError` where they cannot.
    """
    own = output_dir / OWN_DIRECTORY
    probe = own / f"probe-{os.getpid()}"
    with needed_for(output_dir):
        output_dir.mkdir(parents=True, exist_ok=True)
        make_own(own)
        probe.touch()
        probe.unlink()


def make_own(directory: Path) -> None:
    """Make a directory of ours, or see that it is one: not a link to somebody else's."""
    directory.mkdir(exist_ok=True)
    if directory.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, "it is a link, not a directory", str(directory))


def before_paths(output_dir: Path) -> str:
    """What to put before a path below the output directory: joined once, not for each file."""
    return os.fspath(output_dir / "x")[:-1]


@contextmanager
def needed_for(output_dir: Path) -> Iterator[None]:
    """Turns an `OSError` within into a `StoppedError`: without this, there can be no run."""
    try:
        yield
    except OSError as error:
        raise StoppedError(
            f"cannot write to the output directory {output_dir}: {error.filename or ''}:"
            f" {error.strerror} (mend that or name another directory with --output-dir)"
        ) from error


def file_status(final: str | Path) -> os.stat_result | None:
    """The status of the file of this name, None if there is none or a link leads nowhere.

    Raises `TargetError` (`exists`) for a directory, a device or a FIFO: those are never
    replaced. A symbolic link may be: it goes, and what it points to stays as it is.
    """
    with errors_of(final):
        try:
            status = os.stat(final)  # noqa: PTH116 - for each file, and a Path takes longer
        except FileNotFoundError:
            return None
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise TargetError(Failure.EXISTS, f"{final} is there and is {kind}")
    return status


def way_to(output_dir: Path, path: str, *, make: bool = False) -> list[Path]:
    """See that the directories on the way to a file are none elsewhere, and may be there.

    With `make`, those that are missing are made; returns the directories that have changed
    by that. Raises `TargetError` where a link leads out of the output directory, or where
    something that is no directory is in the way.
    """
    changed: list[Path] = []
    if "/" not in path:
        return []
    *directories, _ = path.split("/")
    place = output_dir
    for name in directories:
        place = place / name
        with errors_of(place):
            try:
                status = place.lstat()
            except FileNotFoundError:
                if not make:
                    return changed
                changed.append(place.parent)
                place.mkdir(exist_ok=True)
                continue
            if stat.S_ISLNK(status.st_mode):
                if not place.resolve().is_relative_to(output_dir.resolve()):
                    detail = f"{place} is a link that leads out of {output_dir}"
                    raise TargetError(Failure.DISK, detail)
                status = place.stat()
        if not stat.S_ISDIR(status.st_mode):
            detail = f"{place} is there and is no directory, so nothing can go below it"
            raise TargetError(Failure.EXISTS, detail)
    return changed


class Room:
    """What is free below a directory: looked at now and then, so that it need not be for each file.

    For any thread; `min_free` bytes are to stay free.
    """

    def __init__(self, directory: Path, min_free: int) -> None:
        self._directory = directory
        self._min_free = min_free
        self._seen_at = -math.inf
        self._sure = 0
        """Bytes that are there for certain: half of what was."""

    def see(self, needed: int) -> None:
        """Raise before so many bytes are written to a disk that cannot take them.

        `TargetError` where this one body is too large for it, `StoppedError` where nothing
        goes any more: the disk is full, or `min_free` bytes would not stay free.
        """
        if needed < self._sure and time.monotonic() < self._seen_at + _LOOK_EVERY:
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


class errors_of:  # noqa: N801 - used as a function is, several times for each file
    """Turns an `OSError` within into what it means for this file, or for the whole run."""

    __slots__ = ("_final",)

    def __init__(self, final: str | Path) -> None:
        self._final = final

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError):
            raise _meaning(error, self._final) from error


def _meaning(error: OSError, final: str | Path) -> StoppedError | TargetError:
    gone = error.errno == errno.ENOENT and not any(
        (parent / OWN_DIRECTORY).is_dir() for parent in Path(final).parents
    )
    if error.errno in _STOPPING or gone:
        return _stopped(final, error.strerror or str(error))
    return TargetError(Failure.DISK, f"cannot write {final}: {error.strerror}")


def _stopped(path: str | Path, reason: str) -> StoppedError:
    return StoppedError(
        f"cannot write {path}: {reason} (mend that and run the same command again to go on)"
    )
