"""Pure: may this failure be tried again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyfetch.dates import parse_http_date
from pyfetch.model import Failure, Result

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
PAUSING_STATUSES = frozenset({429, 503})
"""Those whose `Retry-After` speaks of the host, not of one URL."""

_RETRIED = frozenset({Failure.DNS, Failure.CONNECT, Failure.TIMEOUT, Failure.TRUNCATED})


def may_pass(result: Result) -> bool:
    """Whether another attempt may end better than this one did."""
    if result.error is Failure.HTTP:
        return result.status in RETRIED_STATUSES
    return result.error in _RETRIED


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    retries: int = 3
    """Further attempts after the first."""
    first_wait: float = 1.0
    """Longest wait before the second attempt, in seconds; it doubles with each further one."""
    longest_wait: float = 60.0
    """Cap of the back-off, in seconds."""
    longest_retry_after: float = 600.0
    """The longest that a server may make us wait, in seconds."""
    randomness: random.Random = field(default_factory=random.Random)

    def wait(self, attempts: int, retry_after: float | None = None) -> float | None:
        """Seconds to wait after so many attempts; None when it is given up.

        `retry_after`: what the server asked for, in seconds: never less is waited, and
        when it is more than `longest_retry_after`, the target is given up.
        """
        if attempts > self.retries or self.refusal(retry_after):
            return None
        # 2.0 ** 1024 would overflow; the cap is reached long before.
        ceiling = min(self.longest_wait, self.first_wait * 2.0 ** min(attempts - 1, 64))
        backoff = self.randomness.uniform(0, ceiling)
        return backoff if retry_after is None else retry_after + backoff / 10

    def refusal(self, retry_after: float | None) -> str:
        """Why so long a wait is not kept to, as a clause for people; empty if it is."""
        if (retry_after or 0) <= self.longest_retry_after:
            return ""
        return (
            f"asked to wait {retry_after:.0f} s, longer than the {self.longest_retry_after:g} s"
            " that are waited at most"
        )


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait by a `Retry-After` field (RFC 9110, section 10.2.3); None if it says none."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    date = parse_http_date(value)
    if date is None:
        return None
    return max(0.0, date - (now or datetime.now(UTC)).timestamp())
