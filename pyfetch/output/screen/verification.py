"""A bar that shows how far `--verify` has come."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from pyfetch.output.screen.bars import BarStyle, bar
from pyfetch.output.screen.live import LiveLines
from pyfetch.output.verification import Watched
from pyfetch.units import format_size

_LEAST = 5
_SPARE = 4
"""Cells at the end of the line that stay free."""


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
