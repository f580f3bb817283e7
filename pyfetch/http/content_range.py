"""`Content-Range`: which bytes of the whole a body has (RFC 9110, section 14.4)."""

from __future__ import annotations

import re
from typing import NamedTuple

_CONTENT_RANGE = r"(?ai)bytes (\d{1,19})-(\d{1,19})/(\d{1,19})"
# Senders that call a slice 200 break the syntax, too. Another unit speaks of no bytes.
_LIKE_ONE = r"(?ai)bytes[ \t=:]+(\d{1,19})\s*-\s*(\d{1,19})\s*/\s*(\d{1,19}|\*)"


class ContentRange(NamedTuple):
    """Bytes `first` to `last`, both included, of `total`."""

    first: int
    last: int
    total: int

    @property
    def is_whole(self) -> bool:
        """Whether these are all bytes that there are."""
        return self.first == 0 and self.last + 1 == self.total


def parse_content_range(value: str | None) -> ContentRange | None:
    """Parse a `Content-Range`; None for one without bytes or a total."""
    match = re.fullmatch(_CONTENT_RANGE, value.strip()) if value else None
    if not match:
        return None
    first, last, total = map(int, match.groups())
    return ContentRange(first, last, total) if first <= last < total else None


def is_slice(value: str | None, length: int | None) -> bool:
    """Whether a body that its status calls whole is only a part of the whole.

    `value` is the `Content-Range` of the response, `length` the bytes that are announced of the
    body. RFC 9110 gives the field no meaning in a 200, but servers that answer a range with the
    wrong status say with it what they send.
    """
    if value is None:
        return False
    for match in re.finditer(_LIKE_ONE, value):
        first, last, total = match.groups()
        if int(first) > 0:
            return True
        if total != "*" and (int(last) + 1 < int(total) or (length or int(total)) < int(total)):
            return True
    return False
