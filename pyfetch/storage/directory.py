"""The output directory, which is kept open: all files in it are opened relative to descriptors.

A path is walked one directory at a time, without following symbolic links. So nothing is written
outside, even if directories are renamed or replaced by links during the run.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import stat
import threading
import time
from pathlib import Path
from typing import Self

from pyfetch.errors import StoppedError
from pyfetch.models import Failure, TargetError
from pyfetch.storage.filesystem import (
    OWN_DIRECTORY,
    PARTS_DIRECTORY,
    DirectoryIdentity,
    before_paths,
    errors_of,
    identity,
)
from pyfetch.storage.lock import is_held

# O_PATH needs no permission to read the directory. macOS does not have it.
_OPEN_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_BELOW = _OPEN_DIRECTORY | os.O_NOFOLLOW
_NOT_BELOW = frozenset({"", ".", ".."})

_CHECK_EVERY = 0.05
"""Seconds between two checks whether the directories are still the same."""


class Place:
    """The directory of one file, as a descriptor, and the name of the file in it.

    As a context manager it closes the descriptor, unless that is the output directory's own.
    """

    __slots__ = ("descriptor", "is_owned", "name")

    def __init__(self, descriptor: int, name: str, *, owned: bool) -> None:
        self.descriptor = descriptor
        self.name = name
        self.is_owned = owned
        """Whether it has to be closed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_owned:
            self.close()

    def close(self) -> None:
        """Close the descriptor of a place that is owned."""
        os.close(self.descriptor)


class OutputDirectory:
    """One output directory. Its descriptors are opened when first used. For any thread."""

    def __init__(self, path: Path, expected: DirectoryIdentity | None = None) -> None:
        """`expected`: what another process of the run found at this path."""
        self.path = path
        self._before = before_paths(path)
        self._parts_path = f"{self._before}{OWN_DIRECTORY}/{PARTS_DIRECTORY}"
        self._lock = threading.Lock()
        self._root = self._parts = -1
        self._root_is: tuple[int, int] | None = expected.root if expected else None
        self._parts_is: tuple[int, int] | None = expected.parts if expected else None
        self._checked_at = -math.inf
        self.is_shared = expected is not None
        """Whether other processes of the run write to it, too."""

    def __repr__(self) -> str:
        return f"OutputDirectory({str(self.path)!r})"

    @property
    def root(self) -> int:
        """Descriptor of the output directory. Raises `OSError`."""
        if self._root < 0:
            with self._lock:
                if self._root < 0:
                    root = os.open(self.path, _OPEN_DIRECTORY)
                    self._root_is = self._as_expected(root, self._root_is)
                    self._root = root
        return self._root

    @property
    def parts(self) -> int:
        """Descriptor of the directory of the parts. Raises `OSError`."""
        if self._parts < 0:
            root = self.root
            with self._lock:
                if self._parts < 0:
                    own = os.open(OWN_DIRECTORY, _OPEN_BELOW, dir_fd=root)
                    try:
                        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                        parts = os.open(PARTS_DIRECTORY, flags, dir_fd=own)
                    finally:
                        os.close(own)
                    self._parts_is = self._as_expected(parts, self._parts_is)
                    self._parts = parts
        return self._parts

    def _as_expected(self, opened: int, expected: tuple[int, int] | None) -> tuple[int, int]:
        """The identity of a directory that was opened. Raises `StoppedError` for another one."""
        found = identity(os.fstat(opened))
        if expected not in (None, found):
            os.close(opened)
            raise self._changed()
        return found

    def open(self) -> None:
        """Open both descriptors, so that `check` has something to compare. Raises `OSError`."""
        _ = self.root, self.parts

    def final(self, path: str) -> str:
        """The path below the output directory, as messages and results show it."""
        return f"{self._before}{path}"

    def close(self) -> None:
        """Close the descriptors. Nothing below may be used any more."""
        with self._lock:
            for descriptor in (self._root, self._parts):
                if descriptor >= 0:
                    os.close(descriptor)
            self._root = self._parts = -1

    def check(self) -> None:
        """Raise `StoppedError` if the paths and the descriptors are different directories.

        Then the output directory or `.pyfetch` was renamed, removed or created again. Files of
        this run would go to a place where nobody looks for them, and another run may have begun.
        """
        if self._parts >= 0:
            self._check(self._parts_path, self._parts_is)
        if self._root >= 0:
            self._check(os.fspath(self.path), self._root_is)

    def check_parts(self) -> None:
        """The same for the parts only, at most once in `_CHECK_EVERY` seconds.

        What is written in between goes to our own directory, as its descriptor is used.
        """
        now = time.monotonic()
        if self._parts >= 0 and now - self._checked_at >= _CHECK_EVERY:
            self._check(self._parts_path, self._parts_is)
            self._checked_at = now

    def _check(self, path: str, expected: tuple[int, int] | None) -> None:
        try:
            if identity(os.stat(path)) == expected:  # noqa: PTH116 - a Path takes longer
                return
        except OSError:
            pass
        raise self._changed()

    def _changed(self) -> StoppedError:
        return StoppedError(
            f"{self.path} or the {OWN_DIRECTORY} in it was renamed, removed or made anew while"
            " the run was at work (run the same command again to go on)"
        )

    def place(self, path: str, *, make: bool = False) -> Place | None:
        """The place of a file, for a `with` statement; None if a directory on the way is missing.

        `make`: make missing directories. Raises `TargetError` if something on the way is no
        directory, or if another run is at work in one of the directories. Raises `OSError`.
        """
        root = self._root if self._root >= 0 else self.root
        if "/" not in path:
            return Place(root, path, owned=False)
        here, end = root, path.find("/")
        start = 0
        try:
            while end >= 0:
                below = self._below(here, path[start:end], path[:end], make=make)
                if here != root:
                    os.close(here)
                here = below
                if here < 0:
                    return None
                start, end = end + 1, path.find("/", end + 1)
        except BaseException:
            if here not in (root, -1):
                os.close(here)
            raise
        return Place(here, path[start:], owned=True)

    def _below(self, here: int, name: str, path: str, *, make: bool) -> int:
        """Descriptor of a directory inside `here`; -1 if it is missing and must not be made."""
        if name in _NOT_BELOW or name.casefold() == OWN_DIRECTORY:
            raise TargetError(
                Failure.DISK, f"{self.final(path)} is reserved: no file can be saved there"
            )
        try:
            try:
                below = os.open(name, _OPEN_BELOW, dir_fd=here)
            except FileNotFoundError:
                if not make:
                    return -1
                _make(name, here)
                below = os.open(name, _OPEN_BELOW, dir_fd=here)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise self._in_the_way(here, name, path) from error
            raise
        if is_held(below):
            os.close(below)
            detail = f"{self.final(path)} is the output directory of another run, which is at work"
            raise TargetError(Failure.EXISTS, detail)
        return below

    def _in_the_way(self, here: int, name: str, path: str) -> TargetError:
        shown = self.final(path)
        with errors_of(shown):
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            detail = f"{shown} exists already and is no directory, so no file can be saved below it"
            return TargetError(Failure.EXISTS, detail)
        if self.leads_to(shown) is None:
            return TargetError(Failure.DISK, f"{shown} is a link that leads out of {self.path}")
        return TargetError(Failure.EXISTS, f"{shown} is a link where a directory is needed")

    def leads_to(self, place: str) -> str | None:
        """The target of a link, as a path below the output directory; None if it is outside."""
        root, real = os.path.realpath(self.path), os.path.realpath(place)
        if real == root:
            return ""
        return real[len(root) + 1 :] if real.startswith(f"{root.rstrip('/')}/") else None

    def sync(self, path: str) -> None:
        """Write the directories on the way to a file to disk (fsync)."""
        directories = path.split("/")[:-1]
        for depth in range(len(directories), -1, -1):
            place = self.place("/".join([*directories[:depth], "."]))
            if place is None:
                return
            with place:
                _sync(place.descriptor)

    def sync_parts(self) -> None:
        """Write the directory of the parts to disk (fsync)."""
        os.fsync(self.parts)


def _make(name: str, here: int) -> None:
    with contextlib.suppress(FileExistsError):  # another thread or process has just made it
        os.mkdir(name, dir_fd=here)


def _sync(directory: int) -> None:
    # A descriptor that was opened with O_PATH cannot be synchronized.
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def without_links(root: OutputDirectory, path: str) -> str:
    """The path of the same directory, without symbolic links that stay inside `root`.

    So one file has one path, even if the list uses links. A link that leads out of `root`, or to
    `.pyfetch`, stays in the path: `OutputDirectory.place` refuses it. `path` need not exist.
    """
    real: list[str] = []
    components = path.split("/")
    for depth, component in enumerate(components):
        leading = root.final("/".join([*real, component]))
        try:
            is_link = stat.S_ISLNK(os.lstat(leading).st_mode)
        except (OSError, UnicodeEncodeError):  # no locale but UTF-8 can write each name
            return "/".join([*real, *components[depth:]])
        target = root.leads_to(leading) if is_link else None
        if is_link and (target is None or target.split("/")[0].casefold() == OWN_DIRECTORY):
            return "/".join([*real, *components[depth:]])
        if target is None:
            real.append(component)
        else:
            real = target.split("/") if target else []
    return "/".join(real)
