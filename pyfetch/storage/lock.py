"""One run at a time in an output directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from pyfetch.errors import StoppedError
from pyfetch.storage.filesystem import OWN_DIRECTORY, make_own, needed_for

POLL = 0.1
"""Seconds between two looks at a lock that another run holds."""

_LAST_MOMENTS = 2.0
"""Seconds that the processes of a run which was killed get to end."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class RunLock:
    """An advisory lock (flock) that ends with its process, however that ends.

    Its file tells who holds it. The lock is what makes our own directory ours: that is
    made with it if need be, and goes with it if there is nothing else in it.
    """

    def __init__(self, output_dir: Path) -> None:
        self._output_dir = output_dir
        self._own = output_dir / OWN_DIRECTORY
        self._file = self._own / "lock"
        self._descriptor = -1

    def acquire(self, wait: float = 0.0, given_up: Callable[[], bool] = lambda: False) -> None:
        """Take the lock, waiting for it at most so many seconds.

        Raises `StoppedError` that names the holder, when `given_up` says so at once.
        """
        until = time.monotonic() + wait
        at_least = time.monotonic() + _LAST_MOMENTS
        while not self._taken():
            last = max(until, at_least) if self._holder_is_gone() else until
            if time.monotonic() >= last or given_up():
                raise StoppedError(
                    f"another run holds {self._output_dir}: {self._holder()}"
                    " (let it end, or wait for it with --wait-lock)"
                )
            time.sleep(POLL)

    def release(self) -> None:
        """Give the lock back, and remove our own directory if it is empty."""
        with contextlib.suppress(OSError):
            (self._own / "parts").rmdir()
        with contextlib.suppress(OSError):
            self._file.unlink()
        with contextlib.suppress(OSError):
            self._own.rmdir()
        # Not by closing it alone: our processes have it too.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)

    @property
    def descriptor(self) -> int:
        """What holds it. A process that has it, too, holds the lock as long as it lives."""
        return self._descriptor

    def _taken(self) -> bool:
        with needed_for(self._output_dir):
            try:
                make_own(self._own)
                descriptor = os.open(self._file, _FLAGS, 0o666)
            except FileNotFoundError:
                return False  # its holder has just removed the directory
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its holder may have removed it between our two steps: then what we have
            # locked is a file that nobody else will find.
            if os.fstat(descriptor).st_ino != self._file.stat().st_ino:
                raise FileNotFoundError
        except (BlockingIOError, FileNotFoundError):
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
            raise StoppedError(
                f"cannot lock {self._file}: {error.strerror}"
                " (its file system must support flock; name another with --output-dir)"
            ) from error
        with contextlib.suppress(OSError):  # on a full disk, nobody is told who we are
            os.truncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def _holder_is_gone(self) -> bool:
        kind, _, number = self._holder().partition(" ")
        if kind != "process" or not number.isdigit():
            return False
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        return False

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            text = self._file.read_text(errors="replace").strip()
            if text:
                return text
        return "a process that has just started"
