"""Rows of the state that are not in its database yet: written many at once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from functools import cache

from pyfetch.model import FileFacts

MOST = 512
"""Rows that are held at most."""

# What is there already has its owner: that stays.
_PUT = (
    "INSERT INTO file (key, path, url, was_free, status, size, modified_ns, etag, last_modified,"
    " sha256, answered_by, fetched_at) VALUES {}"
    " ON CONFLICT (key) DO UPDATE SET path = excluded.path, status = excluded.status,"
    " size = excluded.size, modified_ns = excluded.modified_ns, etag = excluded.etag,"
    " last_modified = excluded.last_modified, sha256 = excluded.sha256,"
    " answered_by = excluded.answered_by, fetched_at = excluded.fetched_at"
)
_COLUMNS = 12
# Each statement lets other threads run and waits for its turn again, which costs more than
# the row. No more of them than the oldest SQLite's 999 parameters are enough for.
_AT_ONCE = 64


@dataclass(slots=True, eq=False, repr=False)
class Row:
    """One name: who owns it, and what was fetched to it."""

    path: str
    url: str = ""
    """Empty in the row of a name whose owner is in the database."""
    was_free: bool = False
    status: int | None = None
    facts: FileFacts | None = None
    fetched_at: float | None = None


@dataclass(slots=True, eq=False, repr=False)
class Changes:
    """Rows by their key."""

    rows: dict[str, Row] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    """Keys of all that a path of these rows leads through."""

    def put(self, key: str, row: Row) -> None:
        """Add a row, or replace one."""
        self.rows[key] = row
        end = key.find("/")
        while end >= 0:
            self.directories.add(key[:end])
            end = key.find("/", end + 1)

    def write(self, database: sqlite3.Connection) -> None:
        """Put all of them into the database, and forget them."""
        rows = list(self.rows.items())
        while rows:
            size = min(_AT_ONCE, 1 << (len(rows).bit_length() - 1))  # few statements to prepare
            values = [value for key, row in rows[:size] for value in _values(key, row)]
            database.execute(_put(size), values)
            del rows[:size]
        self.rows.clear()
        self.directories.clear()


@cache
def _put(rows: int) -> str:
    row = f"({', '.join('?' * _COLUMNS)})"
    return _PUT.format(", ".join([row] * rows))


def _values(key: str, row: Row) -> tuple[object, ...]:
    facts = row.facts
    if facts is None:
        return (key, row.path, row.url, row.was_free, *[None] * 8)
    return (
        key, row.path, row.url, row.was_free, row.status, facts.size, facts.modified_ns, facts.etag,
        facts.last_modified, facts.sha256, facts.answered_by, row.fetched_at,
    )  # fmt: skip
