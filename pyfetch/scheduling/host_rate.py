"""Pure, the time passed in: the request rate that a host accepts, learned from 429 and 503."""

from __future__ import annotations

import math

_DECREASE = 0.9
_NEAR = 0.85, 1.05
"""Where growth is slow: fractions of the rate at which the host pushed back last."""
_DOUBLING = 2.5
"""Seconds in which the rate doubles where no limit is near."""
_SLOW = 0.1
"""Growth near a limit, as a fraction, over at least these many seconds and requests:"""
_SLOW_SECONDS = 30.0
_SLOW_REQUESTS = 150
_COINCIDENCE = 60.0
"""Seconds after which another 429 or 503 has nothing to do with the one before."""
_SLOWEST = 1 / 60
"""Requests a second, however often the host pushes back: one a minute."""
_MOMENT = 1e-3


class HostRate:
    """Requests a second to one host; unlimited until the host pushes back (429, 503).

    The first time may be chance. If it happens again soon, the limit becomes the rate that
    the host accepted between the two, its pause included. Each further time takes a tenth
    off; then the rate grows slowly up to where it was, and faster and faster beyond that.
    CUBIC does the same with a window (RFC 9438, section 4.1).
    """

    __slots__ = ("_accepted", "_began", "_last", "_limit", "_pushed", "_pushed_before", "rate")

    def __init__(self) -> None:
        self.rate = math.inf
        """Requests a second."""
        self._limit = 0.0
        """The rate at which the host pushed back last; 0 while no rate is known."""
        self._began: float | None = None
        """When the host accepted the first request since it last pushed back."""
        self._accepted = 0
        """How many requests it has accepted since."""
        self._last = -math.inf
        self._pushed = False
        self._pushed_before = False
        """Whether it had pushed back not long before, too."""

    @property
    def interval(self) -> float:
        """Seconds from one request to the next."""
        return 1 / self.rate

    def accepted(self, now: float, *, held_back: bool) -> None:
        """The host accepted a request. `held_back`: the request had to wait because of the rate."""
        if self._pushed or self._began is None:
            if self._began is not None:
                took = max(now - self._began, _MOMENT)
                if self.rate < math.inf or self._pushed_before:
                    accepted = max(self._accepted, 1) / took
                    self.rate = max(min(self.rate, accepted), _SLOWEST)
                self._pushed_before = took < _COINCIDENCE
            self._began, self._accepted, self._pushed = now, 0, False
        self._accepted += 1
        self._last = now
        if held_back and self.rate < math.inf:
            self.rate *= self._growth()

    def pushed_back(self, now: float) -> None:
        """The host answered that there are too many requests."""
        if now - self._last > _COINCIDENCE:
            self._began = None  # no requests for a while: the rate between says nothing
        if self.rate < math.inf:
            self._limit = self.rate
            self.rate *= _DECREASE
        self._pushed = True

    def _growth(self) -> float:
        """The factor by which one accepted request raises the rate."""
        nearest, farthest = _NEAR
        if nearest * self._limit <= self.rate <= farthest * self._limit:
            return 1 + min(_SLOW / _SLOW_REQUESTS, _SLOW * self.interval / _SLOW_SECONDS)
        return math.exp2(min(1.0, self.interval / _DOUBLING))
