"""The lock that allows one run at a time in an output directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from pyfetch.errors import StoppedError
from pyfetch.storage.filesystem import (
    OWN_DIRECTORY,
    PARTS_DIRECTORY,
    READ_FILE,
    DirectoryIdentity,
    identity,
    needed_for,
    open_own,
)

POLL = 0.1
"""Seconds between two attempts to take a lock that another run holds."""

LEASE = 5.0
"""Seconds without a message from the holder after which its processes elsewhere end themselves."""

_MARGIN = 0.5
"""Seconds that such a process gets to be gone."""

_LAST_MOMENTS = 2.0
"""Seconds to wait for the processes of a killed run, which still hold the lock."""

_NAME = "lock"
_PATH = f"{OWN_DIRECTORY}/{_NAME}"
_LONGEST = 200
"""How many characters of a lock file are read."""
_ELSEWHERE = " and a cluster"
"""Stands in a lock file whose holder has processes on other machines: they do not hold the lock."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


_log = logging.getLogger(__name__)


class RunLock:
    """An advisory lock (flock). The system releases it when the process ends, however it ends.

    The lock file says who holds it. `.pyfetch` is made if it is missing, and removed with the lock
    if nothing else is in it.
    """

    def __init__(self, output_dir: Path, *, elsewhere: bool = False, shown: str = "") -> None:
        """`elsewhere`: whether processes on other machines will write files.

        `shown`: what people take it to guard, if that is not the directory.
        """
        self._output_dir = output_dir
        self._shown = shown or str(output_dir)
        self._holder_text = f"process {os.getpid()}{_ELSEWHERE if elsewhere else ''}\n".encode()
        self._is_left_elsewhere = False
        """Whether a run was killed that had processes on other machines."""
        self._file = output_dir / OWN_DIRECTORY / _NAME
        self._own = -1
        """Descriptor of `.pyfetch`."""
        self._descriptor = -1

    def acquire(self, wait: float = 0.0, given_up: Callable[[], bool] = lambda: False) -> None:
        """Take the lock. Waits for it at most `wait` seconds, or until `given_up` returns True.

        Raises `StoppedError`, which says who holds it.
        """
        until = time.monotonic() + wait
        at_least = time.monotonic() + _LAST_MOMENTS
        while not self._take():
            last = max(until, at_least) if self._holder_is_gone() else until
            if time.monotonic() >= last or given_up():
                raise StoppedError(
                    f"another run holds {self._shown}: {self._holder()}"
                    " (let it end, or wait for it with --wait-lock)"
                )
            time.sleep(POLL)
        if self._is_left_elsewhere:
            _log.warning("waiting until the processes of a killed run, on a cluster, have ended")
            until = time.monotonic() + LEASE + _MARGIN
            while time.monotonic() < until and not given_up():
                time.sleep(POLL)

    def release(self) -> None:
        """Release the lock, and remove `.pyfetch` if it is empty."""
        with contextlib.suppress(OSError):
            os.rmdir(PARTS_DIRECTORY, dir_fd=self._own)
        with contextlib.suppress(OSError):
            os.unlink(_NAME, dir_fd=self._own)
        with contextlib.suppress(OSError):
            self._file.parent.rmdir()
        # Closing it is not enough, as the processes of this run have the descriptor, too.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        os.close(self._own)

    def check(self) -> None:
        """Raise `StoppedError` if another run holds it by now. A lock of the system is not lost."""

    def identity(self) -> DirectoryIdentity:
        """Of the output directory in which it is held. Raises `StoppedError`."""
        with needed_for(self._output_dir):
            return DirectoryIdentity(
                identity(os.stat("..", dir_fd=self._own)),
                identity(os.stat(PARTS_DIRECTORY, dir_fd=self._own, follow_symlinks=False)),
            )

    @property
    def descriptor(self) -> int:
        """Descriptor of the lock file. A process that has it holds the lock as long as it runs."""
        return self._descriptor

    def _take(self) -> bool:
        """Take the lock, and write to the file who holds it. False if another run holds it."""
        with needed_for(self._output_dir):
            own = open_own(self._output_dir)
            try:
                descriptor = self._locked(own)
            except BaseException:
                os.close(own)
                raise
        if descriptor is None:
            os.close(own)
            return False
        with contextlib.suppress(OSError):  # on a full disk, the file stays empty
            left = os.pread(descriptor, _LONGEST, 0).decode(errors="replace")
            self._is_left_elsewhere = left.rstrip().endswith(_ELSEWHERE)
            os.truncate(descriptor, 0)
            os.write(descriptor, self._holder_text)
        self._own, self._descriptor = own, descriptor
        return True

    def _locked(self, own: int) -> int | None:
        """Descriptor of the locked file in `.pyfetch`; None if another run holds the lock."""
        try:
            descriptor = os.open(_NAME, _FLAGS, 0o666, dir_fd=own)
        except FileNotFoundError:
            return None  # the other run has just removed the directory
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise StoppedError(f"{self._file} is no regular file: move it away")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The other run may have removed the file after we opened it. Then we have locked a file
            # that nobody else will find.
            now = os.stat(_NAME, dir_fd=own, follow_symlinks=False)
            if identity(now) == identity(status):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
            raise StoppedError(
                f"cannot lock {self._file}: {error.strerror}"
                " (its file system must support flock; name another with --output-dir)"
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _holder_is_gone(self) -> bool:
        kind, _, number = self._holder().partition(" ")
        if kind != "process" or not (number.isascii() and number.isdigit()):
            return False
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass
        return False

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            descriptor = os.open(self._file, READ_FILE)
            with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
                text = stream.read(_LONGEST).decode(errors="replace").strip()
            if text:
                return text
        return "a process that has just started"


def is_held(directory: int) -> bool:
    """Whether another run is at work in the output directory with this descriptor."""
    try:
        lock = os.open(_PATH, READ_FILE, dir_fd=directory)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False
