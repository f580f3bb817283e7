"""What the state knows of this run alone, and rows that are not in its database yet.

Many rows are written by one statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from pyfetch.facts import FileFacts
from pyfetch.system import temporary_database
from pyfetch.urls import Url

MOST_PENDING = 512
"""Rows that are held in memory, at most."""

_CLAIM = ("key", "path", "url", "was_free")
_FACTS = (
    "status", "size", "modified_ns", "etag", "last_modified", "sha256", "answered_by",
    "media_type", "unused_name", "fetched_at",
)  # fmt: skip
_TEXTS = {"etag", "last_modified", "sha256", "answered_by", "media_type", "unused_name"}
# After each statement the thread waits for the interpreter's lock again, which costs more than
# the row. More rows would need more than the 999 parameters that old versions of SQLite take.
_AT_ONCE = 64


@dataclass(slots=True)
class FileRow:
    """A row of the table `file`: who owns a name, and what was fetched to it."""

    path: str
    url: str = ""
    """Empty in the row of a name whose owner is in the database."""
    was_free: bool = False
    status: int | None = None
    facts: FileFacts | None = None
    fetched_at: float | None = None


@dataclass(slots=True)
class PendingRows:
    """Rows that are to be written, by their key."""

    rows: dict[str, FileRow] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    """Keys of all directories that the paths of these rows go through."""

    def put(self, key: str, row: FileRow) -> None:
        """Add a row, or replace one."""
        self.rows[key] = row
        end = key.find("/")
        while end >= 0:
            self.directories.add(key[:end])
            end = key.find("/", end + 1)

    def write(self, database: sqlite3.Connection) -> None:
        """Write all rows into the database, and forget them."""
        claims, noted = [], []
        for key, row in self.rows.items():
            if row.facts is None:
                claims.append((key, row.path, row.url, int(row.was_free)))
            else:
                noted.append(_values(key, row, row.facts))
        _write(database, _CLAIM, claims)
        _write(database, _CLAIM + _FACTS, noted)
        self.rows.clear()
        self.directories.clear()


class GivenNames:
    """The names that this run has given to targets, by their keys: on disk, however many.

    They are in a temporary table of the state's database, gone when that is closed.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._pending: set[str] = set()
        """Those that are not in the table yet."""
        database.execute("PRAGMA temp.cache_size = -256")  # in KiB: it is hardly read
        database.execute(
            "CREATE TEMP TABLE IF NOT EXISTS given (key TEXT PRIMARY KEY) WITHOUT ROWID"
        )

    def add(self, key: str) -> None:
        """Note that this run has given this name."""
        self._pending.add(key)
        if len(self._pending) >= MOST_PENDING:
            self.write()

    def write(self) -> None:
        """Write all names into the table."""
        rows = [(key,) for key in self._pending]
        self._database.executemany("INSERT OR IGNORE INTO temp.given VALUES (?)", rows)
        self._pending.clear()

    def has(self, key: str) -> bool:
        """Whether this run has given this name."""
        if key in self._pending:
            return True
        query = "SELECT 1 FROM temp.given WHERE key = ?"
        return self._database.execute(query, (key,)).fetchone() is not None


def _write(
    database: sqlite3.Connection, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]
) -> None:
    done = 0
    while left := len(rows) - done:
        size = min(_AT_ONCE, 1 << (left.bit_length() - 1))  # few statements to prepare
        values = [value for row in rows[done : done + size] for value in row]
        database.execute(_put(columns, size), values)
        done += size


@cache
def _put(columns: tuple[str, ...], rows: int) -> str:
    row = ", ".join("NULLIF(?, '')" if column in _TEXTS else "?" for column in columns)
    # A row that is there already keeps its owner.
    changed = ("path", *_FACTS)
    changes = ", ".join(
        f"{column} = {f'excluded.{column}' if column in columns else 'NULL'}" for column in changed
    )
    return (
        f"INSERT INTO file ({', '.join(columns)}) VALUES {', '.join([f'({row})'] * rows)}"  # noqa: S608
        f" ON CONFLICT (key) DO UPDATE SET {changes}, of_other_url = 0"
    )


def _values(key: str, row: FileRow, facts: FileFacts) -> tuple[object, ...]:
    # Numbers and texts only: for anything else, None included, sqlite3 looks for an adapter, which
    # takes longer than the row. An empty text stands for NULL.
    return (
        key, row.path, row.url, int(row.was_free), row.status, facts.size, facts.modified_ns,
        facts.etag or "", facts.last_modified or "", facts.sha256 or "", facts.answered_by or "",
        facts.media_type or "", facts.unused_name or "", row.fetched_at,
    )  # fmt: skip


class SignedOwners:
    """Which of several URLs with one identity has got which path in this run.

    Signed anew tomorrow, they find their files again as long as they come in the same order. The
    paths are in a temporary database: there may be millions.
    """

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None

    def claim(self, path: str, url: Url) -> bool:
        """Whether the path is this URL's: it was, or nobody's and is from now on."""
        if self._database is None:
            self._database = temporary_database("owner (path TEXT PRIMARY KEY, url TEXT)")
        execute = self._database.execute
        execute("INSERT OR IGNORE INTO owner VALUES (?, ?)", (path, url.exact))
        (owner,) = execute("SELECT url FROM owner WHERE path = ?", (path,)).fetchone()
        return bool(owner == url.exact)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
