"""What is remembered on this machine of uploads in parts that are not complete."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.parts import part_key

_DIRECTORY = "uploads"
_NEW = ".new"
_TRIES = 100
"""How often a directory is made anew that others remove, who have ended the last upload in it."""


class UploadRecord(NamedTuple):
    """An upload, as a file remembers it: written before the server is asked to begin it."""

    path: str
    key: str
    upload: str
    """Its identifier; empty: the server may have begun it, but nobody has seen the answer."""
    part_size: int
    attributes: dict[str, str]
    others: list[str] | None = None
    """Identifiers of the uploads of this key that were there before it; None: the server did not
    say."""
    is_sole: bool = True
    """Whether nobody has asked to begin another one since, and seen no answer."""

    @property
    def has_unknown(self) -> bool:
        """Whether the server may have begun an upload whose identifier is not known."""
        return not (self.upload and self.is_sole)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """None for what makes no sense."""
        try:
            record = cls(**json.loads(data))
        except (ValueError, TypeError, RecursionError):
            return None
        texts = record.path, record.key, record.upload, *(record.others or ())
        is_right = (
            all(isinstance(text, str) for text in texts)
            and isinstance(record.part_size, int)
            and isinstance(record.attributes, dict)
        )
        return record if is_right else None


class UploadRecords:
    """Files below `.pyfetch/uploads`: one for each upload that is not complete. For any thread."""

    def __init__(self, home: Path) -> None:
        self._directory = home / OWN_DIRECTORY / _DIRECTORY

    def _file(self, path: str) -> Path:
        return self._directory / f"{part_key(path)}.json"

    def of(self, path: str) -> UploadRecord | None:
        """The upload to this path, if there is one."""
        try:
            return UploadRecord.from_bytes(self._file(path).read_bytes())
        except OSError:
            return None

    def all(self) -> Iterator[UploadRecord]:
        """Those of all paths."""
        for file in sorted(self._directory.glob("*.json")):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                record = UploadRecord.from_bytes(file.read_bytes())
                if record:
                    yield record

    def write(self, record: UploadRecord) -> None:
        """Remember an upload. Raises `OSError`."""
        file = self._file(record.path)
        new = file.with_suffix(_NEW)
        for tries_left in reversed(range(_TRIES)):
            try:
                self._directory.mkdir(mode=0o700, exist_ok=True)
                new.write_text(json.dumps(record._asdict()))
            except (FileExistsError, FileNotFoundError):
                if not tries_left:
                    raise
            else:
                break
        new.replace(file)

    def forget(self, path: str) -> None:
        """There is no such upload any more."""
        file = self._file(path)
        for one in (file, file.with_suffix(_NEW)):  # a killed process leaves the second one
            with contextlib.suppress(OSError):
                one.unlink()
        with contextlib.suppress(OSError):
            self._directory.rmdir()  # if that was the last one
