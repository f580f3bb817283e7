"""What is known of a half-fetched file, and how that is kept on disk beside it."""

from __future__ import annotations

import contextlib
import json
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pyfetch.http.validators import Representation, is_validator

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
OLD = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW

_LONGEST = 1024 * 1024
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Note(NamedTuple):
    """What is known of a part."""

    url: str
    """Without credentials and fragment."""
    validator: str
    """What `If-Range` asks with; empty where there is none, and a demanded checksum decides."""
    answered_by: str
    """The URL that it came from, after redirects: it speaks of nothing else."""
    total: int
    """Bytes of the whole; 0 where that is not known."""
    last_modified: str = ""
    """As the answer said it, for the file's time."""
    durable: int = 0
    """Bytes of the part that survive a loss of power."""
    boot: str = ""
    """The system's run in which it was written: in another one, only `durable` bytes count."""
    etag: str | None = None
    """As the answer said it, strong or not. This and what follows: None if it is not known."""
    content_encoding: str | None = None
    media_type: str | None = None

    @property
    def representation(self) -> Representation:
        """What the answer said of the content."""
        return Representation(self.etag, self.last_modified, self.content_encoding, self.media_type)

    def to_bytes(self) -> bytes:
        # Always of the same length, so that it can be written over on a full disk.
        fields = self._asdict() | {"durable": f"{self.durable:020}"}
        return json.dumps(fields).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> Note:
        """Raises `ValueError` for what is no note."""
        try:
            fields = json.loads(text)
            note = cls(**(fields | {"durable": int(fields["durable"])}))
        except (TypeError, KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"no note: {error}") from error
        texts = (note.url, note.validator, note.answered_by, note.last_modified, note.boot)
        known = (text for text in note.representation if text is not None)
        if not (isinstance(note.total, int) and all(isinstance(t, str) for t in (*texts, *known))):
            raise ValueError("no note: of other types")
        if note.validator and not is_validator(note.validator):
            raise ValueError("no note: its validator is none")
        return note


class Version(NamedTuple):
    """Where a body comes from, and in which version: what it takes to continue it."""

    validator: str
    answered_by: str
    last_modified: str
    etag: str | None
    content_encoding: str | None
    media_type: str | None


@cache
def current_boot() -> str:
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""


def write_note(file: str | Path, note: Note, flags: int) -> None:
    """Write a note to a file that is `NEW` or `OLD`. Raises `OSError`."""
    descriptor = os.open(file, flags, 0o666)
    try:
        os.write(descriptor, note.to_bytes())
    finally:
        os.close(descriptor)


def read_note(file: str | Path) -> Note:
    """The note in a file. Raises `OSError`, or `ValueError` for what is no note."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(descriptor, "rb") as stream:  # noqa: PTH123, a descriptor has no path
        return Note.from_bytes(stream.read(_LONGEST) or b"")
