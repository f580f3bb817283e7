"""The files of packs: open ones in `.pyfetch/packs`, sealed ones in the output directory.

All are reached from descriptors of their directories, and no link is followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from pyfetch.errors import StoppedError
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import (
    NEW_FILE,
    OLD_FILE,
    OWN_DIRECTORY,
    READ_FILE,
    identity,
    open_directory,
)
from pyfetch.storage.placing import NO_LINKS

PACKS_DIRECTORY = "packs"
"""Directory of the packs that are not sealed, below `.pyfetch`."""
_LONGEST = 4096


class SealedPacks(Protocol):
    """Where sealed packs are. For any thread. Methods raise `OSError`, or a `RunError`."""

    def check_room(self, name: str, /) -> None:
        """Raise `UsageError` if nothing there can have a name as long as this one."""
        ...

    def size(self, name: str, /) -> int | None:
        """Bytes of what has this name; None: nothing has it."""
        ...

    def reading(self, name: str, start: int, end: int, /) -> BinaryIO:
        """Open a pack, to read some of its bytes with `os.pread`."""
        ...

    def put_beside(self, name: str, content: bytes, /) -> None:
        """Make a small file, or replace one of the same pack.

        Raises `StoppedError` if something else has the name. What begins as `content` does, up to
        its first comma, is of the same pack.
        """
        ...

    def has_sealed(self, name: str, packs: int, /) -> bool:
        """Whether an open pack has its final name already: a run was killed just then.

        `packs`: as of `seal`.
        """
        ...

    def seal(self, name: str, packs: int, /) -> None:
        """Give an open pack its final name, unless something has it: then `StoppedError`.

        `packs`: descriptor of the directory that has it under the same name.
        """
        ...


class OpenPacks:
    """The packs that are not sealed. For any thread. Its methods raise `OSError`."""

    def __init__(self, directory: OutputDirectory) -> None:
        self._home = directory
        self._descriptor = -1
        self._lock = threading.Lock()

    @property
    def descriptor(self) -> int:
        """Of their directory, which is made if it is missing."""
        if self._descriptor < 0:
            with self._lock:
                if self._descriptor < 0:
                    own = open_directory(OWN_DIRECTORY, self._home.root)
                    try:
                        self._descriptor = open_directory(PACKS_DIRECTORY, own)
                    finally:
                        os.close(own)
        return self._descriptor

    def names(self) -> list[str]:
        """All that are there, in the order of their names."""
        return sorted(os.listdir(self.descriptor))  # noqa: PTH208 - a descriptor has no path

    def size(self, name: str) -> int | None:
        """Bytes of an open pack; None: there is none of this name."""
        status = _status(name, self.descriptor)
        return status.st_size if status and stat.S_ISREG(status.st_mode) else None

    def create(self, name: str) -> bool:
        """Make an empty one. Returns whether the name was free."""
        try:
            os.close(os.open(name, NEW_FILE, 0o666, dir_fd=self.descriptor))
        except FileExistsError:
            return False
        return True

    def writing(self, name: str) -> int:
        """Open one to write to it. Returns the descriptor."""
        return os.open(name, OLD_FILE, dir_fd=self.descriptor)

    def reading(self, name: str, start: int = 0, end: int = 0) -> BinaryIO:  # noqa: ARG002
        """Open one to read it with `os.pread`, at least from `start` to `end`."""
        return _reading(name, self.descriptor)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    @contextmanager
    def replacing(self, name: str) -> Iterator[int]:
        """A descriptor to write what replaces a small file in their directory, in one step."""
        new = f"{name}.{os.getpid()}"
        self.remove(new)
        descriptor = os.open(new, NEW_FILE, 0o666, dir_fd=self.descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        os.replace(new, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


class PacksInDirectory:
    """Sealed packs as files of the output directory."""

    def __init__(self, directory: OutputDirectory) -> None:
        self._directory = directory

    def check_room(self, name: str) -> None:
        """Do nothing: formats give names that file systems take."""

    def size(self, name: str) -> int | None:
        status = _status(name, self._directory.root)
        return status.st_size if status else None

    def reading(self, name: str, start: int, end: int) -> BinaryIO:  # noqa: ARG002 - all of them
        return _reading(name, self._directory.root)

    def put_beside(self, name: str, content: bytes) -> None:
        root = self._directory.root
        with contextlib.suppress(FileNotFoundError), _reading(name, root) as there:
            check_is_of_same_pack(there.read(_LONGEST) or b"", content, self._directory.final(name))
        new = f"{OWN_DIRECTORY}/{PACKS_DIRECTORY}/{name}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, dir_fd=root)
        descriptor = os.open(new, NEW_FILE, 0o666, dir_fd=root)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(new, name, src_dir_fd=root, dst_dir_fd=root)

    def has_sealed(self, name: str, packs: int) -> bool:
        ours, there = _status(name, packs), _status(name, self._directory.root)
        return ours is not None and there is not None and identity(ours) == identity(there)

    def seal(self, name: str, packs: int) -> None:
        root = self._directory.root
        try:
            os.link(name, name, src_dir_fd=packs, dst_dir_fd=root, follow_symlinks=False)
        except FileExistsError:
            if not self.has_sealed(name, packs):
                raise in_the_way_of_pack(self._directory.final(name)) from None
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            # Without hard links, there is no step that fails if the name is taken: look first.
            if self.size(name) is not None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from error
            os.rename(name, name, src_dir_fd=packs, dst_dir_fd=root)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=packs)
        self._directory.sync(name)


def check_is_of_same_pack(there: bytes, content: bytes, shown: str) -> None:
    """Raise `StoppedError` if a file beside a pack is of somebody else. `there`: its beginning."""
    if there.partition(b",")[0] != content.partition(b",")[0]:
        raise in_the_way_of_pack(shown)


def in_the_way_of_pack(shown: str) -> StoppedError:
    """The error for something that has got the name of a pack, or of what is beside it."""
    return StoppedError(
        f"{shown} has appeared, and a pack is to have this name"
        " (move it away and run the same command again to go on)"
    )


def _status(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _reading(name: str, directory: int) -> BinaryIO:
    descriptor = os.open(name, READ_FILE, dir_fd=directory)
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123 - the caller closes it
