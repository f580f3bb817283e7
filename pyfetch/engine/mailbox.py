"""A queue from many threads to one, which takes several items at once."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

TOGETHER = 0.004
"""Seconds that `take` waits for more items while many come."""
_MOMENT = 0.0005
"""The same if there are items already: just long enough for other threads to run."""
AT_ONCE = 512
"""Items taken at once, at most, so that the first ones are handled soon."""

T = TypeVar("T")


class Mailbox(Generic[T]):
    """`put` is for any thread and for signal handlers, `take` for one thread.

    Waking a thread costs more than handling most items. So while many items come, `take` first
    sleeps a moment, and then returns several.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._items: deque[T] = deque()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waits = False
        self._sleep = sleep
        self._naps = False

    def __len__(self) -> int:
        """How many items have not been taken."""
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item. Never blocks."""
        self._items.append(item)
        if self._waits:
            self._waits = False
            self._wake.put(None)

    def take(self, seconds: float | None) -> list[T]:
        """Take the items that there are, up to `AT_ONCE`.

        If there are none, waits for one, at most this many seconds; None: for ever. Returns an
        empty list if none came.
        """
        items = self._items
        if self._naps:
            self._sleep(_MOMENT if items or seconds == 0 else TOGETHER)
        if not items:
            self._wait(seconds)
        taken = [items.popleft() for _ in range(min(len(items), AT_ONCE))]
        self._naps = len(taken) > 1
        return taken

    def _wait(self, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            self._waits = True
            if self._items:  # an item came before `_waits` was set, so `put` woke nobody
                break
            try:
                self._wake.get(timeout=None if until is None else max(0, until - time.monotonic()))
            except queue.Empty:
                break
        self._waits = False
