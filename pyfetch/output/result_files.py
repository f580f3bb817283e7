"""Files that a run writes about its results: checksums, and the lines of the list that failed."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from pyfetch.errors import StoppedError, UsageError
from pyfetch.models import Result

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NAME_SHOWN = 50
"""Characters of a name that the name of its temporary file repeats."""


class AtomicFile:
    """A file that gets its name when it is whole, by `commit`.

    Until then an older one of that name stays, so it may be the run's own input; without
    `commit` it stays for good. What is no regular file (`/dev/stderr`, a FIFO) is written
    as it is. One that is replaced keeps its mode; a new one that is `private` is for its
    owner only. Raises `UsageError` where it cannot be made, `StoppedError` where it cannot
    be written.
    """

    def __init__(self, path: str, *, private: bool = False) -> None:
        final = Path(path)
        try:
            self._direct = final.exists() and not final.is_file()
            self.final = final.resolve()
            """What is replaced: if `path` is a link, that stays."""
            self._file = final
            if not self._direct:
                name = f".{self.final.name[:_NAME_SHOWN]}.{secrets.token_hex(8)}.tmp"
                self._file = self.final.with_name(name)
            self._stream = self._opened(private=private)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error

    def _opened(self, *, private: bool) -> BinaryIO:
        if self._direct:
            # Neither made nor emptied, if it has become a regular file meanwhile.
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CLOEXEC)
            return open(descriptor, "wb")  # noqa: PTH123 - a descriptor has no path
        descriptor = os.open(self._file, _NEW_FILE, 0o600 if private else 0o666)
        stream = open(descriptor, "wb")  # noqa: SIM115, PTH123
        with contextlib.suppress(FileNotFoundError):
            os.fchmod(stream.fileno(), stat.S_IMODE(self.final.stat().st_mode))
        return stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()
        if not self._direct:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def write(self, line: bytes) -> None:
        """Write one line, without its end."""
        with self._errors():
            self._stream.write(line + b"\n")
            if self._direct:
                self._stream.flush()

    def commit(self) -> None:
        """Let what was written take its name."""
        with self._errors():
            self._stream.close()
            if not self._direct:
                self._see_what_it_replaces()
                self._file.replace(self.final)

    def _see_what_it_replaces(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(self.final.lstat().st_mode):
                raise StoppedError(
                    f"cannot write {self.final}: what is there now is no regular file"
                )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoppedError(f"cannot write {self.final}: {error.strerror}") from error


class Checksums:
    """A line for each file whose sha256 is known, as `sha256sum -c` reads it."""

    def __init__(self, file: AtomicFile) -> None:
        self._file = file

    def show(self, result: Result) -> None:
        if result.sha256 and result.file:
            name = os.fsencode(result.file)
            mark = b""
            if set(name) & set(b"\\\n\r"):
                mark = b"\\"
                for plain, escape in ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r")):
                    name = name.replace(plain, escape)
            self._file.write(mark + result.sha256.encode() + b"  " + name)


class Lines(Protocol):
    """The lines of a list, kept until they are asked for."""

    def line_of(self, index: int) -> bytes:
        """Return the line of an entry, without its end, once."""
        ...

    def before_lines(self, first: bytes, name: str) -> bytes:
        """Return what must stand before the first line in a file of this name."""
        ...


class FailedLines:
    """The records of the list that failed, as lines that can be the list of the next run."""

    def __init__(self, file: AtomicFile, lines: Lines) -> None:
        self._file = file
        self._lines = lines
        self._has_begun = False

    def show(self, result: Result) -> None:
        line = self._lines.line_of(result.index)  # also where it is not needed, to free it
        if not result.failed:
            return
        if not self._has_begun:
            self._has_begun = True
            line = self._lines.before_lines(line, self._file.final.name) + line
        self._file.write(line)
