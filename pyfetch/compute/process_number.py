"""How many processes compute: as many as there are CPUs for, and memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from pyfetch.cpu_share import CpuShare, cpu_share, memory_left
from pyfetch.settings import AUTO

_REVIEW_EVERY = 0.5
"""Seconds between two looks at this process and at the memory."""
_BUSY, _QUIET = 0.7, 0.4
"""Part of one CPU that fetching takes: from the first on, it gets a CPU of its own; below the
second, it gives it back."""
_LITTLE_MEMORY = 256 * 1024 * 1024
"""With fewer bytes left than this, there is one process less at each look."""
_MUCH_MEMORY = 2 * _LITTLE_MEMORY


class ProcessNumber:
    """How many processes there may be now; to be asked under the lock of the pool.

    `cpu_time` returns the seconds of CPU that this process has used, `memory` the bytes that are
    left, or None if the system does not say.
    """

    def __init__(
        self,
        wanted: int | Literal["auto"],
        share: CpuShare | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu_time: Callable[[], float] = time.process_time,
        memory: Callable[[], int | None] = memory_left,
    ) -> None:
        self._is_fixed = wanted != AUTO
        self._share = share or cpu_share()
        self._most = self._share.number if wanted == AUTO else wanted
        self._clock = clock
        self._cpu_time = cpu_time
        self._memory = memory
        self._looked_at = clock()
        self._used = cpu_time()
        self._for_fetching = 0
        """CPUs that are left to this process."""
        self._for_lack_of_memory = 0
        """Processes that there are fewer because memory is short."""
        self._was_busy = self._was_short = False

    def now(self) -> int:
        """At least 1."""
        if not self._is_fixed:
            now = self._clock()
            if now - self._looked_at >= _REVIEW_EVERY:
                self._look(now)
        return max(1, self._most - self._for_fetching - self._for_lack_of_memory)

    @property
    def why(self) -> str:
        """Why so many, as a clause for the summary."""
        if self._is_fixed:
            return "as --cpus says"
        parts = [self._share.why]
        if self._was_busy:
            parts.append("one less while fetching was busy")
        if self._was_short:
            parts.append("fewer when memory got short")
        return ", ".join(parts)

    def _look(self, now: float) -> None:
        used = self._cpu_time()
        part = (used - self._used) / (now - self._looked_at)
        self._looked_at, self._used = now, used
        if part >= _BUSY and self._most > 1:
            self._for_fetching = 1
            self._was_busy = True
        elif part < _QUIET:
            self._for_fetching = 0
        left = self._memory()
        if left is None:
            return
        if left < _LITTLE_MEMORY and self._most - self._for_fetching - self._for_lack_of_memory > 1:
            self._for_lack_of_memory += 1
            self._was_short = True
        elif left > _MUCH_MEMORY and self._for_lack_of_memory:
            self._for_lack_of_memory -= 1
