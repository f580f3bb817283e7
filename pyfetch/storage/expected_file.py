"""What a file should be, by the state and by lists of checksums, and how it differs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pyfetch.checksum import Checksum
from pyfetch.storage.existing import Status
from pyfetch.verified import NO_CHECKSUM


class ExpectedFile(NamedTuple):
    """What is known of one file."""

    path: str
    """Below the output directory."""
    url: str | None
    size: int | None
    """In bytes; None: the state does not know the file."""
    modified_ns: int | None
    sha256: str | None
    demanded: tuple[Checksum, ...]
    """Checksums from lists."""
    left_by_task: bool = False
    """Whether size and time are those that a task (`--exec`, `--map`) has left."""
    stored: str | None = None
    """What its store knows it by."""

    @property
    def is_known(self) -> bool:
        return self.size is not None or bool(self.demanded)

    @property
    def event(self) -> str:
        """Since when it is to be unchanged, as a clause."""
        return "its task had changed it" if self.left_by_task else "it was fetched"

    def fault(self, there: Status, digests: Mapping[str, str]) -> str | None:
        """How the content is not as it should be, as a sentence; None if it is."""
        if not (self.sha256 or self.demanded) and there.st_mtime_ns != self.modified_ns:
            return f"it was modified after {self.event}, and no checksum of it is known"
        if self.sha256 and digests["sha256"] != self.sha256:
            return f"its content is not what was fetched (that had the sha256 {self.sha256})"
        for checksum in self.demanded:
            if digests[checksum.algorithm] != checksum.digest:
                found = digests[checksum.algorithm]
                return f"the {checksum.algorithm} is {found}, not {checksum.digest}"
        return None

    def remark(self, there: Status) -> str | None:
        """A remark about a file without a fault, as a sentence; None if there is nothing to say."""
        if self.left_by_task and not self.demanded:
            return "its task has changed it: only its size and time were compared"
        if self.modified_ns not in (None, there.st_mtime_ns):
            return "its content is as it was fetched, though its modification time is not"
        if not self.sha256 and not self.demanded:
            return NO_CHECKSUM
        return None
