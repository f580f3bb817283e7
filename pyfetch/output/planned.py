"""What a dry run says of an entry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pyfetch.models import Failure


class Action(StrEnum):
    """What a run would do about a target."""

    FETCH = "fetch"
    REFRESH = "refresh"
    """Ask whether the file has changed."""
    REPLACE = "replace"
    BACK_UP = "backup"
    """Fetch it, and keep the file that is there as a backup, unless it is the same."""
    CHECK = "check"
    """Compare the file with its checksum, and fetch it if that differs."""
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do about one entry. Its fields are the keys of a JSON Lines object."""

    index: int
    """Place in the input, from 1."""
    url: str
    """As the list gives it, with `***` for user and password."""
    action: Action
    path: str | None = None
    """The file, as a path that starts with the output directory."""
    instead_of: str | None = None
    """The path that it would have if another URL did not own that."""
    error: Failure | None = None
    detail: str | None = None
    """Why it would fail, as a sentence for people."""
