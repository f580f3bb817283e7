"""The bars: looks at a run at a fixed interval, and draws what it does below what is printed."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from pyfetch.activity import IDLE
from pyfetch.output import terminals
from pyfetch.output.run_progress import Counts, Estimator, RunCounts, RunProgress
from pyfetch.output.screen.bars import BarStyle, transfer_lines, waiting_lines, whole_line
from pyfetch.output.screen.live import LiveLines
from pyfetch.transfer import Transfer

_ACTIVITY_EVERY = 2
"""Frames between two looks at who waits: they take the lock of the run."""
_FEW = 8


class RunBars(LiveLines):
    """The bars of a run. `rows` returns what is to be printed above them."""

    def __init__(
        self,
        console: Console,
        watched: RunProgress,
        counts: RunCounts,
        rows: Callable[[], list[Text]],
        *,
        in_terminal: bool = False,
    ) -> None:
        """`in_terminal`: whether the terminal's own progress is set, too (OSC 9;4)."""
        super().__init__(console)
        self._watched = watched
        self._counts = counts
        self._take_rows = rows
        self._in_terminal = in_terminal
        self._percent_shown = ""
        self._percent = ""
        self._estimator = Estimator(counts.began)
        self._activity = IDLE
        self._frames = 0

    def _rows(self) -> list[Text]:
        return self._take_rows()

    def _lines(self) -> list[Text]:
        now = time.monotonic()
        running = sorted(self._watched.in_flight, key=lambda t: t.target.index)
        if self._frames % _ACTIVITY_EVERY == 0:
            self._activity = self._watched.activity()
        self._frames += 1
        counts = self._counts.now(now)
        self._estimator.observe(now, self._activity.received, counts.finished, running)
        if self._in_terminal:
            fraction = self._estimator.fraction(counts.total)
            self._percent = terminals.progress_sequence(100 * fraction if counts.total else None)
        return self._fitted(running, counts)

    def _fitted(self, running: list[Transfer], counts: Counts) -> list[Text]:
        """As many lines as leave room for rows."""
        width, height = self._console.size
        look = BarStyle(width, height, self._console.options.ascii_only)
        waits = waiting_lines(self._activity, look) if height > _FEW else []
        # The line for the whole, one for those not shown, and one kept free for rows, or as
        # much as half of a screen that is higher than a few lines.
        room = max(0, min(height - 3 - len(waits), max(_FEW, height // 2)))
        lines = transfer_lines(running[:room], self._estimator, look)
        if len(running) > room:
            hidden = len(running) - room
            lines.append(Text(f"{'and ' if room else ''}{hidden} more in flight", style="dim"))
        return [*lines, *waits, whole_line(counts, self._estimator, look)]

    def _unseen(self) -> str:
        """What tells the terminal how far the run is, if that has changed."""
        if self._percent == self._percent_shown:
            return ""
        self._percent_shown = self._percent
        return self._percent

    def _last_unseen(self) -> str:
        return terminals.NO_PROGRESS if self._in_terminal else ""
