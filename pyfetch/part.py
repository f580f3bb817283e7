"""The half-fetched file and its one atomic step to the final name.

Parts live in `.pyfetch/` below the output directory, on the same file system as what they
become, so whoever watches the output directory sees only whole files.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from pyfetch.errors import StoppedError
from pyfetch.model import Failure, IfExists, TargetError

OWN_DIRECTORY = ".pyfetch"

# These speak of the disk, not of one file: what comes next would fail in the same way.
_STOPPING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOENT})
# What file systems without hard links answer.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES})


def prepare(output_dir: Path) -> None:
    """Make the output directory and see that files can be made in it.

    Raises `StoppedError` where they cannot.
    """
    own = output_dir / OWN_DIRECTORY
    probe = own / f"probe-{os.getpid()}"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        own.mkdir(exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StoppedError(
            f"cannot write to the output directory {output_dir}: {error.strerror}"
            " (name another with --output-dir)"
        ) from error


def tidy(output_dir: Path) -> None:
    """Remove our own directory if there is nothing in it."""
    with contextlib.suppress(OSError):
        (output_dir / OWN_DIRECTORY).rmdir()


def existing_size(final: Path) -> int | None:
    """Bytes in the file of this name, None if there is none.

    Raises `TargetError` (`exists`) for a directory, a device or a FIFO: those are never
    replaced. A symbolic link is: it goes, what it points to stays as it is.
    """
    try:
        status = final.lstat()
        if stat.S_ISLNK(status.st_mode):
            with contextlib.suppress(FileNotFoundError):
                return final.stat().st_size
            return 0
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _disk_error(error, final) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise TargetError(Failure.EXISTS, f"{final} is there and is {kind}")
    return status.st_size


class Part:
    """The file that one attempt writes to. As a context manager: what was not committed goes.

    Disk errors are raised as `StoppedError` where every other file would meet them too,
    else as `TargetError`.
    """

    def __init__(self, output_dir: Path, path: str) -> None:
        self._final = output_dir / path
        name = hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:32]
        self._part = output_dir / OWN_DIRECTORY / f"{name}.part"
        self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file >= 0:
            self._close()
            with contextlib.suppress(OSError):
                self._part.unlink()

    def open(self) -> None:
        """Make the part, empty."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with self._disk():
            self._file = os.open(self._part, flags | getattr(os, "O_BINARY", 0), 0o666)

    def write(self, data: bytes) -> None:
        """Append to the part."""
        with self._disk():
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, memoryview(data)[written:])

    def commit(self, if_exists: IfExists, modified: float | None) -> None:
        """Give the part its final name, in one step.

        `modified`: its modification time, in seconds since the epoch. Only `replace`
        takes the place of a file that is there; else that is a `TargetError` (`exists`).
        """
        with self._disk():
            self._close()
            if modified is not None:
                os.utime(self._part, times=(modified, modified))
            if if_exists is IfExists.REPLACE:
                self._part.replace(self._final)
            else:
                self._commit_new()

    def _commit_new(self) -> None:
        try:
            os.link(self._part, self._final)
            self._part.unlink()
        except FileExistsError:
            self._part.unlink()
            raise TargetError(Failure.EXISTS, f"{self._final} came into being meanwhile") from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Without hard links there is no step that fails if the name is taken; what
            # is left is to look first.
            if self._final.exists():
                self._part.unlink()
                raise TargetError(Failure.EXISTS, f"{self._final} is there") from None
            self._part.replace(self._final)

    def _close(self) -> None:
        file, self._file = self._file, -1
        os.close(file)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _disk_error(error, self._final) from error


def _disk_error(error: OSError, final: Path) -> StoppedError | TargetError:
    if error.errno in _STOPPING:
        return StoppedError(
            f"cannot write {final}: {error.strerror}"
            " (when that is mended, run the same command again to go on)"
        )
    return TargetError(Failure.DISK, f"cannot write {final}: {error.strerror}")
