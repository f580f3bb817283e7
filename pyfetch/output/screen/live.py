"""Lines at the bottom of a terminal that are drawn anew at a fixed interval, and text above them.

The cursor waits at the first cell of the lines, not behind them. So nothing has to be known of how
a terminal wraps what is there already when its window gets narrower: whatever it has made of the
last frame is below the cursor, and goes with it.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.text import Text

from pyfetch.system import daemon

TICK = 0.125
"""Seconds between two frames."""
_ROOM_FOR = 0.1
"""Seconds that others have for a line in the place of the lines."""
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_LINE, _ERASE_BELOW = "\x1b[2K", "\x1b[J"

LAST_WORDS = f"\r{_WRAP}{_ERASE_BELOW}{_SHOW_CURSOR}".encode()
"""What takes the lines away and gives the cursor back, without a look at anything."""


class Painter:
    """Draws on the terminal of a console; for any thread. Raises `OSError` where it is gone."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._is_drawn = False
        """Whether there are lines below the cursor."""

    def paint(self, above: Sequence[Text], lines: Sequence[Text], unseen: str = "") -> None:
        """Print texts above the lines, which stay, and draw the lines anew.

        Each of `lines` is one row of the screen. `unseen`: control sequences that print nothing.
        """
        with self._lock:
            begin = "" if self._is_drawn else _HIDE_CURSOR
            printed = f"\r{_ERASE_BELOW}{self._encoded(above)}\n" if above else "\r"
            drawn = "\n".join(f"{_ERASE_LINE}{line}" for line in self._encoded(lines).split("\n"))
            up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
            self._is_drawn = True
            self._write(f"{begin}{printed}{_NO_WRAP}{drawn}{_WRAP}{_ERASE_BELOW}\r{up}{unseen}")

    def clear(self, above: Sequence[Text], unseen: str = "") -> None:
        """Take the lines away, and leave these texts in their place."""
        with self._lock:
            printed = f"{self._encoded(above)}\n" if above else ""
            end = f"\r{_ERASE_BELOW}{_SHOW_CURSOR}" if self._is_drawn else ""
            self._is_drawn = False
            self._write(f"{end}{printed}{unseen}")

    def forget(self) -> None:
        """Note that the lines were taken away by others. It takes no lock."""
        self._is_drawn = False

    def _encoded(self, texts: Sequence[Text]) -> str:
        """The texts, one below the other, with their colours as control sequences."""
        if not texts:
            return ""
        with self._console.capture() as captured:
            self._console.print(
                Text("\n", end="").join(texts), no_wrap=True, crop=False, soft_wrap=True, end=""
            )
        return captured.get()

    def _write(self, text: str) -> None:
        if text:
            self._console.file.write(text)
            self._console.file.flush()


class LiveLines(ABC):
    """Draws its lines while it is entered. `say` and `print` are for any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._painter = Painter(console)
        self._said: deque[Text] = deque()
        self._ended = threading.Event()
        self._not_before = 0.0
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

    def make_room(self) -> None:
        """Take the lines away for a moment: another program is about to print there."""
        self._not_before = time.monotonic() + _ROOM_FOR
        with contextlib.suppress(OSError):
            self._painter.clear(())

    def suspend(self) -> None:
        """Draw nothing any more until `go_on` is called. It takes no lock: for signal handlers."""
        self._not_before = math.inf

    def go_on(self) -> None:
        """Draw again: what had been drawn was taken away by others."""
        self._painter.forget()
        self._not_before = 0.0

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
                if time.monotonic() >= self._not_before:
                    self._draw()

    def _draw(self) -> None:
        lines = self._lines()
        self._painter.paint(self._above(), lines, self._unseen())

    def _above(self) -> list[Text]:
        above = self._rows()
        while self._said:
            above.append(self._said.popleft())
        return above
