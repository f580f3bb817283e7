"""`--prune`: files that the list no longer names move to `.pyfetch/pruned/`, with their paths.

Only files go that pyfetch has fetched and nobody has changed since. None is overwritten or removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import NamedTuple

from pyfetch.errors import StoppedError
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
from pyfetch.storage.recorded_file import RecordedFile
from pyfetch.storage.state import STATE_FILE, State
from pyfetch.storage.unnamed_files import UnnamedFiles, is_as_left

PRUNED_DIRECTORY = "pruned"
"""Directory of the files that were pruned, below `.pyfetch`."""

_COMMIT_EVERY = 256
"""Files that are moved between two commits of the state."""
_NO_DIRECTORY = frozenset({errno.ENOTDIR, errno.ELOOP})


class Pruned(NamedTuple):
    """A file that was moved."""

    path: str
    """Where it was, below the output directory."""
    to: str
    """Where it is now, below the output directory."""


def prune(output_dir: Path, files: UnnamedFiles, wait: float = 0.0) -> Iterator[Pruned]:
    """Move these files. Yields each that was moved.

    What was changed meanwhile, or is in the directory of another run, stays. Of those that are gone
    already, the state forgets facts and values. Waits for another run
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
            for file in files.gone():
                state.forget(file)
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


def _moved(directory: OutputDirectory, file: RecordedFile) -> str | None:
    """Move a file, if it is as recorded. Returns its new path below the output directory."""
    try:
        with errors_of(directory.final(file.path)):
            place = directory.place(file.path)
            if place is None:
                return None
            with place:
                there = os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
                if not is_as_left(there, file):
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
    """Give the file a free name in a directory, and take its old one. Returns the new name.

    Raises `FileNotFoundError` if something else has its old name by now.
    """
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
        if _is(there, tried, where):
            if _is(there, place.name, place.descriptor):
                os.unlink(place.name, dir_fd=place.descriptor)
            return tried
        os.unlink(tried, dir_fd=where)  # it is what has come in its place meanwhile
        raise FileNotFoundError
    raise AssertionError


def _is(there: os.stat_result, name: str, directory: int) -> bool:
    """Whether this name is that of the file with this status."""
    now = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return identity(now) == identity(there)


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
