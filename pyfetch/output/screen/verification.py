"""`--verify` on a terminal: rows of a table, and below them a bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TextIO

from rich.console import Console
from rich.text import Text

from pyfetch.output.screen.bars import BarStyle, bar
from pyfetch.output.screen.consoles import console_on
from pyfetch.output.screen.live import LiveLines
from pyfetch.text import escaped
from pyfetch.units import format_size
from pyfetch.verified import Condition, VerifiedFile

_STYLES = {
    Condition.OK: "green",
    Condition.CHANGED: "red",
    Condition.MISSING: "red",
    Condition.UNREADABLE: "red",
}
_LEAST = 5
_SPARE = 4
"""Cells at the end of the line that stay free."""


class Watched(Protocol):
    """How far the work has come; read from another thread."""

    @property
    def number(self) -> int: ...
    @property
    def total(self) -> int: ...

    done: int
    read: int


class VerificationBar(LiveLines):
    """Draws one line while it is entered."""

    def __init__(self, console: Console, watched: Watched) -> None:
        super().__init__(console)
        self._watched = watched

    def _lines(self) -> list[Text]:
        watched, (columns, rows) = self._watched, self._console.size
        look = BarStyle(columns, rows, self._console.options.ascii_only)
        part = min(1.0, watched.read / watched.total) if watched.total else 0.0
        figures = f"{watched.done}/{watched.number} files, {format_size(watched.read)}"
        width = max(_LEAST, columns - len(figures) - _SPARE)
        return [bar(part, width, look).append(f" {figures}")]


class RoomForOthers:
    """Takes the bar away before each row that another program is about to show in its place."""

    def __init__(self, bar: LiveLines) -> None:
        self._bar = bar

    def show(self, found: VerifiedFile) -> None:  # noqa: ARG002 - whatever it is
        self._bar.make_room()


class VerificationScreen:
    """Rows for people, and a bar below them. `err` is `out` where both are one terminal."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._rows = console_on(out)
        self._bar = self._rows if err is out else console_on(err)
        self._print: Callable[[Text], None] = self._print_plainly

    def show(self, found: VerifiedFile) -> None:
        size = "" if found.size is None else format_size(found.size)
        row = Text(f"{found.status:<10} ", _STYLES.get(found.status, ""))
        row.append(f"{size:>8} {escaped(found.path)}", "default")
        if found.detail:
            row.append(f": {escaped(found.detail)}", "default")
        self._print(row)

    def watching(self, watched: Watched) -> VerificationBar:
        """Within, draw a bar that shows how far the work has come."""
        bar = VerificationBar(self._bar, watched)
        if self._bar is self._rows:
            self._print = bar.print
        return bar

    def _print_plainly(self, row: Text) -> None:
        self._rows.print(row, no_wrap=True, crop=False, soft_wrap=True)
