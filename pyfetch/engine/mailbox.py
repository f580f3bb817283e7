"""A queue from many threads to one, which takes several items at once."""

from __future__ import annotations

import math
import queue
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

TOGETHER = 0.004
"""Seconds that `take` waits for more items while many come."""
_MOMENT = 0.0005
"""The same if there are items already: just long enough for other threads to run."""
QUICK = 8
"""Single items in a row, each within `TOGETHER` of the one before, that count as many."""
AT_ONCE = 512
"""Items taken at once, at most, so that the first ones are handled soon."""

T = TypeVar("T")


class Mailbox(Generic[T]):
    """`put` is for any thread and for signal handlers, `take` for one thread.

    Waking a thread costs more than handling most items. So while many items come, `take` first
    sleeps a moment, and then returns several.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        *,
        enough: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`enough`: while many come, so many make a `take` worth while.

        More than one is for a taker that can be late without keeping anybody waiting.
        """
        self._enough = enough
        self._clock = clock
        self._taken_at = -math.inf
        self._quick_in_a_row = 0
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
            is_enough = len(items) >= self._enough or seconds == 0
            self._sleep(_MOMENT if is_enough else TOGETHER)
        if not items:
            self._wait(seconds)
        taken = [items.popleft() for _ in range(min(len(items), AT_ONCE))]
        self._naps = len(taken) > 1 or (self._enough > 1 and self._are_quick())
        return taken

    def _are_quick(self) -> bool:
        """Whether single items come so quickly that to be woken for each is a waste."""
        now = self._clock()
        is_quick = now - self._taken_at < TOGETHER
        self._quick_in_a_row = self._quick_in_a_row + 1 if is_quick else 0
        self._taken_at = now
        return self._quick_in_a_row >= QUICK

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
