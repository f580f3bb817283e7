"""Pure, the time passed in: the rate that a host bears, learned from its pushing back."""

from __future__ import annotations

import math

_DECREASE = 0.9
_NEAR = 0.85, 1.05
"""Where growth is slow, as fractions of the rate at which the host pushed back last."""
_DOUBLING = 2.5
"""Seconds in which the rate doubles where no limit is known nearby."""
_SLOW = 0.1
"""How much it grows near a limit, as a fraction, in so many seconds and requests at least:"""
_SLOW_SECONDS = 30.0
_SLOW_REQUESTS = 150
_COINCIDENCE = 60.0
"""Seconds between two pushes that have nothing to do with each other."""
_SLOWEST = 1 / 60
"""However often it pushes back, it is asked once a minute."""
_MOMENT = 1e-3


class HostRate:
    """How fast one host is asked, in requests a second; without a bound until it pushes back.

    Once may be chance. When it happens again soon, the bound is what the host bore from one
    beginning to the next, its pause included. Each further push takes a tenth off; then the
    rate creeps up to where it was and, beyond that, runs away from it. That is CUBIC's way
    with a window (RFC 9438, section 4.1), here with a rate.
    """

    __slots__ = ("_accepted", "_began", "_last", "_limit", "_pushed", "_pushed_before", "rate")

    def __init__(self) -> None:
        self.rate = math.inf
        """Requests a second."""
        self._limit = 0.0
        """The rate at which the host pushed back last; 0 while it has not, at a known one."""
        self._began: float | None = None
        """When the host took the first of the requests since it pushed back before."""
        self._accepted = 0
        """How many it has taken since."""
        self._last = -math.inf
        self._pushed = False
        self._pushed_before = False
        """Whether it had done so not long ago."""

    @property
    def interval(self) -> float:
        """Seconds from one request to the next."""
        return 1 / self.rate

    def accepted(self, now: float, *, held_back: bool) -> None:
        """The host took a request; `held_back`: one that had waited for its turn."""
        if self._pushed or self._began is None:
            if self._began is not None:
                took = max(now - self._began, _MOMENT)
                if self.rate < math.inf or self._pushed_before:
                    borne = max(self._accepted, 1) / took
                    self.rate = max(min(self.rate, borne), _SLOWEST)
                self._pushed_before = took < _COINCIDENCE
            self._began, self._accepted, self._pushed = now, 0, False
        self._accepted += 1
        self._last = now
        if held_back and self.rate < math.inf:
            self.rate *= self._growth()

    def pushed_back(self, now: float) -> None:
        """The host was asked too much."""
        if now - self._last > _COINCIDENCE:
            self._began = None  # it was not asked at all for a while: that says nothing
        if self.rate < math.inf:
            self._limit = self.rate
            self.rate *= _DECREASE
        self._pushed = True

    def _growth(self) -> float:
        """By what the rate is multiplied for one request."""
        nearest, farthest = _NEAR
        if nearest * self._limit <= self.rate <= farthest * self._limit:
            return 1 + min(_SLOW / _SLOW_REQUESTS, _SLOW * self.interval / _SLOW_SECONDS)
        return math.exp2(min(1.0, self.interval / _DOUBLING))
