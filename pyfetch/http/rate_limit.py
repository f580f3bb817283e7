"""Rate limits that a server announces: how long to wait before the next request to its host."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pyfetch.headers import parse_http_date

PAUSING_STATUSES = frozenset({429, 503})
"""Statuses that concern the whole host, not one URL."""

_REMAINING = ("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining")
FIELDS_OF_QUOTA = frozenset({"ratelimit", *_REMAINING})
"""Without any of these fields, a response says nothing about a quota."""
_LONGEST_FIELD = 8 * 1024
"""Longest field that is parsed, in characters."""
_EPOCH_SINCE = 1_000_000_000
"""A reset at or above this is a time in seconds since the epoch, below it a wait in seconds."""


def asked_wait(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a 429 or 503 asks to wait, more than 0; None if it does not say.

    It is read from `Retry-After` (RFC 9110, section 10.2.3), else from the `RateLimit` fields of
    draft-ietf-httpapi-ratelimit-headers, else from `X-RateLimit-Reset`. A wait of 0 and a time in
    the past are ignored, as the host has just refused. `now`, in seconds since the epoch, is used
    if there is no `Date`.
    """
    now = _answered(headers, now)
    return (
        parse_retry_after(headers.get("retry-after"), now)
        or _wait_of_limits(headers, spent_only=False)
        or _reset(headers, now)
        or None
    )


def wait_when_spent(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds until the next request to a host, if this response used up its quota.

    None if it did not, or does not say. `now`, in seconds since the epoch, is used if there is no
    `Date`.
    """
    if FIELDS_OF_QUOTA.isdisjoint(headers):  # as in most responses
        return None
    asked = _wait_of_limits(headers, spent_only=True)
    if asked is None and _remaining(headers) == 0:
        asked = _reset(headers, _answered(headers, now))
    return asked


def _answered(headers: Mapping[str, str], now: float | None) -> float:
    """When the response was sent, by the server's clock (`Date`; RFC 9110, section 6.6.1)."""
    answered = parse_http_date(headers.get("date"))
    if answered is not None:
        return answered
    return time.time() if now is None else now


def parse_retry_after(value: str | None, answered: float) -> float | None:
    """Return the seconds to wait by a `Retry-After` field (RFC 9110, section 10.2.3).

    None for a field that is missing or malformed, for 0, and for a date in the past. `answered`
    is the time of the response, in seconds since the epoch.
    """
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return float(value) or None
    date = parse_http_date(value)
    return None if date is None or date <= answered else date - answered


def _wait_of_limits(headers: Mapping[str, str], *, spent_only: bool) -> float | None:
    """Seconds by `RateLimit` and `RateLimit-Policy`: the longest of the limits that are spent."""
    limits = _items(headers.get("ratelimit"))
    if not limits:
        return None
    windows = {
        name: parameters.get("w") for name, parameters in _items(headers.get("ratelimit-policy"))
    }
    waits = []
    for name, parameters in limits:
        if spent_only and parameters.get("r") != 0:
            continue
        wait = _seconds(parameters.get("t"))
        if wait is None:
            wait = _seconds(windows.get(name))
        if wait is not None:
            # A limit that is used up counts, whatever the others say.
            waits.append((parameters.get("r") == 0, wait))
    return max(waits)[1] if waits else None


def _items(field: str | None) -> list[tuple[str, Mapping[str, object]]]:
    """The members of a structured list (RFC 9651) with their parameters; none if malformed."""
    if not field or len(field) > _LONGEST_FIELD:
        return []
    import http_sf  # loaded here, as few servers send these fields

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
    """Seconds to wait by `X-RateLimit-Reset`, which may be a time since the epoch."""
    for name in ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) if value.isascii() and value[:1].isdigit() else None
        except ValueError:
            continue
        if seconds is not None:
            return max(0.0, seconds - now) if seconds >= _EPOCH_SINCE else seconds
    return None


def _remaining(headers: Mapping[str, str]) -> int | None:
    for name in _REMAINING:
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit():
            return int(value[:18])
    return None
