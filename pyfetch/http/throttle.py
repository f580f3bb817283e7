"""How many bytes a second all transfers may take together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pyfetch.transfer import Transfer

_SLICE = 0.02
"""Seconds' worth of bytes that are taken at once: what comes is smooth at this scale."""
_CREDIT = 0.05
"""Seconds' worth of bytes that may be made up for after a delay."""
_NAP = 0.1
"""Longest sleep in one piece, in seconds: so late does a transfer learn that it is stopped."""
_SMALLEST, _LARGEST = 512, 256 * 1024


class Bandwidth:
    """Shared by all workers: each asks before it reads, and sleeps until its turn.

    A virtual scheduling algorithm (ITU-T I.371, the generic cell rate algorithm), counted in
    bytes: what was granted fixes when the next is.
    """

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.chunk = max(_SMALLEST, min(_LARGEST, int(rate * _SLICE)))
        """Bytes that may be taken at once."""

    def take(self, transfer: Transfer) -> float:
        """Wait until `chunk` bytes may be read. Raises what the transfer was stopped with.

        Returns when that was granted for, as `give_back` wants it.
        """
        with self._lock:
            due = max(self._free_at, self._clock() - _CREDIT)
            self._free_at = due + self.chunk / self._rate
        while (wait := due - self._clock()) > 0:
            transfer.check()
            self._sleep(min(wait, _NAP))
        return due

    def give_back(self, unused: int, due: float) -> None:
        """So many bytes of what was granted did not come.

        What is long past is lost: given back, it would come on top of what was granted since.
        """
        if unused and due + self.chunk / self._rate >= self._clock() - _CREDIT:
            with self._lock:
                self._free_at -= unused / self._rate
