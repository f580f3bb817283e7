"""How far the input is read ahead of the results that are shown, and the thread that reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from pyfetch.models import Entry, Result
from pyfetch.system import daemon
from pyfetch.value import Value

LOOKAHEAD = 4096
"""Entries that are read but not yet shown, at most, while that gives work to all workers."""
WIDEST = 8 * LOOKAHEAD
"""The same where hosts that must wait, or one slow target in front, leave workers idle."""
WIDEST_FOR_A_WORKER = 16
"""So many for each worker at least, where there are very many of them."""


MOST_BYTES = 32 * 1024 * 1024
"""Bytes of entries that are read but not yet shown, about, however few they are."""
_GRANTED_AT_ONCE = 16
"""Entries that the reader may read before it looks again whether it may."""
LIGHT = 512
"""An entry with no more bytes than this is bounded by the number of entries."""


class ReadAhead:
    """Lets `size` entries be read, and one more for each result that was shown.

    `widen` lets the limit grow up to `widest`; it shrinks again as results are shown.
    """

    def __init__(
        self, size: int = LOOKAHEAD, widest: int | None = None, most_bytes: int = MOST_BYTES
    ) -> None:
        self._size = size
        self._width = size
        self._widest = WIDEST if widest is None else widest
        self._read = 0
        """Entries that were read but not yet shown, with those of `_granted`."""
        self._granted = 0
        """How many more entries the reader may read without the lock."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # To wake the reader for each result would cost two changes of thread for each URL.
        self._batch = max(1, size // 8)
        self._shown = 0
        self._most_bytes = most_bytes
        self._bytes = 0
        self._bytes_of: dict[int, int] = {}
        """By index, for those entries that are larger than LIGHT."""
        self.closed = False

    def acquire(self) -> bool:
        """Wait until one more entry may be read. False: none may be any more. For one thread."""
        if self._granted and not self._bytes:
            self._granted -= 1
            return not self.closed
        with self._lock:  # in place of `with self._changed`, which takes twice as long
            while not self.closed and (
                (self._read >= self._width and not self._granted) or self._bytes >= self._most_bytes
            ):
                self._changed.wait()
            if not self._granted:
                self._granted = max(1, min(_GRANTED_AT_ONCE, self._width - self._read))
                self._read += self._granted
            self._granted -= 1
            return not self.closed

    def add(self, entry: Entry) -> None:
        """An entry was read: it counts until its result is shown."""
        size = size_of(entry)
        if size > LIGHT:
            with self._changed:
                self._bytes_of[entry.index] = size
                self._bytes += size

    def shown(self, result: Result) -> None:
        """A result was shown: one more entry may be read."""
        if self._bytes_of:
            with self._changed:
                self._bytes -= self._bytes_of.pop(result.index, 0)
                self._changed.notify()
        self._shown += 1
        if self._shown == self._batch:
            with self._changed:
                self._read -= self._shown
                self._shown = 0
                self._width = max(self._size, min(self._width, self._read))
                self._changed.notify()

    def widen(self, workers: int = 0) -> None:
        """Let more be read if the reader waits: the entries so far give too little work.

        `workers`: how many of them there are to give work to.
        """
        with self._changed:
            self._widest = max(self._widest, WIDEST_FOR_A_WORKER * workers)
            if self._read - self._granted >= self._width and self._width < self._widest:
                self._width = min(self._width + self._batch, self._widest)
                self._changed.notify()

    def close(self) -> None:
        """Let nothing more be read."""
        with self._changed:
            self.closed = True
            self._changed.notify()


def size_of(entry: Entry) -> int:
    """Roughly how many bytes of memory the texts of an entry take."""
    if isinstance(entry, Result):
        size = len(entry.url) + len(entry.detail or "")
    else:
        size = len(entry.url.text) + len(entry.out or "")
        if entry.mirrors:
            size += sum(len(mirror.text) for mirror in entry.mirrors)
        if entry.headers:
            size += sum(len(name) + len(value) for name, value in entry.headers)
    return size + (_size_of_value(entry.input) if entry.input else 0)


def _size_of_value(value: object) -> int:
    """Roughly how many bytes a JSON value takes: more than its text, for objects and numbers."""
    size = 0
    left = [value]
    while left and size < MOST_BYTES:
        value = left.pop()
        size += 64
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, Mapping):
            left += value.keys()
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
    return size


class InputFailed(Exception):  # noqa: N818 - it is not an error of ours
    """Reading the input raised something that is no `Exception`, such as `SystemExit`.

    It is wrapped, as it must not end the threads through which it is passed on.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error


class InputEnded(Value):
    """The input has ended; `error` is what reading it has raised, if anything."""

    error: Exception | None = None


def start_reader(
    entries: Iterable[Entry], read_ahead: ReadAhead, put: Callable[[Entry | InputEnded], None]
) -> None:
    """Start a thread that reads entries, as far ahead as `read_ahead` allows.

    The thread calls `put` with each entry, and with an `InputEnded` at the end.
    """

    def read() -> None:
        error: Exception | None = None
        try:
            source = iter(entries)
            while read_ahead.acquire():
                entry = next(source, None)
                if entry is None:
                    break
                read_ahead.add(entry)
                put(entry)
        except Exception as caught:  # raised in the thread that iterates the results
            error = caught
        except BaseException as caught:
            error = InputFailed(caught)
        put(InputEnded(error))

    # A daemon thread, as it may be waiting for a line that never comes.
    daemon(read, "reader").start()
