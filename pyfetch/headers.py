"""Header fields of HTTP messages: names and values, dates, and `Content-Range` (RFC 9110)."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TypeVar

from pyfetch.value import Value

_REMEMBERED = 256
"""Dates that are remembered: most answers within a second have the same one."""

LONGEST_VALUE = 8 * 1024
"""Longest field value that results and the state keep, in characters."""
_LONGEST_DATE = 80
"""In characters: more than any date needs."""
_CONTENT_RANGE = r"(?ai)bytes (\d{1,19})-(\d{1,19})/(\d{1,19})"
# Servers that send a part of a file with status 200 often get this syntax wrong, too.
_LIKE_ONE = r"(?ai)bytes[ \t=:]+(\d{1,19})\s*-\s*(\d{1,19})\s*/\s*(\d{1,19}|\*)"


def parse_http_date(value: str | None) -> float | None:
    """Seconds since the epoch, in any format of RFC 9110, section 5.6.7; None for no date."""
    return None if value is None or len(value) > _LONGEST_DATE else _parsed_date(value)


@lru_cache(_REMEMBERED)
def _parsed_date(value: str) -> float | None:
    try:
        date = parsedate_to_datetime(value.strip())
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)  # "-0000": the sender does not say; HTTP is in GMT
        return date.timestamp()
    except (ValueError, IndexError, OverflowError):
        return None


_T = TypeVar("_T")


class Fields(dict[str, str]):
    """The fields of a response by name; of one that comes again, all in a list (section 5.3).

    Names are in lower case, as HTTP/2 has them (RFC 9113, section 8.2.1): a response is asked for
    twenty of them, and `dict` itself answers.
    """

    __slots__ = ("_lines", "are_short")

    def __init__(self, lines: Sequence[tuple[str, str]], *, are_short: bool = False) -> None:
        """`lines`: the name, in lower case, and the value of each line."""
        super().__init__(lines)
        self._lines = lines
        self.are_short = are_short
        """Whether no value is longer than `LONGEST_VALUE`, as far as is known."""
        if len(self) < len(lines):
            values: dict[str, list[str]] = {}
            for name, value in lines:
                values.setdefault(name, []).append(value)
            self.update((name, ", ".join(several)) for name, several in values.items())

    def kept(self) -> Mapping[str, str]:
        """The fields whose values are short enough for results and the state."""
        if self.are_short:
            return self
        return {name: value for name, value in self.items() if len(value) <= LONGEST_VALUE}

    def get_all(self, name: str, default: _T | None = None) -> list[str] | _T | None:
        """The values of a field one by one; some must not be joined (`Set-Cookie`)."""
        name = name.lower()
        return [value for key, value in self._lines if key == name] or default


_NO_TOKEN = frozenset(' "(),/:;<=>?@[\\]{}')


def parse_header(text: str) -> tuple[str, str]:
    """The name and value of a field that a user has written as `Name: value`.

    Raises `ValueError`. Its text does not show the value, which may be a secret.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not (colon and name and name.isascii() and name.isprintable()) or set(name) & _NO_TOKEN:
        raise ValueError("no header (write it as 'Name: value')")
    if not (value.isprintable() and value.isascii()):
        raise ValueError(f"the value of {name} has characters that no header may have")
    return name, value


class ContentRange(Value):
    """Bytes `first` to `last`, both included, of `total` (RFC 9110, section 14.4)."""

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
