"""Whether a failed attempt is followed by another one, and after how long. Pure."""

import random
from collections.abc import Iterable

from pyfetch.models import Failure, Result
from pyfetch.value import Value

RETRIED_STATUSES = frozenset(
    {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 529, 530}
)
"""Statuses of temporary failures. 520 to 527 and 530 are Cloudflare's; 529: site is overloaded."""

_RETRIED = frozenset({Failure.DNS, Failure.CONNECT, Failure.TIMEOUT, Failure.TRUNCATED})


def retried_statuses(changes: Iterable[int]) -> frozenset[int]:
    """Return the statuses after which a URL is tried again; a negative number removes one."""
    statuses = set(RETRIED_STATUSES)
    for change in changes:
        (statuses.add if change > 0 else statuses.discard)(abs(change))
    return frozenset(statuses)


class RetryPolicy(Value):
    """Exponential back-off with full jitter: random waits below a bound that doubles.

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
        """Seconds to wait after so many attempts; None: give the target up.

        `asked`: seconds that the server asked to wait. The wait is never shorter. If the server
        asked for more than `max_wait`, the target is given up.
        """
        if attempts > self.retries or self.refusal(asked):
            return None
        return self.backoff(attempts, asked)

    def backoff(self, failures: int, asked: float | None = None) -> float:
        """Seconds to wait after so many failures in a row."""
        # 2.0 ** 1024 would overflow; the cap is reached much earlier.
        ceiling = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 64))
        backoff = self.randomness.uniform(0, ceiling)
        return backoff if asked is None else asked + backoff / 10

    def refusal(self, asked: float | None) -> str:
        """Why this wait is too long, as a clause for people; empty if it is not."""
        if (asked or 0) <= self.max_wait:
            return ""
        return f"asked to wait {asked:.0f} s, longer than the {self.max_wait:g} s of --max-wait"
