"""What `--cleanup` does: remove the parts and the backups of an output directory."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path

from pyfetch.naming.components import is_safe_path
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import (
    OWN_DIRECTORY,
    PARTS_DIRECTORY,
    errors_of,
    is_there,
    needed_for,
)
from pyfetch.storage.lock import RunLock
from pyfetch.storage.parts import remove_all
from pyfetch.storage.state import STATE_FILE, State


def clean_up(output_dir: Path, wait: float = 0.0) -> list[str]:
    """Remove all parts, and the backups that the state knows of. Returns the removed paths.

    A backup that another program made is not removed. Waits for another run in the directory at
    most `wait` seconds. Raises `StoppedError`, and `TargetError` for a backup that cannot be
    removed.
    """
    directory = OutputDirectory(output_dir)
    if not is_there(directory.final(OWN_DIRECTORY)):
        return []
    lock = RunLock(output_dir)
    lock.acquire(wait)
    try:
        names = remove_all(output_dir)
        removed = [f"{OWN_DIRECTORY}/{PARTS_DIRECTORY}/{name}" for name in names]
        file = output_dir / OWN_DIRECTORY / STATE_FILE
        if is_there(os.fspath(file)):
            with closing(State(file)) as state, closing(directory), needed_for(output_dir):
                removed += _remove_backups(state, directory)
    finally:
        lock.release()
    return [directory.final(path) for path in removed]


def _remove_backups(state: State, directory: OutputDirectory) -> list[str]:
    removed = []
    for path in state.backups():
        if is_safe_path(path) and _remove(directory, path):
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
