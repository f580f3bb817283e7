"""How far the input is read ahead of the results that are shown, and the thread that reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from pyfetch.models import Entry
from pyfetch.system import daemon

LOOKAHEAD = 4096
"""Entries that are read but not yet shown, at most, while that gives work to all workers."""
WIDEST = 8 * LOOKAHEAD
"""The same where hosts that must wait, or one slow target in front, leave workers idle."""


class ReadAhead:
    """Lets `size` entries be read, and one more for each result that was shown.

    `widen` lets the limit grow up to `widest`; it shrinks again as results are shown.
    """

    def __init__(self, size: int = LOOKAHEAD, widest: int | None = None) -> None:
        self._size = size
        self._width = size
        self._widest = WIDEST if widest is None else widest
        self._read = 0
        """Entries that were read but not yet shown."""
        self._changed = threading.Condition()
        # To wake the reader for each result would cost two changes of thread for each URL.
        self._batch = max(1, size // 8)
        self._shown = 0
        self.closed = False

    def acquire(self) -> bool:
        """Wait until one more entry may be read. False: none may be any more."""
        with self._changed:
            while self._read >= self._width and not self.closed:
                self._changed.wait()
            self._read += 1
            return not self.closed

    def shown(self) -> None:
        """A result was shown: one more entry may be read."""
        self._shown += 1
        if self._shown == self._batch:
            with self._changed:
                self._read -= self._shown
                self._shown = 0
                self._width = max(self._size, min(self._width, self._read))
                self._changed.notify()

    def widen(self) -> None:
        """Let more be read, if the reader waits: what was read gives too little work."""
        with self._changed:
            if self._read >= self._width and self._width < self._widest:
                self._width = min(self._width + self._batch, self._widest)
                self._changed.notify()

    def close(self) -> None:
        """Let nothing more be read."""
        with self._changed:
            self.closed = True
            self._changed.notify()


class InputEnded(NamedTuple):
    """All of the input was read, or reading it raised this error."""

    error: Exception | None = None


def start_reader(
    entries: Iterable[Entry], read_ahead: ReadAhead, put: Callable[[Entry | InputEnded], None]
) -> None:
    """Read entries in a thread of its own, as far ahead as `read_ahead` allows.

    `put` is called from there with each entry, and with an `InputEnded` at the end.
    """

    def read() -> None:
        error = None
        try:
            source = iter(entries)
            while read_ahead.acquire():
                entry = next(source, None)
                if entry is None:
                    break
                put(entry)
        except Exception as caught:  # raised where the results are read
            error = caught
        put(InputEnded(error))

    # A daemon thread: it may be waiting for a line that never comes.
    daemon(read, "reader").start()
