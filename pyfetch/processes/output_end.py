"""The end of what a process prints: read as it comes, so that the process never waits for that."""

from __future__ import annotations

import os

from pyfetch.text import printed

_KEPT = 4096
"""Bytes that are kept, to say why a command or function failed."""
_BLOCK = 65536


class OutputEnd:
    """Reads from a descriptor, which is set not to block; whoever has opened it closes it."""

    def __init__(self, number: int) -> None:
        os.set_blocking(number, False)
        self._number = number
        self._end = b""

    def fileno(self) -> int:
        return self._number

    def read(self) -> bool:
        """Read what is there. Returns whether there may be more later."""
        try:
            data = os.read(self._number, _BLOCK)
        except BlockingIOError:
            return True
        self._end = (self._end + data)[-_KEPT:]
        return bool(data)

    def forget(self) -> None:
        """Keep only what is printed from now on."""
        self._end = b""

    @property
    def content(self) -> bytes:
        return self._end

    @property
    def last_line(self) -> str:
        """For people: of a traceback, what was raised."""
        return printed(self._end.rstrip().rpartition(b"\n")[2])

    @property
    def text(self) -> str:
        """For people."""
        return printed(self._end)
