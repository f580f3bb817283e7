"""Fields of a request as people write them: `Name: value` (RFC 9110, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TypeVar

_REMEMBERED = 256
"""Most answers of a second have the same date."""

_LONGEST_DATE = 80
"""In characters: more than any date needs."""


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

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        """From each line its name, in lower case, and its value."""
        super().__init__(lines)
        self._lines = lines
        if len(self) < len(lines):
            values: dict[str, list[str]] = {}
            for name, value in lines:
                values.setdefault(name, []).append(value)
            self.update((name, ", ".join(several)) for name, several in values.items())

    def get_all(self, name: str, default: _T | None = None) -> list[str] | _T | None:
        """The values of one name one by one, as they came: some are no list (`Set-Cookie`)."""
        name = name.lower()
        return [value for key, value in self._lines if key == name] or default


_NO_TOKEN = frozenset(' "(),/:;<=>?@[\\]{}')


def parse_header(text: str) -> tuple[str, str]:
    """Name and value of a field. Raises `ValueError`, whose text does not say the value.

    A value may be a secret, so it is not shown even where it is wrong.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not (colon and name and name.isascii() and name.isprintable()) or set(name) & _NO_TOKEN:
        raise ValueError("no header (write it as 'Name: value')")
    if not (value.isprintable() and value.isascii()):
        raise ValueError(f"the value of {name} has characters that no header may have")
    return name, value
