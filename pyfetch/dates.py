"""Dates in fields of HTTP."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

_REMEMBERED = 256
"""Most answers of a second have the same date."""


@lru_cache(_REMEMBERED)
def parse_http_date(value: str | None) -> float | None:
    """Seconds since the epoch, in any format of RFC 9110, section 5.6.7; None for no date."""
    if value is None:
        return None
    try:
        date = parsedate_to_datetime(value.strip())
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)  # "-0000": the sender does not say; HTTP is in GMT
        return date.timestamp()
    except (ValueError, IndexError, OverflowError):
        return None
