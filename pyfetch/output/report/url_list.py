"""The list of URLs in a report: written so that it is short, and a sample where it is too long."""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

from pyfetch.text import escaped

MOST_ROWS = 20_000
"""Rows that are kept in memory."""
_LONGEST_URL = 300


class Row(NamedTuple):
    """Row of the list of URLs."""

    number: int
    """Place in the input, from 1."""
    url: str
    status: str
    size: int | None
    seconds: float
    began: float | None
    """In seconds since the run began."""


class UrlList:
    """Rows, each of which has the same chance to be kept where there are too many."""

    def __init__(self, seed: int = 0) -> None:
        self.seen = 0
        """How many rows there were."""
        self._kept: list[Row] = []
        self._random = random.Random(seed)

    def add(self, row: Row) -> None:
        """Add a row."""
        self.seen += 1
        row = row._replace(url=row.url[:_LONGEST_URL])
        if len(self._kept) < MOST_ROWS:
            self._kept.append(row)
            return
        place = self._random.randrange(self.seen)
        if place < MOST_ROWS:
            self._kept[place] = row

    def fitting(self, most_bytes: int) -> tuple[str, int]:
        """JSON for the script of the page, in so many bytes at most; and how many rows it has."""
        rows = sorted(self._kept)
        while True:
            text = _as_json(rows)
            size = len(text.encode("utf-8", "replace"))
            if size <= most_bytes or not rows:
                return text, len(rows)
            number = int(len(rows) * 0.98 * most_bytes / size)
            rows = sorted(self._random.sample(rows, number))


def _as_json(rows: list[Row]) -> str:
    """An object with what repeats, and rows that refer to it.

    A path is the number of characters that it shares with the path before of the same origin, and
    its rest. What a `</script>` could end is escaped.
    """
    origins: dict[str, int] = {}
    statuses: dict[str, int] = {}
    before: dict[int, str] = {}
    written: list[list[Any]] = []
    for row in rows:
        origin, path = _split(escaped(row.url))
        place = origins.setdefault(origin, len(origins))
        # The script counts in UTF-16: what is not ASCII is written as a whole.
        shared = _shared(path, before.get(place, "")) if path.isascii() else 0
        before[place] = path
        written.append(
            [
                row.number, place, shared, path[shared:],
                statuses.setdefault(row.status, len(statuses)), row.size,
                round(row.seconds * 1000), None if row.began is None else round(row.began * 100),
            ]
        )  # fmt: skip
    values = {"origins": list(origins), "statuses": list(statuses), "rows": written}
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _shared(path: str, before: str) -> int:
    """How many characters both begin with."""
    for number, (one, other) in enumerate(zip(path, before, strict=False)):
        if one != other:
            return number
    return min(len(path), len(before))


def _split(url: str) -> tuple[str, str]:
    """Scheme and authority, and the rest."""
    start = url.find("//") + 2
    end = url.find("/", start)
    return (url, "") if end < 0 else (url[:end], url[end:])
