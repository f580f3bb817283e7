"""`--prune`: files that the list no longer names move to `.pyfetch/pruned/`, with their paths.

Only files go that pyfetch has fetched and nobody has changed since. None is overwritten or removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import NamedTuple

from pyfetch.database import temporary_database
from pyfetch.errors import StoppedError
from pyfetch.facts import RecordedFile
from pyfetch.models import TargetError
from pyfetch.naming.components import PathComponent, numbered
from pyfetch.storage.directory import OutputDirectory, Place
from pyfetch.storage.filesystem import (
    OWN_DIRECTORY,
    errors_of,
    identity,
    needed_for,
    open_directory,
    open_own,
)
from pyfetch.storage.lock import RunLock
from pyfetch.storage.placing import NO_LINKS
from pyfetch.storage.state import STATE_FILE, State

PRUNED_DIRECTORY = "pruned"
"""Directory of the files that were pruned, below `.pyfetch`."""

_COMMIT_EVERY = 256
"""Files that are moved between two commits of the state."""
_NO_DIRECTORY = frozenset({errno.ENOTDIR, errno.ELOOP})


class UnnamedFiles:
    """The files that the list of a run has not named, and that are as pyfetch left them.

    On disk, however many. To be closed.
    """

    def __init__(self, state: State, output_dir: Path) -> None:
        """Find them, while `state` knows which names the run has given."""
        self.number = 0
        self.size = 0
        """Bytes of all of them."""
        self.changed = 0
        """Files that stay, because somebody has changed them."""
        self._database = temporary_database(
            "unnamed (path TEXT PRIMARY KEY, url TEXT, size INTEGER, modified_ns INTEGER)"
        )
        with closing(OutputDirectory(output_dir)) as directory:
            for file in state.files(unnamed=True):
                status = _status(directory, file.path)
                if status is None:
                    continue
                if not _is_as_recorded(status, file):
                    self.changed += 1
                    continue
                self.number += 1
                self.size += file.size
                values = (file.path, file.url, file.size, file.modified_ns)
                self._database.execute("INSERT INTO unnamed VALUES (?, ?, ?, ?)", values)

    def __iter__(self) -> Iterator[RecordedFile]:
        rows = self._database.execute("SELECT * FROM unnamed ORDER BY path")
        for path, url, size, modified_ns in rows:
            yield RecordedFile(path, url, size, modified_ns, None)

    def close(self) -> None:
        self._database.close()


class Pruned(NamedTuple):
    """A file that was moved."""

    path: str
    """Where it was, below the output directory."""
    to: str
    """Where it is now, below the output directory."""


def prune(output_dir: Path, files: UnnamedFiles, wait: float = 0.0) -> Iterator[Pruned]:
    """Move these files. Yields each that was moved.

    What was changed meanwhile, or is in the directory of another run, stays. Waits for another run
    in the directory at most `wait` seconds. Raises `StoppedError`.
    """
    lock = RunLock(output_dir)
    lock.acquire(wait)
    try:
        state_file = output_dir / OWN_DIRECTORY / STATE_FILE
        with (
            needed_for(output_dir),
            closing(State(state_file)) as state,
            closing(OutputDirectory(output_dir)) as directory,
        ):
            for number, file in enumerate(files, 1):
                to = _moved(directory, file)
                if to is not None:
                    state.forget(file)
                    yield Pruned(file.path, to)
                if number % _COMMIT_EVERY == 0:
                    state.commit()
            state.commit()
    finally:
        lock.release()


def kept_files(output_dir: Path) -> tuple[int, int]:
    """How many files were pruned and are still there, and their bytes."""
    number = size = 0
    for directory, _, names in os.walk(output_dir / OWN_DIRECTORY / PRUNED_DIRECTORY):
        for name in names:
            with contextlib.suppress(OSError):
                size += Path(directory, name).lstat().st_size
                number += 1
    return number, size


def _is_as_recorded(status: os.stat_result, file: RecordedFile) -> bool:
    return stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (
        file.size,
        file.modified_ns,
    )


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


def _moved(directory: OutputDirectory, file: RecordedFile) -> str | None:
    """Move a file, if it is as recorded. Returns its new path below the output directory."""
    try:
        with errors_of(directory.final(file.path)):
            place = directory.place(file.path)
            if place is None:
                return None
            with place:
                there = os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
                if not _is_as_recorded(there, file):
                    return None
                to = _put_away(directory, place, there, file.path)
            _remove_empty(directory, file.path)
    except TargetError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise StoppedError(f"{error.detail}, so nothing more is pruned") from error
    return to


def _put_away(directory: OutputDirectory, place: Place, there: os.stat_result, path: str) -> str:
    own = open_own(directory.path)
    here = open_directory(PRUNED_DIRECTORY, own)
    os.close(own)
    names = [OWN_DIRECTORY, PRUNED_DIRECTORY]
    *parents, name = path.split("/")
    try:
        for parent in parents:
            below, taken = _opened(PathComponent(parent), here)
            os.close(here)
            here = below
            names.append(taken)
        return "/".join([*names, _linked(place, there, PathComponent(name), here)])
    finally:
        os.close(here)


def _opened(name: PathComponent, parent: int) -> tuple[int, str]:
    """A directory of this name, or with a number where a file has it; and its name."""
    for number in count():
        tried = numbered(name, number) if number else name
        try:
            return open_directory(tried, parent), tried
        except OSError as error:
            if error.errno not in _NO_DIRECTORY:
                raise
    raise AssertionError


def _linked(place: Place, there: os.stat_result, name: PathComponent, where: int) -> str:
    """Give the file a free name in a directory, and take its old one. Returns the new name."""
    for number in count():
        tried = numbered(name, number) if number else name
        try:
            os.link(
                place.name, tried, src_dir_fd=place.descriptor, dst_dir_fd=where,
                follow_symlinks=False,
            )  # fmt: skip
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            with contextlib.suppress(FileNotFoundError):
                os.stat(tried, dir_fd=where, follow_symlinks=False)
                continue
            os.rename(place.name, tried, src_dir_fd=place.descriptor, dst_dir_fd=where)
            return tried
        now = os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
        if identity(now) == identity(there):
            os.unlink(place.name, dir_fd=place.descriptor)
        return tried
    raise AssertionError


def _remove_empty(directory: OutputDirectory, path: str) -> None:
    """Remove the directories on the way to a file that are empty without it."""
    while "/" in path:
        path = path.rpartition("/")[0]
        place = directory.place(path)
        if place is None:
            return
        with place:
            try:
                os.rmdir(place.name, dir_fd=place.descriptor)
            except OSError:
                return
