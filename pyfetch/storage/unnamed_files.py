"""The files that a run's list has not named, though an earlier run has fetched them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from pyfetch.database import temporary_database
from pyfetch.models import TargetError
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.recorded_file import RecordedFile
from pyfetch.storage.state import State


class UnnamedFiles:
    """The files that the list of a run has not named, and that are as pyfetch or a task left them.

    On disk, however many. To be closed.
    """

    def __init__(
        self,
        state: State,
        output_dir: Path,
        is_as_left: Callable[[RecordedFile], bool | None] | None = None,
    ) -> None:
        """Find them, while `state` knows which names the run has given.

        `is_as_left`: whether one is as it was left; None: it is gone. Without, files are looked at.
        """
        self.number = 0
        self.size = 0
        """Bytes of all of them."""
        self.removed = 0
        """Files that are gone already, removed by their tasks or by `--keep no`."""
        self.changed = 0
        """Files that stay, because somebody has changed them."""
        self._database = temporary_database(
            "unnamed (path TEXT PRIMARY KEY, url TEXT, size INTEGER, modified_ns INTEGER)"
        )
        with closing(OutputDirectory(output_dir)) as directory:
            judge = is_as_left or partial(_judged, directory)
            for file in state.files(unnamed=True):
                is_as_it_was = judge(file)
                if file.size is None and is_as_it_was is None:
                    self.removed += 1
                elif is_as_it_was is None:
                    continue
                elif not is_as_it_was:
                    self.changed += 1
                    continue
                else:
                    self.number += 1
                    self.size += file.size or 0
                values = (file.path, file.url, file.size, file.modified_ns)
                self._database.execute("INSERT INTO unnamed VALUES (?, ?, ?, ?)", values)

    def __iter__(self) -> Iterator[RecordedFile]:
        """Those that are there."""
        return self._found("size IS NOT NULL")

    def gone(self) -> Iterator[RecordedFile]:
        """Those that are gone already."""
        return self._found("size IS NULL")

    def _found(self, where: str) -> Iterator[RecordedFile]:
        query = f"SELECT * FROM unnamed WHERE {where} ORDER BY path"  # noqa: S608 - our own words
        for path, url, size, modified_ns in self._database.execute(query):
            yield RecordedFile(path, url, size, modified_ns, None)

    def close(self) -> None:
        self._database.close()


def is_as_left(status: os.stat_result, file: RecordedFile) -> bool:
    """Whether this is the status of a regular file that nobody has changed since."""
    return stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (
        file.size,
        file.modified_ns,
    )


def _judged(directory: OutputDirectory, file: RecordedFile) -> bool | None:
    status = _status(directory, file.path)
    return None if status is None else is_as_left(status, file)


def _status(directory: OutputDirectory, path: str) -> os.stat_result | None:
    """The status of what has this path; None if nothing has it, or nothing that may be moved."""
    try:
        place = directory.place(path)
        if place is None:
            return None
        with place:
            return os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
    except (FileNotFoundError, TargetError):
        return None
