"""Virtual time: what happens when, in one thread, the same in each run."""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class Timeline:
    """Calls what is due, in the order of time; of two things at one time, the one planned first."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the run began."""
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._numbers = count()

    def clock(self) -> float:
        """The time, as a run asks for it."""
        return self.now

    def at(self, time: float, call: Callable[[Any], None], argument: Any = None) -> None:
        """Call this at that time, or now if that is over."""
        heappush(self._events, (time, next(self._numbers), call, argument))

    def after(self, seconds: float, call: Callable[[Any], None], argument: Any = None) -> None:
        """Call this so many seconds from now."""
        heappush(self._events, (self.now + seconds, next(self._numbers), call, argument))

    def next_at(self) -> float:
        """When something happens next; infinite: never."""
        return self._events[0][0] if self._events else math.inf

    def step(self) -> None:
        """Let the next thing happen."""
        time, _, call, argument = heappop(self._events)
        self.now = max(self.now, time)
        call(argument)

    def run_until(self, time: float) -> None:
        """Let all happen that is due up to this time."""
        while self._events and self._events[0][0] <= time:
            self.step()
        self.now = max(self.now, time)
