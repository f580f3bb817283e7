"""Pure: what is known of the file that is there → the conditions that a request may carry."""

from __future__ import annotations

from email.utils import formatdate

from pyfetch.dates import parse_http_date
from pyfetch.http.ranges import is_etag
from pyfetch.models import FileFacts, Known

_SECOND = 1_000_000_000


def is_as_recorded(known: Known, size: int, modified_ns: int) -> bool:
    """Whether the file on disk is the one that the state speaks of."""
    facts = known.facts
    return facts is not None and (facts.size, facts.modified_ns) == (size, modified_ns)


def conditions(known: Known, size: int, modified_ns: int, now: float) -> dict[str, str]:
    """Fields that make a GET conditional (RFC 9110, section 13.1); none: fetch it anew.

    `size` (bytes) and `modified_ns` (nanoseconds since the epoch) are the file's on disk,
    `now` is in seconds since the epoch.
    """
    if known.facts is not None:
        return _of(known.facts) if is_as_recorded(known, size, modified_ns) else {}
    # Not in the state, as after a kill. Its time is the server's own word only if we set
    # it: we do so in whole seconds, and this name was free when it was given to this URL.
    if known.placed_by_us and modified_ns % _SECOND == 0 and modified_ns <= now * _SECOND:
        return {"If-Modified-Since": formatdate(modified_ns // _SECOND, usegmt=True)}
    return {}


def _of(facts: FileFacts) -> dict[str, str]:
    fields = {}
    if facts.etag and is_etag(facts.etag):
        fields["If-None-Match"] = facts.etag
    if facts.last_modified and parse_http_date(facts.last_modified) is not None:
        fields["If-Modified-Since"] = facts.last_modified
    return fields
