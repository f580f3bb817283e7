"""Removes useless parts when a run begins; with `--cleanup`, all parts and all backups."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

from pyfetch.naming.components import is_safe_path
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import (
    OWN_DIRECTORY,
    PARTS_DIRECTORY,
    errors_of,
    is_there,
    needed_for,
    open_directory,
    open_own,
)
from pyfetch.storage.lock import RunLock
from pyfetch.storage.state import STATE_FILE, State

KEPT_FOR = 30 * 24 * 3600.0
"""How long a part is kept after the last run has written to it, in seconds."""

_OURS = r"[0-9a-f]{32}\.(?:part|json)"


class LeftObjects(Protocol):
    """What runs have left in a bucket."""

    def final(self, path: str, /) -> str:
        """The path as messages show it."""
        ...

    def remove(self, path: str) -> bool:
        """Remove an object. Returns whether there was one. Raises `TargetError`."""
        ...

    def end_uploads(self) -> list[str]:
        """End the uploads that are not complete. Returns what messages call them."""
        ...


def sweep(output_dir: Path, *, now: float | None = None) -> None:
    """Make the directory of parts, and remove useless parts from it.

    These are parts without metadata, which a killed run has left, and those to which nobody has
    written for `KEPT_FOR` seconds. `now`: seconds since the epoch. Raises `StoppedError`.
    """
    with needed_for(output_dir):
        _remove_parts(output_dir, time.time() - KEPT_FOR if now is None else now - KEPT_FOR)


def clean_up(output_dir: Path, wait: float = 0.0, objects: LeftObjects | None = None) -> list[str]:
    """Remove all parts, and the backups that the state knows. Returns the removed paths.

    `output_dir`: what has `.pyfetch`, as a run has saved there. `objects`: removes what is in a
    bucket, if that is where the run has saved. Backups of other programs are not removed. If
    another run is at work in the directory, waits for its end, at most `wait` seconds. Raises
    `StoppedError`, and `TargetError` for a backup that cannot be removed.
    """
    directory = OutputDirectory(output_dir)
    lock = RunLock(output_dir)
    lock.acquire(wait)
    try:
        names = remove_all(output_dir)
        removed = [f"{OWN_DIRECTORY}/{PARTS_DIRECTORY}/{name}" for name in names]
        file = output_dir / OWN_DIRECTORY / STATE_FILE
        if is_there(os.fspath(file)):
            with closing(State(file)) as state, closing(directory), needed_for(output_dir):
                removed += _remove_backups(
                    state, objects.remove if objects else partial(_remove, directory)
                )
        left = objects.end_uploads() if objects else []
    finally:
        lock.release()
    if objects:
        parts = [path for path in removed if path.startswith(OWN_DIRECTORY)]
        backups = [objects.final(path) for path in removed if path not in parts]
        return [*map(directory.final, parts), *backups, *left]
    return [directory.final(path) for path in removed]


def _remove_backups(state: State, remove: Callable[[str], bool]) -> list[str]:
    removed: list[str] = []
    for path in state.backups():
        if is_safe_path(path) and remove(path):
            removed.append(path)
        state.forget_backup(path)
        state.commit()
    return removed


def _remove(directory: OutputDirectory, path: str) -> bool:
    """Remove one file, or a link in its place. Returns whether there was one."""
    with errors_of(directory.final(path)):
        place = directory.place(path)
        if place is None:
            return False
        with place:
            try:
                status = os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return False
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                return False
            os.unlink(place.name, dir_fd=place.descriptor)
    return True


def remove_all(output_dir: Path) -> list[str]:
    """Remove all parts. Returns their names, below the output directory. Raises `StoppedError`."""
    with needed_for(output_dir):
        return _remove_parts(output_dir, None)


def _remove_parts(output_dir: Path, before: float | None) -> list[str]:
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
    """When a part or its metadata was last written, in seconds since the epoch.

    The part alone does not tell: its time may already be set to that of the server's file.
    """
    return max(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime for name in names)
