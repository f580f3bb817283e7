"""Validators and ranges: whether a file has changed, and whether a part may be continued."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import NamedTuple

from pyfetch.headers import parse_http_date
from pyfetch.models import FileFacts, Known

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.IGNORECASE | re.ASCII)
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')

CLOCKS_APART = 60
"""Seconds that `Last-Modified` must be before `Date` to tell two versions apart."""


class ContentRange(NamedTuple):
    """Bytes `first` to `last`, both included, of `total`."""

    first: int
    last: int
    total: int


def parse_content_range(value: str | None) -> ContentRange | None:
    """Parse a `Content-Range` (RFC 9110, section 14.4); None for one without bytes or a total."""
    match = _CONTENT_RANGE.fullmatch((value or "").strip())
    if not match:
        return None
    first, last, total = map(int, match.groups())
    return ContentRange(first, last, total) if first <= last < total else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what `If-Range` may hold for this response (RFC 9110, section 13.1.5), or None.

    That is a strong ETag or, where there is no ETag at all, a `Last-Modified` that was old
    enough at the time of the response (section 8.8.2.2).
    """
    etag = headers.get("ETag")
    if etag is not None:
        return etag if _STRONG_ETAG.fullmatch(etag) else None
    modified = parse_http_date(headers.get("Last-Modified"))
    answered = parse_http_date(headers.get("Date"))
    if modified is None or answered is None or answered - modified < CLOCKS_APART:
        return None
    return headers["Last-Modified"]


def is_validator(text: str) -> bool:
    """Whether `If-Range` may hold this: a strong ETag, or a date."""
    return bool(_STRONG_ETAG.fullmatch(text)) or (
        text.isascii() and text.isprintable() and parse_http_date(text) is not None
    )


def is_etag(text: str) -> bool:
    """Whether this is a strong or a weak ETag (RFC 9110, section 8.8.3)."""
    return bool(_STRONG_ETAG.fullmatch(text.removeprefix("W/")))


def contradicts(headers: Mapping[str, str], validator: str) -> bool:
    """Whether a 206 belongs to another version than the one that `If-Range` named."""
    named = headers.get("ETag") if validator.startswith('"') else headers.get("Last-Modified")
    return named is not None and named != validator


def modified_at(last_modified: str | None, date: str | None, now: float) -> float | None:
    """Return when the content was last changed, in seconds since the epoch (RFC 9110, 8.8.2).

    `last_modified` and `date` are the fields of the response, `now` stands in for a missing
    `Date`. None for a missing time, and for one in the future, which is wrong.
    """
    modified = parse_http_date(last_modified)
    answered = parse_http_date(date)
    if modified is None or modified > min(now, now if answered is None else answered):
        return None
    return max(0.0, modified)


_SECOND = 1_000_000_000


def is_as_recorded(known: Known, size: int, modified_ns: int) -> bool:
    """Whether a file of this size and time is the one that the state has recorded."""
    facts = known.facts
    return facts is not None and (facts.size, facts.modified_ns) == (size, modified_ns)


def is_placed_by_us(known: Known, modified_ns: int, now: float) -> bool:
    """Whether a file that the state has not recorded is one of ours, as after a kill.

    It is if its name was free when its URL got it, and its time is one that we set: whole
    seconds, not in the future. `now` is in seconds since the epoch.
    """
    is_candidate = known.facts is None and known.placed_by_us
    return is_candidate and modified_ns % _SECOND == 0 and modified_ns <= now * _SECOND


def conditions(known: Known, size: int, modified_ns: int, now: float) -> dict[str, str]:
    """Return the fields that make a GET conditional (RFC 9110, section 13.1); may be none.

    `size` (bytes) and `modified_ns` (nanoseconds since the epoch) are those of the file on disk,
    `now` is in seconds since the epoch.
    """
    if known.facts is not None:
        return _fields_for(known.facts) if is_as_recorded(known, size, modified_ns) else {}
    # Its time may be sent to the server only if it comes from there.
    if is_placed_by_us(known, modified_ns, now):
        return {"If-Modified-Since": formatdate(modified_ns // _SECOND, usegmt=True)}
    return {}


def _fields_for(facts: FileFacts) -> dict[str, str]:
    fields = {}
    if facts.etag and is_etag(facts.etag):
        fields["If-None-Match"] = facts.etag
    if facts.last_modified and parse_http_date(facts.last_modified) is not None:
        fields["If-Modified-Since"] = facts.last_modified
    return fields
