"""Lines at the bottom of a terminal that are drawn anew at a fixed interval, by a thread."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import Self

from rich.console import Console
from rich.text import Text

from pyfetch.output.screen.painter import Painter
from pyfetch.system import daemon

TICK = 0.125
"""Seconds between two frames."""


class LiveLines(ABC):
    """Draws its lines while it is entered. `say` and `print` are for any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._painter = Painter(console)
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
        with contextlib.suppress(OSError):  # the terminal is gone, and its lines with it
            self._painter.clear(self._above(), self._last_unseen())

    def say(self, line: str) -> None:
        """Print a line above the others, with the next frame."""
        self.print(Text(line))

    def print(self, row: Text) -> None:
        """Print a row above the lines, with the next frame."""
        self._said.append(row)

    @abstractmethod
    def _lines(self) -> list[Text]:
        """The lines to draw now, each of which is one row of the screen."""

    def _rows(self) -> list[Text]:
        """What is to be printed above them, beside what was said."""
        return []

    def _unseen(self) -> str:
        """Control sequences to send with this frame."""
        return ""

    def _last_unseen(self) -> str:
        """Control sequences to send at the end."""
        return ""

    def _tick(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.wait(TICK):
                self._draw()

    def _draw(self) -> None:
        lines = self._lines()
        self._painter.paint(self._above(), lines, self._unseen())

    def _above(self) -> list[Text]:
        above = self._rows()
        while self._said:
            above.append(self._said.popleft())
        return above
