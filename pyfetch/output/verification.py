"""What `--verify` has found, as a table, as TSV or as JSON Lines; and a bar while it looks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields
from typing import TYPE_CHECKING, Protocol, TextIO

from pyfetch.facts import Condition, VerifiedFile
from pyfetch.text import escaped
from pyfetch.units import format_size

if TYPE_CHECKING:  # loaded where there is a terminal
    from rich.text import Text

_KEYS = [field.name for field in fields(VerifiedFile)]
_STYLES = {
    Condition.OK: "green",
    Condition.CHANGED: "red",
    Condition.MISSING: "red",
    Condition.UNREADABLE: "red",
}


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


class Watched(Protocol):
    """How far the work has come; read from another thread."""

    @property
    def number(self) -> int: ...
    @property
    def total(self) -> int: ...

    done: int
    read: int


class VerificationScreen:
    """Rows for people, and a bar below them. `err` is `out` where both are one terminal."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        from pyfetch.output.screen.consoles import console_on

        self._rows = console_on(out)
        self._bar = self._rows if err is out else console_on(err)
        self._print: Callable[[Text], None] = self._print_plainly

    def show(self, found: VerifiedFile) -> None:
        from rich.text import Text

        size = "" if found.size is None else format_size(found.size)
        row = Text(f"{found.status:<10} ", _STYLES.get(found.status, ""))
        row.append(f"{size:>8} {escaped(found.path)}", "default")
        if found.detail:
            row.append(f": {escaped(found.detail)}", "default")
        self._print(row)

    def watching(self, watched: Watched) -> AbstractContextManager[object]:
        """Within, draw a bar that shows how far the work has come."""
        from pyfetch.output.screen.verification import VerificationBar

        bar = VerificationBar(self._bar, watched)
        if self._bar is self._rows:
            self._print = bar.print
        return bar

    def _print_plainly(self, row: Text) -> None:
        self._rows.print(row, no_wrap=True, crop=False, soft_wrap=True)


def summary_of(counts: Counter[Condition], size: int, seconds: float) -> str:
    """One sentence for the end."""
    parts = [f"{condition} {counts[condition]}" for condition in Condition if counts[condition]]
    return (
        f"verified {counts.total()} files, {format_size(size)} in {seconds:.1f} s:"
        f" {', '.join(parts) or 'there are none'}"
    )
