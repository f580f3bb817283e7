"""What `--verify` has found, as TSV, as JSON Lines, as lines of failures, and as a sum."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TextIO

from pyfetch.text import escaped
from pyfetch.units import format_size
from pyfetch.verified import NO_CHECKSUM, Condition, VerifiedFile

_KEYS = VerifiedFile._fields


class VerificationSink(Protocol):
    """Shows what was found, file by file."""

    def show(self, found: VerifiedFile) -> None:
        """Show the next file. Raises `OSError` where it cannot be written."""
        ...


class VerifiedCounts:
    """Counts what was found."""

    def __init__(self) -> None:
        self.by_condition: Counter[Condition] = Counter()
        self.without_checksum = 0
        """Files that are as they should be, as far as size and time tell."""

    def show(self, found: VerifiedFile) -> None:
        self.by_condition[found.status] += 1
        self.without_checksum += found.detail == NO_CHECKSUM

    @property
    def failed(self) -> bool:
        """Whether any file is not as it should be."""
        return any(not condition.is_well for condition in self.by_condition)

    def sentence(self, size: int, seconds: float) -> str:
        """One sentence for the end. `size`: bytes that were read."""
        counts = self.by_condition
        parts = [f"{condition} {counts[condition]}" for condition in Condition if counts[condition]]
        unsure = self.without_checksum
        of_them = f" ({unsure} by size and time alone: no checksum is known)" if unsure else ""
        return (
            f"verified {counts.total()} files, {format_size(size)} in {seconds:.1f} s:"
            f" {', '.join(parts) or 'there are none'}{of_them}"
        )


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
