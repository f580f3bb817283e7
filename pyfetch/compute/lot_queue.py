"""What waits to be computed, and how much of it a thread takes at once: a lot.

Slow work is taken one piece at a time, so that it is spread over the processes. Quick work is taken
in large lots, as each lot costs this process about as much as computing a file alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

LARGEST_LOT = 32
_LOT_SECONDS = 0.005
"""How long the work of a lot may take, going by that of the lot before it."""

_T = TypeVar("_T")


class LotQueue(Generic[_T]):
    """A queue from which lots are taken. For one thread at a time."""

    def __init__(self, largest: int = LARGEST_LOT) -> None:
        self._largest = min(LARGEST_LOT, largest)
        self._waiting: deque[_T] = deque()
        self.size = 1
        """Pieces of work in a whole lot."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def lots(self) -> int:
        """How many lots wait, the last one of which may not be whole."""
        return -(-len(self._waiting) // self.size)

    @property
    def has_whole(self) -> bool:
        """Whether a whole lot waits."""
        return len(self._waiting) >= self.size

    def put(self, work: _T) -> bool:
        """Append work. Returns whether it begins a lot or makes one whole."""
        self._waiting.append(work)
        return len(self._waiting) == 1 or len(self._waiting) % self.size == 0

    def take(self) -> list[_T]:
        """The next lot, whole or not."""
        return [self._waiting.popleft() for _ in range(min(self.size, len(self._waiting)))]

    def ended(self, done: int, seconds: float, rest: Sequence[_T]) -> None:
        """Choose how large lots are after one of which this much was done in this time.

        `rest`: what was not begun; it comes next.
        """
        self._waiting.extendleft(reversed(rest))
        fit = int(_LOT_SECONDS * done / seconds) if seconds else self._largest
        self.size = max(1, min(fit, 2 * done, self._largest))

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
