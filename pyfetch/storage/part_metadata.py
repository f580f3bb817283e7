"""What is known of a part, and how it is kept on disk beside it."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pyfetch.http.validators import is_validator
from pyfetch.storage.filesystem import READ_FILE
from pyfetch.urls import masked_url

_LONGEST = 1024 * 1024
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class PartMetadata:
    """What the first answer said of a part's body: what it takes to continue it."""

    url: str
    """Identity of the target: the URL without credentials and fragment."""
    validator: str
    """What `If-Range` asks with."""
    answered_by: str
    """Identity of the URL that answered, after redirects: the validator holds for it alone."""
    total: int
    """Bytes of the whole body."""
    last_modified: str = ""
    """As the answer said it, for the file's modification time."""
    durable: int = 0
    """Bytes of the part that survive a loss of power."""
    boot: str = ""
    """Which boot of the system it was written in: in another one, only `durable` bytes count."""

    def __repr__(self) -> str:
        return f"PartMetadata({masked_url(self.url)!r}, total={self.total})"

    def to_bytes(self) -> bytes:
        """As JSON, always of the same length, so that it can be overwritten on a full disk."""
        return json.dumps(asdict(self) | {"durable": f"{self.durable:020}"}).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> PartMetadata:
        """What `to_bytes` gave. Raises `ValueError` for anything else."""
        try:
            fields = json.loads(text)
            metadata = cls(**(fields | {"durable": int(fields["durable"])}))
        except (TypeError, KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"no metadata of a part: {error}") from error
        texts = (
            metadata.url, metadata.validator, metadata.answered_by, metadata.last_modified,
            metadata.boot,
        )  # fmt: skip
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("no metadata of a part: a text is of another type")
        if type(metadata.total) is not int or metadata.durable < 0:
            raise ValueError("no metadata of a part: a number is none")
        if not is_validator(metadata.validator):
            raise ValueError("no metadata of a part: its validator is none")
        return metadata


@cache
def current_boot() -> str:
    """An identifier of this boot of the system; empty where the system has none."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""


def write_metadata(
    file: str | Path, metadata: PartMetadata, flags: int, directory: int | None = None
) -> None:
    """Write it to a file, opened with `flags` (`NEW_FILE` or `OLD_FILE`). Raises `OSError`.

    `directory`: descriptor of the directory of the file, None for a path of its own.
    """
    descriptor = os.open(file, flags, 0o666, dir_fd=directory)
    try:
        os.write(descriptor, metadata.to_bytes())
    finally:
        os.close(descriptor)


def read_metadata(file: str | Path, directory: int | None = None) -> PartMetadata:
    """Read it from a file. Raises `OSError`, or `ValueError` for what is no metadata."""
    descriptor = os.open(file, READ_FILE, dir_fd=directory)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
        return PartMetadata.from_bytes(stream.read(_LONGEST) or b"")
