"""Bars for the running transfers and for the whole run, redrawn at a fixed interval."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from pyfetch.output.cells import fitted, shown_url
from pyfetch.output.summary import Summary
from pyfetch.system import daemon
from pyfetch.transfer import Transfer
from pyfetch.units import format_seconds, format_size

TICK = 0.125
"""Seconds between two frames."""
_RATE_OVER = 5.0
_BAR = 20
_FEW = 8
_FIGURES = 19


class RunProgress(Protocol):
    """What the bars show of a run."""

    @property
    def in_flight(self) -> list[Transfer]: ...
    @property
    def read(self) -> int: ...
    @property
    def input_ended(self) -> bool: ...


class Progress:
    """Draws the bars while it is entered. `before_frame` is called before each redraw."""

    def __init__(
        self,
        console: Console,
        watched: RunProgress,
        summary: Summary,
        fraction_read: Callable[[], float | None],
        before_frame: Callable[[], None] = lambda: None,
    ) -> None:
        self._console = console
        self._watched = watched
        self._summary = summary
        self._fraction_read = fraction_read
        self._before_frame = before_frame
        self._began = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._ended = threading.Event()
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            get_renderable=self._frame,
        )
        self._ticker = daemon(self._tick, "progress")

    def __enter__(self) -> Self:
        self._live.start()
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._ticker.join()
        with contextlib.suppress(OSError):  # the terminal is gone, and its bars with it
            self._before_frame()
            self._live.stop()

    def _tick(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.wait(TICK):
                self._before_frame()
                self._live.refresh()

    def _frame(self) -> RenderableType:
        transfers = sorted(self._watched.in_flight, key=lambda t: t.target.index)
        # The line for the whole, one for those not shown, and one kept free for rows, or as
        # much as half of a screen that is higher than a few lines.
        height = self._console.height
        room = max(0, min(height - 3, max(_FEW, height // 2)))
        lines: list[RenderableType] = [self._bars(transfers[:room])] if room else []
        if len(transfers) > room:
            hidden = len(transfers) - room
            lines.append(Text(f"{'and ' if room else ''}{hidden} more in flight", style="dim"))
        return Group(*lines, self._whole(transfers))

    def _bars(self, transfers: list[Transfer]) -> RenderableType:
        bar_width = min(_BAR, self._console.width // 4)
        name = max(8, self._console.width - 1 - bar_width - _FIGURES - 2)
        widths = (name, bar_width, _FIGURES)
        grid = Table.grid(*(Column(width=width) for width in widths), padding=(0, 1, 0, 0))
        for transfer in transfers:
            received, size = transfer.received, transfer.size
            figures = format_size(received)
            if size is not None:
                figures += f"/{format_size(size)}"
            elif not received:
                figures = "waiting"
            bar = ProgressBar(total=size or 1, completed=received if size else 0, width=bar_width)
            label = Text(fitted(shown_url(str(transfer.target.url)), name), no_wrap=True)
            grid.add_row(label, bar, Text(figures, no_wrap=True))
        return grid

    def _whole(self, transfers: list[Transfer]) -> RenderableType:
        now = time.monotonic()
        total, known = self._total()
        done = self._summary.shown
        rate = self._rate(now, self._summary.size + sum(t.received - t.resumed for t in transfers))
        parts = [f"{done}/{'' if known else '~'}{total}" if total else str(done)]
        if self._summary.failed:
            parts.append(f"{self._summary.failed} failed")
        parts.append(f"{format_size(rate)}/s")
        elapsed = now - self._began
        if total and 0 < done < total and elapsed > 1:
            parts.append(f"{format_seconds((total - done) * elapsed / done)} left")
        else:
            parts.append(format_seconds(elapsed))
        figures = Text(", ".join(parts), no_wrap=True, style="bold")
        # Cells are left free for the ^C that a terminal writes where its cursor stands: if
        # it wrapped, the bars could not be found again to be taken away.
        width = max(5, self._console.width - 4 - figures.cell_len)
        grid = Table.grid(Column(width=width), Column(no_wrap=True), padding=(0, 1, 0, 0))
        grid.add_row(
            ProgressBar(total=total or 1, completed=done if total else 0, width=width), figures
        )
        return grid

    def _total(self) -> tuple[int, bool]:
        """How many entries there are, 0 if nobody knows; and whether that is exact."""
        read = self._watched.read
        if self._watched.input_ended:
            return read, True
        fraction = self._fraction_read()
        return (max(read, round(read / fraction)), False) if fraction and read else (0, False)

    def _rate(self, now: float, received: int) -> float:
        """Bytes a second over the last few seconds."""
        self._samples.append((now, received))
        while self._samples[0][0] < now - _RATE_OVER and len(self._samples) > 2:
            self._samples.popleft()
        then, before = self._samples[0]
        return max(0, received - before) / (now - then) if now > then else 0.0
