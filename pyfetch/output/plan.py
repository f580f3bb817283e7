"""What a dry run says of an entry, and that as TSV or as JSON Lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol, TextIO

from pyfetch.models import Failure
from pyfetch.text import escaped


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
    PRUNE = "prune"
    """Move the file away: the list does not name it any more."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do about one entry, or about one file that is to be pruned.

    Its fields are the keys of a JSON Lines object.
    """

    index: int | None
    """Place in the input, from 1; None for a file that the list does not name."""
    url: str
    """As the list gives it, or the state has it, with `***` for user and password."""
    action: Action
    path: str | None = None
    """The file, as a path that starts with the output directory."""
    instead_of: str | None = None
    """The path that it would have if another URL did not own that."""
    error: Failure | None = None
    detail: str | None = None
    """Why it would fail, as a sentence for people."""


_KEYS = [field.name for field in fields(Planned)]


class PlanSink(Protocol):
    """Shows a plan, entry by entry."""

    def show(self, planned: Planned) -> None:
        """Show what is planned for the next entry."""
        ...


class PlanTsv:
    """TSV: `action`, `url`, `path`, `instead_of`, `error`, `detail`; `-` for a missing value."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, planned: Planned) -> None:
        values = (
            planned.action, planned.url, planned.path, planned.instead_of, planned.error,
            planned.detail,
        )  # fmt: skip
        line = "\t".join("-" if not value else escaped(value) for value in values)
        self._out.write(line + "\n")


class PlanJsonLines:
    """JSON Lines: an object for each entry, always with all keys of `Planned`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, planned: Planned) -> None:
        self._out.write(json.dumps({key: getattr(planned, key) for key in _KEYS}) + "\n")
