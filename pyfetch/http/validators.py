"""Validators: whether a file has changed, and whether a part may be continued."""

import re
from collections.abc import Mapping
from email.utils import formatdate
from functools import cache, lru_cache
from typing import NamedTuple

from pyfetch.facts import FileFacts, Known
from pyfetch.headers import LONGEST_VALUE, Fields, parse_http_date


@cache
def _strong_etag() -> re.Pattern[str]:
    """A strong ETag (RFC 9110, section 8.8.3): to compile it takes a part of the start-up."""
    return re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


CLOCKS_APART = 60
"""Seconds by which `Last-Modified` must be older than `Date` to count as a strong validator."""


class Representation(NamedTuple):
    """What a response says about its content (RFC 9110, section 8).

    None means unknown; so does an empty text, except for `content_encoding`.
    """

    etag: str | None
    """As the server wrote it: strong, weak or malformed."""
    last_modified: str | None
    content_encoding: str | None
    """The codings in lower case; empty for content that is not coded."""
    media_type: str | None
    """In lower case, without parameters."""

    @classmethod
    def of(cls, headers: Fields) -> "Representation":
        """What the fields of a 200 say."""
        coding = headers.get("content-encoding")
        kept = headers.kept()
        return cls(
            kept.get("etag"),
            kept.get("last-modified"),
            coding_of(coding) if coding else "",
            media_type_of(headers.get("content-type")),
        )

    def is_contradicted_by(self, headers: Mapping[str, str]) -> bool:
        """Whether the fields of a 206 describe other content than this.

        A missing field is no contradiction: a 206 need not repeat it (RFC 9110, section 15.3.7).
        """
        etag, modified = headers.get("etag"), headers.get("last-modified")
        coding = headers.get("content-encoding")
        media_type = media_type_of(headers.get("content-type"))
        return (
            bool(self.etag and etag and not is_same_etag(self.etag, etag))
            or bool(self.last_modified and modified and not _is_same(self.last_modified, modified))
            or (
                self.content_encoding is not None
                and coding is not None
                and self.content_encoding != coding_of(coding)
            )
            or bool(self.media_type and media_type and self.media_type != media_type)
        )


@lru_cache(256)
def media_type_of(content_type: str | None) -> str:
    """The media type of a `Content-Type`, in lower case and without its parameters."""
    return (content_type or "").partition(";")[0].strip().lower()


def coding_of(content_encoding: str | None) -> str:
    """The codings of a `Content-Encoding` in lower case; empty if the content is not coded."""
    if not content_encoding:
        return ""
    codings = (coding.strip().lower() for coding in content_encoding.split(","))
    return ", ".join(coding for coding in codings if coding not in ("", "identity"))


def kept_value(value: str | None) -> str | None:
    """The value of a field, if it is short enough for results and the state; else None."""
    return value if value is None or len(value) <= LONGEST_VALUE else None


def is_same_etag(one: str, other: str) -> bool:
    """Weak comparison of two ETags (RFC 9110, section 8.8.3.2)."""
    return one.removeprefix("W/") == other.removeprefix("W/")


def _is_same(one: str, other: str) -> bool:
    """Whether two dates are the same, however they are written."""
    dates = parse_http_date(one), parse_http_date(other)
    return one == other or (None not in dates and dates[0] == dates[1])


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return a value for `If-Range` from this response (RFC 9110, section 13.1.5), or None.

    This is a strong ETag or, if there is no ETag at all, a `Last-Modified` that was old enough at
    the time of the response (section 8.8.2.2).
    """
    etag = headers.get("etag")
    if etag is not None:
        return etag if is_etag(etag) and not etag.startswith("W/") else None
    modified = parse_http_date(kept_value(headers.get("last-modified")))
    answered = parse_http_date(headers.get("date"))
    if modified is None or answered is None or answered - modified < CLOCKS_APART:
        return None
    return headers["last-modified"]


def is_validator(text: str) -> bool:
    """Whether this may stand in `If-Range`: a strong ETag, or a date."""
    return len(text) <= LONGEST_VALUE and (
        bool(_strong_etag().fullmatch(text))
        or (text.isascii() and text.isprintable() and parse_http_date(text) is not None)
    )


def is_etag(text: str) -> bool:
    """Whether this is a strong or weak ETag (RFC 9110, section 8.8.3), and not too long."""
    return len(text) <= LONGEST_VALUE and bool(_strong_etag().fullmatch(text.removeprefix("W/")))


def is_of_another_version(
    headers: Mapping[str, str], validator: str, known: Representation
) -> bool:
    """Whether a 206 brings the rest of another version than that of the part.

    `validator` is the value of `If-Range`; empty if that was not sent. A strong ETag has to be
    repeated (RFC 9110, section 15.3.7): many servers that do not repeat it have ignored `If-Range`.
    """
    if validator.startswith('"') and headers.get("etag") != validator:
        return True
    return known.is_contradicted_by(headers)


def modified_at(last_modified: str | None, date: str | None, now: float) -> float | None:
    """Return when the content was last changed, in seconds since the epoch (RFC 9110, 8.8.2).

    `last_modified` and `date` are fields of the response; `now` is used if there is no `Date`.
    None for a missing time, and for a time in the future, which must be wrong.
    """
    modified = parse_http_date(last_modified)
    answered = parse_http_date(date)
    if modified is None or modified > min(now, now if answered is None else answered):
        return None
    return max(0.0, modified)


_SECOND = 1_000_000_000


def is_as_recorded(known: Known, size: int, modified_ns: int) -> bool:
    """Whether a file of this size and time is the one that the state has recorded.

    So is one that the task of this run has changed, and nobody since.
    """
    facts, left = known.facts, known.left
    if facts is None:
        return False
    if (facts.size, facts.modified_ns) == (size, modified_ns):
        return True
    return left is not None and left.stands_for_fetched and left.is_file(size, modified_ns)


def is_placed_by_us(known: Known, modified_ns: int, now: float) -> bool:
    """Whether a file that the state has not recorded is probably ours, after a run was killed.

    So it is if its name was free when the URL got it, and its modification time is one that
    pyfetch sets: whole seconds, not in the future. `now` is in seconds since the epoch.
    """
    is_candidate = known.facts is None and known.placed_by_us
    return is_candidate and modified_ns % _SECOND == 0 and modified_ns <= now * _SECOND


def conditional_fields(known: Known, size: int, modified_ns: int, now: float) -> dict[str, str]:
    """Return the fields that make a GET conditional (RFC 9110, section 13.1); may be none.

    `size` (bytes) and `modified_ns` (nanoseconds since the epoch) are those of the file on disk,
    `now` is in seconds since the epoch.
    """
    if known.facts is not None:
        return fields_for(known.facts) if is_as_recorded(known, size, modified_ns) else {}
    # Send the file's time to the server only if it came from there.

    if is_placed_by_us(known, modified_ns, now):
        return {"If-Modified-Since": formatdate(modified_ns // _SECOND, usegmt=True)}
    return {}


def fields_for(facts: FileFacts) -> dict[str, str]:
    """The fields that ask whether the file with these facts has changed; may be none."""
    fields = {}
    if facts.etag and is_etag(facts.etag):
        fields["If-None-Match"] = facts.etag
    if facts.last_modified and parse_http_date(facts.last_modified) is not None:
        fields["If-Modified-Since"] = facts.last_modified
    return fields
