"""How many bytes of bodies a store may keep in memory."""

from __future__ import annotations

import threading


class Memory:
    """Counts the bytes that may be kept in memory. For any thread."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there is room for so many more bytes; they then count."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        """So many bytes are not needed any more."""
        with self._lock:
            self._left += size
