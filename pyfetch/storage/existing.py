"""What has the final name of a file already, and whether pyfetch may replace it."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

from pyfetch.facts import Known
from pyfetch.http.validators import is_as_recorded, is_placed_by_us
from pyfetch.models import Failure, TargetError
from pyfetch.storage.directory import OutputDirectory, Place
from pyfetch.storage.filesystem import READ_FILE, errors_of, identity


class Status(Protocol):
    """Size and time of something that is stored: of a file, its `os.stat_result`."""

    @property
    def st_size(self) -> int:
        """In bytes."""
        ...

    @property
    def st_mtime_ns(self) -> int:
        """Modification time, in nanoseconds since the epoch."""
        ...


class Found(NamedTuple):
    """What has a certain name."""

    status: Status | None = None
    """Status of the regular file, also if a symbolic link leads to it; None: there is none."""
    link: tuple[int, int] | None = None
    """Device and inode of the symbolic link that has the name; None: there is no link."""
    stored: str | None = None
    """What the store needs to know this version again; None: size and time are enough."""
    shown: str | None = None
    """What results call it; None: its path."""
    seen_before: bool = False
    """Whether this is what the run saw when it gave out the name: nobody has looked since."""


NOTHING = Found()
"""Nothing has the name."""
SEEN_FREE = Found(seen_before=True)
"""Nothing had the name when the run gave it out."""


def look(directory: OutputDirectory, path: str) -> Found:
    """Find out what is at a path below the output directory.

    Raises `TargetError` (`exists`) for a directory, a device, a socket or a FIFO, which are never
    replaced. A symbolic link may be replaced; the file that it leads to stays as it is.
    """
    try:  # in place of `with errors_of(final)`, as this is called for each URL
        place = directory.place(path)
        if place is None:
            return NOTHING
        with place:
            return _found(place, directory.final(path))
    except FileNotFoundError:
        return NOTHING
    except OSError as error:
        raise errors_of(directory.final(path)).translated(error) or error from error


def _found(place: Place, final: str) -> Found:
    status = os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        return Found(status)
    link = None
    if stat.S_ISLNK(status.st_mode):
        link = identity(status)
        try:
            status = os.stat(place.name, dir_fd=place.descriptor)
        except FileNotFoundError:
            return Found(None, link)
    if not stat.S_ISREG(status.st_mode):
        raise in_the_way(final, status)
    return Found(status, link)


def in_the_way(final: str, status: os.stat_result) -> TargetError:
    """The error for something that has a final name and is never replaced."""
    kind = "no regular file"
    if stat.S_ISDIR(status.st_mode):
        kind = "a directory"
    elif stat.S_ISLNK(status.st_mode):
        kind = "a link that was made meanwhile"
    return TargetError(Failure.EXISTS, f"{final} exists already and is {kind}")


def open_file(final: str) -> BinaryIO:
    """Open a file that `look` has found, to read it. A symbolic link is followed.

    Raises `OSError`, and `TargetError` for a FIFO or the like.
    """
    descriptor = os.open(final, READ_FILE & ~os.O_NOFOLLOW)
    stream = open(descriptor, "rb")  # noqa: SIM115, PTH123 - the caller closes it
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        stream.close()
        raise in_the_way(final, status)
    return stream


def is_ours(known: Known, status: Status, now: float) -> bool:
    """Whether pyfetch wrote this file and nobody has changed it since, as far as we know.

    `now`: seconds since the epoch.
    """
    size, modified_ns = status.st_size, status.st_mtime_ns
    if is_as_recorded(known, size, modified_ns) or is_placed_by_us(known, modified_ns, now):
        return True
    left = known.left  # also by another task than that of this run
    return left is not None and left.is_file(size, modified_ns)


def is_as_its_task_left_it(known: Known, found: Found) -> bool:
    """Whether the task of this run has changed or removed the file, and nobody since."""
    left, status = known.left, found.status
    if left is None or not left.stands_for_fetched:
        return False
    if status is None:
        return left.is_file(None, None) and not found.link
    return left.is_file(status.st_size, status.st_mtime_ns)


@contextlib.contextmanager
def opened(name: str, directory: int, status: os.stat_result) -> Iterator[BinaryIO]:
    """Open a file to read it. Raises `OSError` if it is not the one with this status."""
    # A symbolic link is followed, and the status shows whether it leads to the right file.
    descriptor = os.open(name, READ_FILE & ~os.O_NOFOLLOW, dir_fd=directory)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
        if identity(os.fstat(descriptor)) != identity(status):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), name)
        yield stream


def name_is_taken(place: Place, name: str) -> bool:
    """Whether anything has this name in the directory of a place."""
    try:
        os.stat(name, dir_fd=place.descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
