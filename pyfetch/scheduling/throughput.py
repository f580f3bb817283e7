"""Measures the throughput of a number of transfers at once. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

_BYTES_LIKE_A_FILE = 1_000_000
"""Bytes that count as much as one file."""
_SHORTEST, _LONGEST = 0.1, 1.0
"""Seconds to measure: the least, and the time that is enough however little was received."""


class Measure(NamedTuple):
    """The throughput with one limit of transfers at once."""

    limit: int
    rate: float
    """Work a second: files, and megabytes; 0: nothing has ended and no byte has come."""
    latency: float
    """Mean time to an answer, in seconds."""
    used: bool
    """Whether all workers had something to do most of the time."""
    pushed_back: int
    """How many answers said that a host gets too many requests."""


class _Period:
    """A time in which the limit stays the same: first transfers adjust to it, then we measure."""

    __slots__ = (
        "answered",
        "began",
        "ends",
        "files",
        "latency",
        "pushed_back",
        "received",
        "short",
    )

    def __init__(self) -> None:
        self.began: float | None = None
        """When measuring began; None before that."""
        self.files = self.answered = self.pushed_back = 0
        self.short = 0.0
        """Seconds in which a worker had nothing to do for lack of targets."""
        self.latency = 0.0
        self.received = 0
        """Bytes received in the whole run when measuring began."""
        self.ends = 0.0
        """When the period is long enough, however little was received."""


class ThroughputMeter:
    """Measures one limit after the other. It waits until transfers that began under it end."""

    def __init__(self) -> None:
        self._period = _Period()
        self._changed_at = 0.0
        """When the limit was changed."""
        self._new_ones_end = True
        """Whether transfers have ended that began since the limit was changed."""
        self._crowded = False
        """Whether more transfers run than the limit: they began under a higher one."""
        self._settled_at: float | None = 0.0
        """When enough time has passed since the change, whatever has ended."""
        self._short_since: float | None = None
        """Since when a worker has nothing to do; None: all are busy."""
        self._latency = self._deviation = 0.0
        """Moving averages, in seconds, as in TCP (RFC 6298, section 2)."""

    def ended(self, began: float, latency: float, *, pushed_back: bool) -> None:
        """Count a transfer that began at `began` and was answered after `latency` seconds."""
        self._new_ones_end = self._new_ones_end or began >= self._changed_at
        error = latency - self._latency
        if self._latency:
            self._deviation += (abs(error) - self._deviation) / 8
            self._latency += error / 16
        else:
            self._latency = latency
        period = self._period
        if period.began is not None:
            period.files += not pushed_back
            period.pushed_back += pushed_back
            period.answered += 1
            period.latency += latency

    def idle(self, now: float, *, full: bool) -> None:
        """Note that nothing is started: all workers are busy (`full`), or for lack of targets.

        Until it is called again, that stays so: how often it is called says nothing, as one call
        may be for a moment in which a list is read, and another for seconds.
        """
        if full:
            self._count_short(now)
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now

    def _count_short(self, now: float) -> None:
        """Count the time up to now in which a worker had nothing to do."""
        if self._short_since is not None:
            self._period.short += now - self._short_since
            self._short_since = now

    def due(self) -> float | None:
        """When `measure` has to be called even if nothing has ended."""
        if self._period.began is None:
            return None if self._crowded else self._settled_at
        return self._period.ends

    def measure(
        self, now: float, limit: int, running: int, received: Callable[[], int], *, rounds: int
    ) -> Measure | None:
        """The measurement of the limit, once it is complete; then call `begin_again`.

        Where nothing comes through, that is known as long as all workers are busy with it.
        `received` returns the bytes of the whole run. `rounds`: how often as many transfers
        as the limit must have ended.
        """
        self._crowded = running > limit
        period = self._period
        if period.began is None:
            if not self._crowded and self._settles(now):
                self._count_short(now)
                period = self._period = _Period()
                period.began, period.received = now, received()
                period.ends = now + self._long_enough()
            return None
        took = now - period.began
        enough = period.answered >= max(rounds * limit, 8) and took >= _SHORTEST
        if not (enough and took >= self._round) and now < period.ends:
            return None
        work = period.files + (received() - period.received) / _BYTES_LIKE_A_FILE
        if not work and not period.pushed_back and running < limit:
            period.ends = now + self._long_enough()
            return None
        mean = period.latency / period.answered if period.answered else self._latency
        self._count_short(now)
        used = period.short <= took / 2
        return Measure(limit, work / took, mean, used, period.pushed_back)

    def begin_again(self, now: float, *, changed: bool) -> None:
        """Begin the next period. `changed`: whether the limit has changed."""
        self._period = _Period()
        if changed:
            self._changed_at = now
            self._new_ones_end = False
        # Some transfers last long, but the change also shows in the bytes that arrive.
        self._settled_at = now + (self._long_enough() if changed else 0.0)

    def _settles(self, now: float) -> bool:
        """Whether the transfers that end now began under the present limit."""
        if self._new_ones_end and now >= self._changed_at + self._round:
            return True
        return self._settled_at is not None and now >= self._settled_at

    @property
    def _round(self) -> float:
        """Seconds in which nearly all transfers are answered."""
        return self._latency + 2 * self._deviation

    def _long_enough(self) -> float:
        return max(_LONGEST, 2 * self._round)
