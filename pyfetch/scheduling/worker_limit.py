"""How many transfers run at once: a fixed number, as far as the machine allows it. Pure."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_REST, _LONGEST_REST = 5.0, 120.0
"""Seconds after a shortage of descriptors or threads until one more transfer is tried."""


class Ceiling:
    """The most transfers at once for which the machine has descriptors and threads, as it seems.

    A shortage lowers it; then it rises by an eighth at a time. If that leads to another shortage,
    the next rise comes after twice the time.
    """

    def __init__(self, most: int) -> None:
        self.value = most
        self._most = most
        self._rest = _FIRST_REST
        self._has_risen = False
        """Whether it has risen since the last shortage."""
        self._rises_at = 0.0

    def cap(self, number: int) -> None:
        """Let it never rise beyond this number, and never fall below one."""
        self._most = max(1, min(self._most, number))
        self.value = min(self.value, self._most)

    def lower(self, number: int, now: float) -> None:
        """There were descriptors and threads for no more than this number, or for one."""
        if self._has_risen:
            self._rest = min(_LONGEST_REST, self._rest * 2)
            self._has_risen = False
        self.value = max(1, min(self.value, number))
        self._rises_at = now + self._rest

    def due(self) -> float | None:
        """When `rise` will raise it; None: never."""
        return self._rises_at if self.value < self._most else None

    def rise(self, now: float) -> bool:
        """Raise it if it is time for that. Returns whether it is higher now."""
        if self.value >= self._most or now < self._rises_at:
            return False
        self.value = min(self._most, self.value + max(1, self.value // 8))
        self._has_risen = True
        self._rises_at = now + self._rest
        return True


class WorkerLimit:
    """How many transfers may run at once: a fixed number."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Transfers that may run now."""
        self._ceiling = Ceiling(limit)

    def at_most(self, number: int) -> None:
        """Let no more transfers than this run at once, and at least one."""
        self._ceiling.cap(number)
        self._keep_below_ceiling()

    def fall_short(self, number: int, now: float) -> None:
        """There are descriptors and threads for no more than this number, for the time being."""
        self._ceiling.lower(number, now)
        self._keep_below_ceiling()

    def _keep_below_ceiling(self) -> None:
        self.limit = self._ceiling.value

    def ended(self, began: float, latency: float, *, pushed_back: bool) -> None:
        """Take in the end of a transfer that began at `began`, answered after `latency` seconds."""

    def idle(self, now: float, *, full: bool) -> None:
        """Take in that nothing is started: all workers are busy (`full`), or no target may be."""

    def due(self) -> float | None:
        """When `review` must be called though nothing has ended; None: never."""
        return self._ceiling.due()

    def review(
        self,
        now: float,
        running: int,  # noqa: ARG002 - for a limit that adapts
        received: Callable[[], int],  # noqa: ARG002
    ) -> str | None:
        """Reconsider the limit. Returns the change that was made, as a line for the log.

        `received` returns the bytes that were received in the whole run.
        """
        before = self.limit
        if not self._ceiling.rise(now):
            return None
        self.limit = self._ceiling.value
        return f"workers {before} → {self.limit}: there may be descriptors or threads again"

    def summary(self) -> str | None:
        """The number of workers in the end, and why, as a clause; None for a fixed number."""
