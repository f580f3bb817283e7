"""The bars: looks at a run at a fixed interval, and draws what it does below what is printed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.text import Text

from pyfetch.activity import IDLE
from pyfetch.output import terminals
from pyfetch.output.bars import Look, transfer_lines, waiting_lines, whole_line
from pyfetch.output.counts import Counts, RunCounts, RunProgress
from pyfetch.output.estimate import Estimator
from pyfetch.output.painter import Painter
from pyfetch.system import daemon
from pyfetch.transfer import Transfer

TICK = 0.125
"""Seconds between two frames."""
_ACTIVITY_EVERY = 2
"""Frames between two looks at who waits: they take the lock of the run."""
_FEW = 8


class Progress:
    """Draws the bars while it is entered. `rows` returns what is to be printed above them."""

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
        self._console = console
        self._painter = Painter(console)
        self._watched = watched
        self._counts = counts
        self._rows = rows
        self._in_terminal = in_terminal
        self._percent_shown = ""
        self._estimator = Estimator(counts.began)
        self._activity = IDLE
        self._frames = 0
        self._said: deque[Text] = deque()
        self._ended = threading.Event()
        self._ticker = daemon(self._tick, "progress")

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self._draw()
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._ticker.join()
        with contextlib.suppress(OSError):  # the terminal is gone, and its bars with it
            self._painter.clear(self._above(), terminals.NO_PROGRESS if self._in_terminal else "")

    def say(self, line: str) -> None:
        """Print a line above the bars, with the next frame; for any thread."""
        self._said.append(Text(line))

    def _tick(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.wait(TICK):
                self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        running = sorted(self._watched.in_flight, key=lambda t: t.target.index)
        if self._frames % _ACTIVITY_EVERY == 0:
            self._activity = self._watched.activity()
        self._frames += 1
        counts = self._counts.now(now)
        self._estimator.observe(now, self._activity.received, counts.finished, running)
        above = self._above()
        self._painter.paint(above, self._lines(running, counts), self._progress_of(counts))

    def _above(self) -> list[Text]:
        above = self._rows()
        while self._said:
            above.append(self._said.popleft())
        return above

    def _lines(self, running: list[Transfer], counts: Counts) -> list[Text]:
        width, height = self._console.size
        look = Look(width, height, self._console.options.ascii_only)
        waits = waiting_lines(self._activity, look) if height > _FEW else []
        # The line for the whole, one for those not shown, and one kept free for rows, or as
        # much as half of a screen that is higher than a few lines.
        room = max(0, min(height - 3 - len(waits), max(_FEW, height // 2)))
        lines = transfer_lines(running[:room], self._estimator, look)
        if len(running) > room:
            hidden = len(running) - room
            lines.append(Text(f"{'and ' if room else ''}{hidden} more in flight", style="dim"))
        return [*lines, *waits, whole_line(counts, self._estimator, look)]

    def _progress_of(self, counts: Counts) -> str:
        """What tells the terminal how far the run is, if that has changed."""
        if not self._in_terminal:
            return ""
        fraction = self._estimator.fraction(counts.total)
        told = terminals.progress(100 * fraction if counts.total else None)
        if told == self._percent_shown:
            return ""
        self._percent_shown = told
        return told
