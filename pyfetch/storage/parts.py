"""The directory of the parts: which there are, and which are no longer of use.

Parts are in `.pyfetch/parts` below the output directory, on the same file system as what they
become. `KEY.part` has the bytes; beside each that can be continued, `KEY.json` has its metadata.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from collections import defaultdict
from pathlib import Path

from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import (
    PARTS_DIRECTORY,
    FreeSpace,
    errors_of,
    needed_for,
    open_directory,
    open_own,
)

KEPT = 30 * 24 * 3600.0
"""Seconds for which a part is kept that no run writes to."""

_OURS = r"[0-9a-f]{32}\.(?:part|json)"


class Parts:
    """The parts of an output directory, and which of them may be on disk: most files need none.

    For any thread. A part that another process of the run has made since is found by its name
    being taken.
    """

    def __init__(self, output_dir: Path | OutputDirectory, min_free: int = 0) -> None:
        if isinstance(output_dir, Path):
            output_dir = OutputDirectory(output_dir)
        self.directory = output_dir
        self.output_dir = output_dir.path
        self.min_free = min_free
        self.free_space = FreeSpace(output_dir.path, min_free)
        self.final = output_dir.final
        self._lock = threading.Lock()
        self._there: set[str] | None = None

    def there(self) -> set[str]:
        """The keys of those that may be on disk; the directory is read at the first call."""
        if self._there is None:
            with self._lock, errors_of(self.output_dir, self.directory.check):
                if self._there is None:
                    names = os.listdir(self.directory.parts)  # noqa: PTH208 - no Path
                    self._there = {name.partition(".")[0] for name in names}
        return self._there


def part_key(path: str) -> str:
    """The start of the names of a part's two files. `path` is that of the file it becomes."""
    return hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:32]


def sweep(output_dir: Path, *, now: float | None = None) -> None:
    """Make the directory of parts, and remove the parts that are of no use.

    These are parts without metadata, which a killed run left, and those that nobody has written
    to for `KEPT` seconds. `now`: seconds since the epoch. Raises `StoppedError`.
    """
    with needed_for(output_dir):
        _remove(output_dir, time.time() - KEPT if now is None else now - KEPT)


def remove_all(output_dir: Path) -> list[str]:
    """Remove all parts. Returns their names, below the output directory. Raises `StoppedError`."""
    with needed_for(output_dir):
        return _remove(output_dir, None)


def _remove(output_dir: Path, before: float | None) -> list[str]:
    """Remove the parts that were last written before this time, all if it is None."""
    own = open_own(output_dir)
    try:
        parts = open_directory(PARTS_DIRECTORY, own)
    finally:
        os.close(own)
    removed = []
    try:
        files: defaultdict[str, list[str]] = defaultdict(list)
        for name in os.listdir(parts):  # noqa: PTH208 - a descriptor has no Path
            if re.fullmatch(_OURS, name):
                files[name.partition(".")[0]].append(name)
        for names in files.values():
            if len(names) < 2 or before is None or _last_written(names, parts) < before:
                for name in names:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=parts)
                        removed.append(name)
    finally:
        os.close(parts)
    return sorted(removed)


def _last_written(names: list[str], directory: int) -> float:
    """Seconds since the epoch. A part's own time may already be set to the server's."""
    return max(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime for name in names)
