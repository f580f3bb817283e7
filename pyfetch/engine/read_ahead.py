"""How much may be read ahead: the bound between reading the input and showing the results."""

from __future__ import annotations

import threading

LOOKAHEAD = 4096
"""Targets that are read but not yet shown, at most, as long as that gives work to all."""
WIDEST = 8 * LOOKAHEAD
"""The same where hosts that must wait, or one slow target in front, leave workers idle."""


class ReadAhead:
    """Lets `size` entries be read, and one more for each result that was shown.

    `widen` lets it grow up to `widest`, and it shrinks again as results are shown.
    """

    def __init__(self, size: int = LOOKAHEAD, widest: int | None = None) -> None:
        self._size = size
        self._width = size
        self._widest = WIDEST if widest is None else widest
        self._read = 0
        """Entries that were read but not yet shown."""
        self._changed = threading.Condition()
        # Waking the reader for each result would cost two changes of thread a URL.
        self._batch = max(1, size // 8)
        self._shown = 0
        self.closed = False

    def acquire(self) -> bool:
        """Wait until one more may be read. False: none will be, the window is closed."""
        with self._changed:
            while self._read >= self._width and not self.closed:
                self._changed.wait()
            self._read += 1
            return not self.closed

    def shown(self) -> None:
        """A result was shown: it makes room for another entry."""
        self._shown += 1
        if self._shown == self._batch:
            with self._changed:
                self._read -= self._shown
                self._shown = 0
                self._width = max(self._size, min(self._width, self._read))
                self._changed.notify()

    def widen(self) -> None:
        """Let more be read, if nothing else lets it: what was read gives too little work."""
        with self._changed:
            if self._read >= self._width and self._width < self._widest:
                self._width = min(self._width + self._batch, self._widest)
                self._changed.notify()

    def close(self) -> None:
        """Let nothing more be read."""
        with self._changed:
            self.closed = True
            self._changed.notify()
