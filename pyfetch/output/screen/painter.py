"""Lines at the bottom of a terminal that are drawn anew again and again, and text above them.

The cursor waits at the first cell of the lines, not behind them. So nothing has to be known of how
a terminal wraps what is there already when its window gets narrower: whatever it has made of the
last frame is below the cursor, and goes with it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

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
