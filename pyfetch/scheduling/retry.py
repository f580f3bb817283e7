"""Pure: may this failure be tried again, and after how long."""

from __future__ import annotations

import random
from typing import NamedTuple

from pyfetch.models import Failure, Result

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

_RETRIED = frozenset({Failure.DNS, Failure.CONNECT, Failure.TIMEOUT, Failure.TRUNCATED})


def may_pass(result: Result) -> bool:
    """Whether another attempt may end better than this one did."""
    if result.error is Failure.HTTP:
        return result.status in RETRIED_STATUSES
    return result.error in _RETRIED


class RetryPolicy(NamedTuple):
    """Exponential back-off with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    retries: int = 3
    """Further attempts after the first."""
    first_wait: float = 1.0
    """Longest wait before the second attempt, in seconds; it doubles with each further one."""
    longest_wait: float = 60.0
    """Cap of the back-off, in seconds."""
    max_wait: float = 600.0
    """The longest that a host may make us wait, in seconds."""
    randomness: random.Random = random.Random()

    def wait(self, attempts: int, asked: float | None = None) -> float | None:
        """Seconds to wait after so many attempts; None when it is given up.

        `asked`: what the server asked for, in seconds: never less is waited, and when it
        is more than `max_wait`, the target is given up.
        """
        if attempts > self.retries or self.refusal(asked):
            return None
        return self.backoff(attempts, asked)

    def backoff(self, failures: int, asked: float | None = None) -> float:
        """Seconds to wait after so many failures in a row, however many they are."""
        # 2.0 ** 1024 would overflow; the cap is reached long before.
        ceiling = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 64))
        backoff = self.randomness.uniform(0, ceiling)
        return backoff if asked is None else asked + backoff / 10

    def refusal(self, asked: float | None) -> str:
        """Why so long a wait is not kept to, as a clause for people; empty if it is."""
        if (asked or 0) <= self.max_wait:
            return ""
        return f"asked to wait {asked:.0f} s, longer than the {self.max_wait:g} s of --max-wait"
