"""What `--verify` says of a file."""

from enum import StrEnum
from typing import NamedTuple


class Condition(StrEnum):
    """What `--verify` finds of a file."""

    OK = "ok"
    """It is there as it was fetched, and as each checksum demands."""
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    """It is there, and neither the state nor a list of checksums knows of it."""

    @property
    def is_well(self) -> bool:
        """Whether it is no failure."""
        return self in (Condition.OK, Condition.UNKNOWN)


NO_CHECKSUM = "no checksum is known: only its size and time were compared"
"""The remark about a file of which more cannot be said, as with `--no-hash`."""


class VerifiedFile(NamedTuple):
    """What `--verify` says of one file. Its fields are the keys of a JSON Lines object."""

    path: str
    """Starts with the output directory."""
    status: Condition
    size: int | None = None
    """Bytes that are there; None: there is none, or it could not be read."""
    url: str | None = None
    """Whose file it is, if the state knows, with `***` for secrets."""
    sha256: str | None = None
    """Of what is there, in hexadecimal digits; None: it was not computed."""
    detail: str | None = None
    """What is not as it should be, as a sentence for people."""
