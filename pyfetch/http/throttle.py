"""Limits how many bytes a second transfers receive together (`--limit-rate`): all, or a host's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pyfetch.transfer import Transfer

_SLICE = 0.02
"""Seconds' worth of bytes that are read at once. Over longer times, the rate is even."""
_CREDIT = 0.05
"""Seconds' worth of bytes that may be caught up on after a delay."""
_NAP = 0.1
"""Longest sleep, in seconds. Between sleeps, a transfer notices that it is stopped."""
_SMALLEST, _LARGEST = 512, 256 * 1024


class Bandwidth:
    """Shared by all workers: each asks before it reads, and sleeps until its turn.

    This is the generic cell rate algorithm (ITU-T I.371, virtual scheduling), counted in bytes:
    each grant fixes the time of the next one.
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
        """Bytes of one grant, where no other limit has smaller ones."""

    def take(self, transfer: Transfer, size: int | None = None) -> float:
        """Wait until `size` bytes may be read, else `chunk`.

        Returns the time of the grant, for `give_back`. Raises what the transfer is stopped with.
        """
        with self._lock:
            due = max(self._free_at, self._clock() - _CREDIT)
            self._free_at = due + (size or self.chunk) / self._rate
        while (wait := due - self._clock()) > 0:
            transfer.check()
            nap = min(wait, _NAP)
            self._sleep(nap)
            transfer.ours += nap
        return due

    def give_back(self, unused: int, due: float) -> None:
        """Return `unused` bytes of the grant of the time `due`: they did not arrive.

        The bytes of a grant long ago are lost: returned, they would add to later grants.
        """
        if unused and due + self.chunk / self._rate >= self._clock() - _CREDIT:
            with self._lock:
                self._free_at -= unused / self._rate
