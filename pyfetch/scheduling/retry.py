"""Pure: whether a failed attempt is worth another one, and after how long."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

from pyfetch.models import Failure, Result

RETRIED_STATUSES = frozenset(
    {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 529, 530}
)
"""Statuses that may pass: 520 to 527 and 530 are Cloudflare's, 529 means that it is overloaded."""

_RETRIED = frozenset({Failure.DNS, Failure.CONNECT, Failure.TIMEOUT, Failure.TRUNCATED})


def retried_statuses(changes: Iterable[int]) -> frozenset[int]:
    """Return the statuses that are tried again: a negative number takes one of them away."""
    statuses = set(RETRIED_STATUSES)
    for change in changes:
        (statuses.add if change > 0 else statuses.discard)(abs(change))
    return frozenset(statuses)


class RetryPolicy(NamedTuple):
    """Exponential back-off with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    retries: int = 3
    """Attempts after the first one, at most."""
    first_wait: float = 1.0
    """Longest wait before the second attempt, in seconds; it doubles with each further attempt."""
    longest_wait: float = 60.0
    """Cap of the back-off, in seconds."""
    max_wait: float = 600.0
    """Longest wait that a host may ask for, in seconds."""
    randomness: random.Random = random.Random()
    statuses: frozenset[int] = RETRIED_STATUSES
    """Statuses after which another attempt is made."""

    def may_pass(self, result: Result) -> bool:
        """Whether another attempt may succeed where this one failed."""
        if result.error is Failure.HTTP:
            return result.status in self.statuses
        return result.error in _RETRIED

    def wait(self, attempts: int, asked: float | None = None) -> float | None:
        """Seconds to wait after this many attempts; None when the target is given up.

        `asked`: the wait that the server asked for, in seconds. The wait is never shorter;
        if more than `max_wait` is asked for, the target is given up.
        """
        if attempts > self.retries or self.refusal(asked):
            return None
        return self.backoff(attempts, asked)

    def backoff(self, failures: int, asked: float | None = None) -> float:
        """Seconds to wait after this many failures in a row."""
        # 2.0 ** 1024 would overflow; the cap is reached long before.
        ceiling = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 64))
        backoff = self.randomness.uniform(0, ceiling)
        return backoff if asked is None else asked + backoff / 10

    def refusal(self, asked: float | None) -> str:
        """Why nobody waits that long, as a clause for people; empty if it is waited."""
        if (asked or 0) <= self.max_wait:
            return ""
        return f"asked to wait {asked:.0f} s, longer than the {self.max_wait:g} s of --max-wait"
