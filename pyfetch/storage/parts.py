"""The directory of parts: which parts there are, and what is known of each.

Parts are in `.pyfetch/parts` below the output directory, on the same file system as what they
become. `KEY.part` has the bytes; beside each that can be continued, `KEY.json` has its metadata.
"""

import contextlib
import hashlib
import json
import os
import threading
from functools import cache
from pathlib import Path

from pyfetch.headers import Fields
from pyfetch.http.response import ResponseHead
from pyfetch.http.validators import (
    Representation,
    is_etag,
    is_validator,
    kept_value,
    strong_validator,
)
from pyfetch.models import Target
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import (
    NAMELESS_FILE,
    READ_FILE,
    FreeSpace,
    errors_of,
    link_open_file,
)
from pyfetch.urls import masked_url
from pyfetch.value import Value

_LONGEST = 1024 * 1024
_SECOND = 1_000_000_000
_SURELY_KEPT = 400_000_000
"""Seconds since the epoch that every file system can keep: the times of FAT begin in 1980."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Parts:
    """The parts of an output directory. Most files need no part that outlives the attempt.

    For any thread. Parts that other processes of the run have made since are not in `there`: they
    are noticed when a part of the same name cannot be created.
    """

    def __init__(self, output_dir: Path | OutputDirectory, min_free: int = 0) -> None:
        if isinstance(output_dir, Path):
            output_dir = OutputDirectory(output_dir)
        self.directory = output_dir
        self.output_dir = output_dir.path
        self.min_free = min_free
        self.free_space = FreeSpace(output_dir.path, min_free)
        self.final = output_dir.final
        self._lock = threading.Lock()
        self._there: set[str] | None = None
        self._keeps_seconds = False
        """Whether the file system keeps times to the second, as far as is known."""
        self._may_be_nameless: bool | None = None
        """None: nobody has tried."""

    def there(self) -> set[str]:
        """The keys of parts that may be on disk. The directory is read at the first call."""
        if self._there is None:
            with self._lock, errors_of(self.output_dir, self.directory.check):
                if self._there is None:
                    names = os.listdir(self.directory.parts)  # noqa: PTH208 - no Path
                    self._there = {name.partition(".")[0] for name in names}
        return self._there

    def time_kept(self, descriptor: int, modified: float | None) -> int:
        """The modification time of an open file, in nanoseconds since the epoch.

        `modified`: what it was set to, in seconds since the epoch. File systems may round that (FAT
        keeps even seconds): it is looked up until an odd number was seen to be kept. Raises
        `OSError`.
        """
        if modified is None:
            return os.fstat(descriptor).st_mtime_ns
        wanted = int(modified) * _SECOND
        if self._keeps_seconds and modified >= _SURELY_KEPT and modified == int(modified):
            return wanted
        kept = os.fstat(descriptor).st_mtime_ns
        self._keeps_seconds = self._keeps_seconds or (modified % 2 == 1 and kept == wanted)
        return kept

    def may_be_nameless(self) -> bool:
        """Whether a part can be written without a name, and get one later.

        Nothing is left of such a part when its process is killed, and to make it and name it
        changes directories once in place of three times. Linux can do it, on most file systems.
        """
        if self._may_be_nameless is None:
            with self._lock, errors_of(self.output_dir, self.directory.check):
                self._may_be_nameless = _names_later(self.directory.parts)
        return self._may_be_nameless


def _names_later(parts: int) -> bool:
    if not hasattr(os, "O_TMPFILE"):
        return False
    name = f"{os.urandom(16).hex()}.part"  # `sweep` removes it if this process is killed here
    try:
        descriptor = os.open(".", NAMELESS_FILE, 0o600, dir_fd=parts)
        try:
            link_open_file(descriptor, name, parts)
            os.unlink(name, dir_fd=parts)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True


def part_key(path: str) -> str:
    """The name of a part, without suffix. `path` is that of the file that it becomes."""
    return hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:32]


class PartMetadata(Value):
    """What is needed to continue a part, from the first answer."""

    url: str
    """Identity of the target: the URL without credentials and fragment."""
    validator: str
    """The value for `If-Range`; empty if there is none, so that a demanded checksum decides."""
    answered_by: str
    """Identity of the URL that answered, after redirects: the validator holds for it alone."""
    total: int
    """Bytes of the whole body; 0 if that is not known."""
    last_modified: str = ""
    """The field of the answer, for the file's modification time."""
    durable: int = 0
    """Bytes of the part that are certainly on disk and would survive a power failure."""
    boot: str = ""
    """Boot of the system in which it was written: after another one, only `durable` bytes count."""
    etag: str | None = None
    """The field of the answer, strong or weak. This and the next ones: None if not known."""
    content_encoding: str | None = None
    media_type: str | None = None
    content_type: str | None = None
    """The whole field, for stores that keep it."""

    @property
    def representation(self) -> Representation:
        """What the first answer said about the content."""
        return Representation(self.etag, self.last_modified, self.content_encoding, self.media_type)

    def completed_by(self, headers: Fields) -> Representation:
        """What is known of the content after a 206 with these fields has brought the rest.

        A 206 need not repeat what the first answer has said (RFC 9110, section 15.3.7).
        """
        said = Representation.of(headers)
        strong = self.validator if is_etag(self.validator) else None
        return Representation(
            said.etag or self.etag or strong,
            said.last_modified or self.last_modified or None,
            said.content_encoding or self.content_encoding,
            said.media_type or self.media_type,
        )

    def __repr__(self) -> str:
        return f"PartMetadata({masked_url(self.url)!r}, total={self.total})"

    def to_bytes(self) -> bytes:
        """As JSON. The length does not change with `durable`, so it can be overwritten in place."""
        return json.dumps(self.as_dict() | {"durable": f"{self.durable:020}"}).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> "PartMetadata":
        """Read what `to_bytes` has returned. Raises `ValueError` for anything else."""
        try:
            fields = json.loads(text)
            metadata = cls(**(fields | {"durable": int(fields["durable"])}))
        except (TypeError, KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"no metadata of a part: {error}") from error
        texts = (
            metadata.url, metadata.validator, metadata.answered_by, metadata.last_modified,
            metadata.boot, metadata.content_type or "",
            *(text for text in metadata.representation if text is not None),
        )  # fmt: skip
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("no metadata of a part: a text is of another type")
        if type(metadata.total) is not int or metadata.durable < 0:
            raise ValueError("no metadata of a part: a number is none")
        if metadata.validator and not is_validator(metadata.validator):
            raise ValueError("no metadata of a part: its validator is none")
        return metadata


def metadata_of(target: Target, head: ResponseHead, total: int | None) -> PartMetadata | None:
    """What is needed to continue a part; None if its version could not be told from another.

    That takes a strong validator and the length of the whole, or a checksum that the list demands.
    `head` is the first answer, `total` the number of bytes of the whole.
    """
    validator = strong_validator(head.headers)
    if not (target.checksum or (validator and total)):
        return None
    said = Representation.of(head.headers)
    return PartMetadata(
        url=target.identity,
        validator=validator or "",
        answered_by=head.url.identity,
        total=total or 0,
        last_modified=said.last_modified or "",
        etag=said.etag,
        content_encoding=said.content_encoding,
        media_type=said.media_type,
        content_type=kept_value(head.headers.get("content-type")),
    )


@cache
def current_boot() -> str:
    """An identifier of this boot of the system; empty if the system has none."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""


def write_metadata(
    file: str | Path, metadata: PartMetadata, flags: int, directory: int | None = None
) -> None:
    """Write metadata to a file, opened with `flags` (`NEW_FILE` or `OLD_FILE`).

    `directory`: descriptor that `file` is relative to. Raises `OSError`.
    """
    descriptor = os.open(file, flags, 0o666, dir_fd=directory)
    try:
        os.write(descriptor, metadata.to_bytes())
    finally:
        os.close(descriptor)


def read_metadata(file: str | Path, directory: int | None = None) -> PartMetadata:
    """Read metadata from a file. Raises `OSError`, or `ValueError` if it is damaged."""
    descriptor = os.open(file, READ_FILE, dir_fd=directory)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
        return PartMetadata.from_bytes(stream.read(_LONGEST) or b"")
