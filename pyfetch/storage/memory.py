"""Small bodies that a store keeps in memory until they are whole, and how many bytes they may have.

That is bounded over all transfers of a process; what finds no room becomes a part.
"""

from __future__ import annotations

import threading

SMALL = 1024 * 1024
"""A body up to this length, in bytes, is kept in memory."""
MOST_IN_MEMORY = 64 * 1024 * 1024
"""Bytes of bodies that are kept in memory, over all transfers of a process."""


class Memory:
    """Counts the bytes that may be kept in memory. For any thread."""

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
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


class HeldBody:
    """The body of one attempt, while it is in memory. `forget` is to be called in the end."""

    __slots__ = ("_memory", "_taken", "content")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._taken = 0
        """Bytes of the memory that are ours."""
        self.content: bytearray | None = None
        """None: the body is not in memory."""

    def begin(self, total: int | None) -> bool:
        """Begin with an empty body, if it is small and there is room. Returns whether it is held.

        `total`: bytes to come, None if that is not known.
        """
        self.forget()
        size = SMALL if total is None else total
        if size > SMALL or not self._memory.take(size):
            return False
        self._taken = size
        self.content = bytearray()
        return True

    def append(self, data: bytes | memoryview) -> bool:
        """Append to the body. Returns whether there was room for that; else nothing was done."""
        content = self.content
        if content is None or len(content) + len(data) > self._taken:
            return False
        content += data
        return True

    def forget(self) -> None:
        """Keep it no longer."""
        self.content = None
        if self._taken:
            self._memory.give_back(self._taken)
            self._taken = 0
