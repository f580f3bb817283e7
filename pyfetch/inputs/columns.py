"""Which column of a table, or key of an object, holds the URL (`--url-column`)."""

from collections.abc import Sequence

from pyfetch.urls import is_url, looks_like_a_url
from pyfetch.value import Value

URL = "url"
"""Name of the column, or key, that holds the URL where nothing else is said."""


class Columns(Value):
    """What is asked of the columns of a list."""

    url: str | None = None
    """Name of the column or key that holds the URL, or the column's number from 1; None: `url`."""
    needed: tuple[str, ...] = ()
    """Columns from which names are made: a table has to have them."""
    of_command: tuple[str, ...] = ()
    """Columns that arguments of a command are made from: a table has to have them, too."""

    @property
    def of_url(self) -> str:
        """The column or key that holds the URL."""
        return URL if self.url is None else self.url

    def place_of_url(self, heading: Sequence[str]) -> int | None:
        """Where among these columns the URL is, from 0; None if it is in none of them."""
        names = [name.strip() for name in heading]
        if self.url is None:
            names = [name.lower() for name in names]
        if self.of_url in names:
            return names.index(self.of_url)
        number = self._number
        return number - 1 if number and number <= len(names) else None

    def is_heading(self, first: Sequence[str]) -> bool:
        """Whether this first row of a table names its columns.

        It may be missing only where the column of the URLs is said by its number: then a row with
        a URL there, or with what is nearly one, is no heading.
        """
        place = self._number - 1 if self._number else len(first)
        cell = first[place].strip() if place < len(first) else ""
        return not (is_url(cell) or looks_like_a_url(cell))

    @property
    def _number(self) -> int:
        """The number of the column, from 1; 0: it is said by its name."""
        text = self.url or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


BY_NAME = Columns()
"""The URL is in the column, or under the key, `url`."""
