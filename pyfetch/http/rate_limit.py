"""What an answer says of its host: whether it wants to be asked, and how soon again."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pyfetch.headers import parse_http_date

PAUSING_STATUSES = frozenset({429, 503})
"""Those that speak of the host, not of one URL."""

_EPOCH_SINCE = 1_000_000_000
"""A number of seconds from here on is a time since 1970 and not a wait."""


def asked_wait(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that an answer which pushes back asks to wait; None if it does not say.

    By `Retry-After` (RFC 9110, section 10.2.3), else the `RateLimit` fields of
    draft-ietf-httpapi-ratelimit-headers, else `X-RateLimit-Reset`. `now` is in seconds
    since the epoch.
    """
    now = time.time() if now is None else now
    asked = parse_retry_after(headers.get("Retry-After"), now)
    if asked is None:
        asked = _wait_of_limits(headers, spent_only=False)
    if asked is None:
        asked = _reset(headers, now)
    return asked


def wait_when_spent(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds until an answer's host may be asked again, where this was the last of its quota."""
    asked = _wait_of_limits(headers, spent_only=True)
    if asked is None and _remaining(headers) == 0:
        asked = _reset(headers, time.time() if now is None else now)
    return asked


def parse_retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds to wait by a `Retry-After` field (RFC 9110, section 10.2.3); None if it says none."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    date = parse_http_date(value)
    if date is None:
        return None
    return max(0.0, date - (time.time() if now is None else now))


def _wait_of_limits(headers: Mapping[str, str], *, spent_only: bool) -> float | None:
    """By `RateLimit` and `RateLimit-Policy`; of several limits the longest that is spent counts."""
    limits = _items(headers.get("RateLimit"))
    if not limits:
        return None
    windows = {
        name: parameters.get("w") for name, parameters in _items(headers.get("RateLimit-Policy"))
    }
    waits = []
    for name, parameters in limits:
        if spent_only and parameters.get("r") != 0:
            continue
        wait = _seconds(parameters.get("t"))
        if wait is None:
            wait = _seconds(windows.get(name))
        if wait is not None:
            # Those with something left are not what pushes back, if any other is spent.
            waits.append((parameters.get("r") == 0, wait))
    return max(waits)[1] if waits else None


def _items(field: str | None) -> list[tuple[str, Mapping[str, object]]]:
    """The members of a structured list (RFC 9651) with their parameters; none if it is none."""
    if not field:
        return []
    import http_sf  # few servers send these fields

    try:
        parsed = http_sf.parse(field.encode("latin-1", "replace"), tltype="list")
    except ValueError:
        return []
    members = parsed if isinstance(parsed, list) else []
    return [
        (str(member[0]), member[1])
        for member in members
        if isinstance(member, tuple) and not isinstance(member[0], list)
    ]


def _seconds(value: object) -> float | None:
    number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if number and value >= 0 else None  # type: ignore[arg-type,operator]


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """By `X-RateLimit-Reset`: seconds to wait or, as some write it, since the epoch."""
    for name in ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset"):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) if value.isascii() and value[:1].isdigit() else None
        except ValueError:
            continue
        if seconds is not None:
            return max(0.0, seconds - now) if seconds >= _EPOCH_SINCE else seconds
    return None


def _remaining(headers: Mapping[str, str]) -> int | None:
    for name in ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit():
            return int(value[:18])
    return None
