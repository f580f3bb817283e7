"""`Content-Range`: which bytes of the whole a body has (RFC 9110, section 14.4)."""

from __future__ import annotations

import re
from typing import NamedTuple

_CONTENT_RANGE = r"(?ai)bytes (\d{1,19})-(\d{1,19})/(\d{1,19})"
# Servers that send a part of a file with status 200 often get this syntax wrong, too.
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
    """Whether the body of a 200 is only a part of the file, though the status says otherwise.

    `value` is the `Content-Range` of the response, `length` the announced length of the body in
    bytes. RFC 9110 gives the field no meaning in a 200, but servers that answer a range request
    with the wrong status use it to say what they send.
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
