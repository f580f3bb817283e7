"""What `--verify` has found, as TSV, as JSON Lines, as lines of failures, and as a sum."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TextIO

from pyfetch.text import escaped
from pyfetch.units import format_size
from pyfetch.verified import Condition, VerifiedFile

_KEYS = VerifiedFile._fields


class VerificationSink(Protocol):
    """Shows what was found, file by file."""

    def show(self, found: VerifiedFile) -> None:
        """Show the next file. Raises `OSError` where it cannot be written."""
        ...


class VerifiedTsv:
    """TSV: `status`, `size`, `url`, `path`, `detail`; `-` for a missing value."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, found: VerifiedFile) -> None:
        values = (found.status, found.size, found.url, found.path, found.detail)
        self._out.write("\t".join("-" if v is None else escaped(str(v)) for v in values) + "\n")


class VerifiedJsonLines:
    """JSON Lines: an object for each file, always with all keys of `VerifiedFile`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, found: VerifiedFile) -> None:
        self._out.write(json.dumps({key: getattr(found, key) for key in _KEYS}) + "\n")


class VerifiedFailures:
    """A line for each file that is not as it should be, and nothing else."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def show(self, found: VerifiedFile) -> None:
        if not found.status.is_well:
            self._say(
                f"{found.status} {found.path}" + (f": {found.detail}" if found.detail else "")
            )


def summary_of(counts: Counter[Condition], size: int, seconds: float) -> str:
    """One sentence for the end."""
    parts = [f"{condition} {counts[condition]}" for condition in Condition if counts[condition]]
    return (
        f"verified {counts.total()} files, {format_size(size)} in {seconds:.1f} s:"
        f" {', '.join(parts) or 'there are none'}"
    )
