"""Gives a part its final name, in one step, and decides about a file that has that name already.

A file that pyfetch did not write, or that was changed since, is never lost: unless the user chose
`replace`, it is kept beside the new one as a numbered backup (`x.~1~`, as GNU tools do).
"""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from pyfetch.facts import UNKNOWN, Known
from pyfetch.models import Failure, TargetError
from pyfetch.naming.components import PathComponent, backup_name, first_free
from pyfetch.storage.directory import OutputDirectory, Place
from pyfetch.storage.existing import NOTHING, Found, in_the_way, is_ours, name_is_taken, opened
from pyfetch.storage.filesystem import identity, link_open_file

_BLOCK = 1024 * 1024

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES})
"""What file systems without hard links answer."""


class WhenThere(Enum):
    """What to do with a regular file that has the final name."""

    KEEP = auto()
    """It stays, and the target fails with `exists`."""
    REPLACE = auto()
    """It is replaced."""
    BACK_UP = auto()
    """It is replaced. If pyfetch did not write it and it differs, it is kept as a backup."""


class Placement(NamedTuple):
    """How a part gets its final name."""

    when_there: WhenThere
    known: Known = UNKNOWN
    """What the state knows of the file of that name."""
    found: Found = NOTHING
    """What had the name before the first request."""
    instead: Callable[[], str] | None = None
    """Returns another path that no file has, for a name that the server chose. If set, a file that
    pyfetch did not write and that differs stays where it is. May raise `TargetError`."""
    check: Callable[[], None] = lambda: None
    """Called now and then while files are compared; raises if the transfer was stopped."""


class Placed(NamedTuple):
    """Where the file is after a part was placed."""

    path: str
    """Path of the file, below the output directory."""
    modified_ns: int
    """Its modification time, in nanoseconds since the epoch."""
    backup: str | None = None
    """Path of the backup of the earlier file, below the output directory."""
    stored: str | None = None
    """What the store needs to know this version again; None: size and time are enough."""
    shown: str | None = None
    """What results call it; None: its path."""
    adopted: bool = False
    """Whether the earlier file has the same bytes: it stays, and the part is removed."""
    replaced: bool = False
    """Whether an earlier file of this name was replaced."""


class PartReplacedError(TargetError):
    """Another file has got the name of the part since this run has written it."""


class Placer:
    """Gives one part its final name."""

    __slots__ = (
        "_name_of_part", "_status", "descriptor", "directory", "is_named", "modified_ns",
        "placement",
    )  # fmt: skip

    def __init__(
        self,
        directory: OutputDirectory,
        name_of_part: Callable[[], str],
        descriptor: int,
        placement: Placement,
        modified_ns: int,
        is_named: bool,
    ) -> None:
        self.directory = directory
        self._name_of_part = name_of_part
        self.descriptor = descriptor
        """Descriptor of the open part."""
        self.modified_ns = modified_ns
        """Modification time of the part, in nanoseconds since the epoch."""
        self._status: os.stat_result | None = None
        self.placement = placement
        self.is_named = is_named
        """Whether the part has its name already. Most take a free name and never need it."""

    @property
    def part(self) -> str:
        """Name of the part, in the directory of the parts. Most need none."""
        return self._name_of_part()

    @property
    def status(self) -> os.stat_result:
        """Status of the part, from its descriptor. Raises `OSError`."""
        if self._status is None:
            self._status = os.fstat(self.descriptor)
        return self._status

    def place(self, path: str) -> Placed:
        """Give the part this path. Raises `TargetError` if it cannot have it, and `OSError`."""
        place = self.directory.place(path, make=True)
        assert place is not None  # noqa: S101 - it was made
        found = self.placement.found
        try:  # in place of `with place`, as this is called for each file
            if found.status is None and found.link is None and self._take_free_name(place):
                return Placed(path, self.modified_ns)
            return self._place_named(path, place)
        finally:
            if place.is_owned:
                place.close()

    def _place_named(self, path: str, place: Place) -> Placed:
        """Give the part a path that something has, or had."""
        self._give_name()
        with contextlib.suppress(FileNotFoundError):
            there = os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
            return self._place_over(path, place, there)
        # Something had the name before, and is gone now.
        if self._take_free_name(place):
            return self._placed(path)
        detail = (
            f"{self.directory.final(path)} appears and disappears: another program writes there"
        )
        raise TargetError(Failure.EXISTS, detail)

    def _placed(self, path: str, backup: str | None = None, *, replaced: bool = False) -> Placed:
        return Placed(path, self.modified_ns, backup, replaced=replaced)

    def _give_name(self) -> None:
        """Give the part its name, if it has none: what replaces a file needs one."""
        if self.is_named:
            return
        parts = self.directory.parts
        try:
            link_open_file(self.descriptor, self.part, parts)
        except FileExistsError:  # a process that was killed has left it
            os.unlink(self.part, dir_fd=parts)
            link_open_file(self.descriptor, self.part, parts)
        self.is_named = True

    def _take_free_name(self, place: Place) -> bool:
        """Take the name if nothing has it, in one step. Returns whether it was free."""
        try:
            try:
                # The descriptor certainly is the file that this run has written, whatever its
                # name is now.
                link_open_file(self.descriptor, place.name, place.descriptor)
            except FileNotFoundError:  # macOS has no /proc, or the part was removed
                self._link_by_name(place)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS or not self.is_named:
                raise
            # Without hard links, there is no step that fails if the name is taken: look first.
            if name_is_taken(place, place.name):
                return False
            self._replace(place)
        else:
            if self.is_named:
                self._remove_name()
        return True

    def _remove_name(self) -> None:
        """Remove the part's name, unless it is that of another file by now."""
        with contextlib.suppress(FileNotFoundError, PartReplacedError):
            self._check_name()
            os.unlink(self.part, dir_fd=self.directory.parts)

    def _link_by_name(self, place: Place) -> None:
        self._check_name()
        os.link(
            self.part, place.name, src_dir_fd=self.directory.parts,
            dst_dir_fd=place.descriptor, follow_symlinks=False,
        )  # fmt: skip

    def _check_name(self) -> None:
        """Raise `PartReplacedError` if another file has the name of the part now."""
        there = os.stat(self.part, dir_fd=self.directory.parts, follow_symlinks=False)
        if identity(there) != identity(self.status):
            detail = "its part was replaced by another process"
            raise PartReplacedError(Failure.DISK, detail)

    def _replace(self, place: Place) -> None:
        self._check_name()
        os.replace(
            self.part, place.name, src_dir_fd=self.directory.parts, dst_dir_fd=place.descriptor
        )

    def _place_over(self, path: str, place: Place, there: os.stat_result) -> Placed:
        placement, final = self.placement, self.directory.final(path)
        if stat.S_ISLNK(there.st_mode):
            if identity(there) != placement.found.link:
                raise in_the_way(final, there)
            if placement.found.status is None:  # the link leads nowhere
                self._replace(place)
                return self._placed(path)
        elif not stat.S_ISREG(there.st_mode):
            raise in_the_way(final, there)
        if placement.when_there is WhenThere.KEEP:
            raise TargetError(Failure.EXISTS, f"{final} was created meanwhile")
        if placement.when_there is WhenThere.REPLACE and placement.instead is None:
            self._replace(place)
            return self._placed(path, replaced=True)
        return self._place_over_file(path, place, there)

    def _place_over_file(self, path: str, place: Place, there: os.stat_result) -> Placed:
        content = there
        if stat.S_ISLNK(there.st_mode):
            content = os.stat(place.name, dir_fd=place.descriptor)
        if is_ours(self.placement.known, content, time.time()):
            self._replace(place)
            return self._placed(path, replaced=True)
        if self._is_equal(place, content):
            self._remove_name()
            return Placed(path, content.st_mtime_ns, adopted=True)
        instead = self.placement.instead
        if instead:
            self.placement = Placement(WhenThere.KEEP)
            return self.place(instead())
        return self._placed(path, self._back_up(path, place, there), replaced=True)

    def _is_equal(self, place: Place, there: os.stat_result) -> bool:
        """Whether the file that is there has the same bytes as the part."""
        if there.st_size != self.status.st_size or not stat.S_ISREG(there.st_mode):
            return False
        with (
            opened(self.part, self.directory.parts, self.status) as new,
            opened(place.name, place.descriptor, there) as old,
        ):
            while block := new.read(_BLOCK):
                self.placement.check()
                if block != old.read(len(block)):
                    return False
        return True

    def _back_up(self, path: str, place: Place, there: os.stat_result) -> str:
        """Keep the existing file as a backup, and take its name. Returns the backup's path."""
        parent, slash, _ = path.rpartition("/")
        name = PathComponent(place.name)
        number = first_free(lambda number: name_is_taken(place, backup_name(name, number)))
        while True:
            backup = backup_name(name, number)
            try:
                os.link(
                    name, backup, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor,
                    follow_symlinks=False,
                )  # fmt: skip
                break
            except FileExistsError:
                number += 1
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                if name_is_taken(place, backup):
                    number += 1
                    continue
                os.rename(name, backup, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor)
                break
        kept = os.stat(backup, dir_fd=place.descriptor, follow_symlinks=False)
        if identity(kept) != identity(there):
            detail = f"{self.directory.final(path)} was replaced meanwhile by something else"
            raise TargetError(Failure.EXISTS, detail)
        self._replace(place)
        return f"{parent}{slash}{backup}"
