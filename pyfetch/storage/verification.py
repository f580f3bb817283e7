"""What `--verify` does: compare what is in an output directory with what the state knows of it.

Nothing is written, and nothing is asked of a server. Every file is reached from the descriptor of
the directory, without following a link.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Self

from pyfetch import cpu
from pyfetch.errors import StoppedError
from pyfetch.models import TargetError
from pyfetch.storage.directory import OutputDirectory, Place
from pyfetch.storage.existing import Status
from pyfetch.storage.expected_file import ExpectedFile
from pyfetch.storage.expected_files import ExpectedFiles
from pyfetch.storage.filesystem import READ_FILE
from pyfetch.storage.lock import is_held
from pyfetch.urls import masked_url
from pyfetch.verified import Condition, VerifiedFile

_BLOCK = 1024 * 1024
_MOST_THREADS = 8
_AHEAD = 8
"""Files that wait for each thread."""
_NO_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.ENOTDIR})


class Verification:
    """Looks at what is `expected` in an output directory. For a `with` statement."""

    packs: str | None = None
    """How the names of the packs end whose members are verified; None: it is files."""

    def __init__(self, output_dir: Path) -> None:
        self.directory = OutputDirectory(output_dir)
        self.final: Callable[[str], str] = self.directory.final
        self.expected = ExpectedFiles()
        self.read = 0
        """Bytes that were read so far."""
        self.done = 0
        """Files that were looked at."""
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.expected.close()
        self.directory.close()

    @property
    def number(self) -> int:
        """Files to look at."""
        return self.expected.number

    @property
    def total(self) -> int:
        """Bytes that there are to read, as far as it is known."""
        return self.expected.size

    def stop(self) -> None:
        """End soon, from any thread; the files that were not read yet are left out."""
        self._stopped.set()

    def results(self, pausing: Callable[[], None] = lambda: None) -> Iterator[VerifiedFile]:
        """Yield what was found of each file, in the order of their paths. Several threads read.

        `pausing` is called before the next one is waited for.
        """
        threads = max(2, min(cpu.available(), _MOST_THREADS))
        waiting: deque[Future[VerifiedFile | None]] = deque()
        with ThreadPoolExecutor(threads, "verify") as pool:
            try:
                for expected in self.expected:
                    waiting.append(pool.submit(self._verify, expected))
                    while len(waiting) > threads * _AHEAD or (waiting and waiting[0].done()):
                        yield from self._next(waiting, pausing)
                while waiting:
                    yield from self._next(waiting, pausing)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _next(
        self, waiting: deque[Future[VerifiedFile | None]], pausing: Callable[[], None]
    ) -> Iterator[VerifiedFile]:
        if not waiting[0].done():
            pausing()
        found = waiting.popleft().result()
        if found is not None:
            self.done += 1
            yield found

    def _verify(self, expected: ExpectedFile) -> VerifiedFile | None:
        """Look at one file. None: it is not to be shown, as there is no time for it any more."""
        if self._stopped.is_set():
            return None
        final = self._shown(expected)
        url = masked_url(expected.url) if expected.url else None
        found = partial(VerifiedFile, final, url=url)
        try:
            return self._look_at(expected, found)
        except _StoppedReading:
            return None
        except FileNotFoundError:
            return found(status=Condition.MISSING)
        except TargetError as error:
            return found(status=Condition.UNREADABLE, detail=error.detail)
        except OSError as error:
            if error.errno in _NO_FILE:
                detail = "a link, or something else that is no file, is in its place"
                return found(status=Condition.CHANGED, detail=detail)
            return found(status=Condition.UNREADABLE, detail=f"cannot read it: {error.strerror}")

    def _shown(self, expected: ExpectedFile) -> str:
        """What results call it."""
        return self.final(expected.path)

    def _look_at(self, expected: ExpectedFile, found: Callable[..., VerifiedFile]) -> VerifiedFile:
        place = self.directory.place(expected.path)
        if place is None:
            return found(status=Condition.MISSING)
        with place:
            stream = _opened(place)
        with stream:
            there = os.fstat(stream.fileno())
            return self._compared(expected, found, there, _blocks(stream))

    def look_around(self) -> None:
        """Find the files that are there, so that those are told of that nobody knows."""
        self.expected.look_around(self.directory)

    def _compared(
        self,
        expected: ExpectedFile,
        found: Callable[..., VerifiedFile],
        there: Status,
        blocks: Iterable[memoryview | bytes],
    ) -> VerifiedFile:
        size = there.st_size
        if not expected.is_known:
            return found(status=Condition.UNKNOWN, size=size)
        if expected.size not in (None, size):
            detail = f"it has {size} bytes, and had {expected.size} after {expected.event}"
            return found(status=Condition.CHANGED, size=size, detail=detail)
        digests = self._digests(blocks, expected)
        fault = expected.fault(there, digests)
        return found(
            status=Condition.CHANGED if fault else Condition.OK,
            size=size,
            sha256=digests["sha256"],
            detail=fault or expected.remark(there),
        )

    def _digests(
        self, blocks: Iterable[memoryview | bytes], expected: ExpectedFile
    ) -> dict[str, str]:
        """The digests of these bytes, by their algorithms. Raises `_StoppedReading`."""
        algorithms = {"sha256", *(checksum.algorithm for checksum in expected.demanded)}
        hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
        for block in blocks:
            if self._stopped.is_set():
                raise _StoppedReading
            for one in hashes.values():
                one.update(block)
            with self._lock:
                self.read += len(block)
        return {name: one.hexdigest() for name, one in hashes.items()}


def _blocks(stream: FileIO) -> Iterator[memoryview]:
    block = memoryview(bytearray(_BLOCK))
    while size := stream.readinto(block):
        yield block[:size]


def _opened(place: Place) -> FileIO:
    """Open a regular file to read it. Raises `OSError`, `_NO_FILE` for anything else."""
    descriptor = os.open(place.name, READ_FILE, dir_fd=place.descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123 - a descriptor has no path


class _StoppedReading(Exception):  # noqa: N818 - no error, but it unwinds the work as one does
    """The run is to end."""


def check_nobody_is_at_work(directory: OutputDirectory) -> None:
    """Raise `StoppedError` if a run is at work in the directory: its files are about to change."""
    if is_held(directory.root):
        raise StoppedError(
            f"a run is at work in {directory.path}, and its files are about to change"
            " (let it end first)"
        )
