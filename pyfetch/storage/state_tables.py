"""The tables of the state's database. Rows are looked up and written many at a time."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from pyfetch.facts import FileFacts

_MOST_PENDING = 512
"""Rows that are held in memory, at most."""

_CLAIM = ("key", "path", "url", "was_free")
_FACTS = (
    "status", "size", "modified_ns", "etag", "last_modified", "sha256", "answered_by",
    "media_type", "unused_name", "content_encoding", "stored", "fetched_at",
)  # fmt: skip
_TEXTS = {
    "etag", "last_modified", "sha256", "answered_by", "media_type", "unused_name",
    "content_encoding", "stored",
}  # fmt: skip
_LOOK_UP = (
    "SELECT key, path, url, was_free, size, modified_ns, etag, last_modified, sha256, answered_by,"
    " media_type, unused_name, content_encoding, stored, went_to, of_other_url FROM file WHERE key"
)
# After each statement the thread has to get the interpreter's lock again, which costs more than
# the row. More rows would need more than the 999 parameters that old versions of SQLite allow.
_AT_ONCE = 64
"""Rows of one statement, at most."""


def folded_key(path: str) -> str:
    """The key of a path: paths that some file system takes for one have the same."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


class FileRow:
    """A row of the table `file`: which URL owns a name, and what was fetched to it."""

    __slots__ = ("facts", "fetched_at", "path", "status", "url", "was_free")

    def __init__(self, path: str, url: str = "", was_free: bool = False) -> None:
        self.path = path
        self.url = url
        """Empty if the owner of the name is in the database already."""
        self.was_free = was_free
        self.status: int | None = None
        self.facts: FileFacts | None = None
        self.fetched_at: float | None = None


class StateTables:
    """The tables of an open database. All changes are in one transaction until `commit`.

    All methods raise `sqlite3.Error`.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._pending: dict[str, FileRow] = {}
        """By key, rows that are not written yet."""
        self._pending_directories: set[str] = set()
        """Keys of all directories in the paths of these rows."""
        self._looked_up: dict[str, list[Any] | None] = {}
        """By key, rows as they are in the database; None: there is none."""
        self._has_directories: bool | None = None
        """Whether any path has a directory in it; None: not known yet."""
        self._in_transaction = False
        self.changed = False
        """Whether there are changes that a killed process would lose."""

    def expect(self, keys: Iterable[str]) -> None:
        """Look up several rows at once for which `row` will be called next."""
        left = list(set(keys))
        self._looked_up.clear()
        self._begin()
        while left:
            several, left = left[:_AT_ONCE], left[_AT_ONCE:]
            self._looked_up.update(dict.fromkeys(several))
            rows = self._database.execute(
                f"{_LOOK_UP} IN ({', '.join('?' * len(several))})", several
            )
            self._looked_up.update({key: row for key, *row in rows})

    def row(self, key: str) -> list[Any] | None:
        """The row of a key: the columns from `path` on; None if there is none."""
        if not self._in_transaction:
            self._begin()  # else each look-up would be a transaction, and take and release locks
        if key in self._pending:
            self._write()
        if key in self._looked_up:
            return self._looked_up[key]
        found = self._database.execute(f"{_LOOK_UP} = ?", (key,)).fetchone()
        return list(found[1:]) if found else None

    def has(self, key: str) -> bool:
        """Whether there is a row with this key."""
        query = "SELECT 1 FROM file WHERE key = ?"
        return key in self._pending or self._database.execute(query, (key,)).fetchone() is not None

    def has_below(self, key: str) -> bool:
        """Whether there is a row for a path below this directory."""
        if self._has_directories is None:
            query = "SELECT 1 FROM file WHERE instr(key, '/') LIMIT 1"
            self._has_directories = self._database.execute(query).fetchone() is not None
        if not self._has_directories:
            return False
        if key in self._pending_directories:
            return True
        # "0" is the character after "/": in between are all keys below the directory.
        query = "SELECT 1 FROM file WHERE key > ? AND key < ? LIMIT 1"
        return self._database.execute(query, (f"{key}/", f"{key}0")).fetchone() is not None

    def pending(self, key: str) -> FileRow | None:
        """The row of a key, if it is not written yet."""
        return self._pending.get(key)

    def put(self, key: str, row: FileRow) -> None:
        """Add a row, or replace one."""
        self.changed = True
        self._pending[key] = row
        if "/" in key:
            self._has_directories = True
            end = key.find("/")
            while end >= 0:
                self._pending_directories.add(key[:end])
                end = key.find("/", end + 1)
        if len(self._pending) >= _MOST_PENDING:
            self._write()

    def change(self, statement: str, values: tuple[object, ...]) -> None:
        """Execute a statement that changes rows of the database."""
        self._looked_up.clear()
        self.change_other(statement, values)

    def change_other(self, statement: str, values: Sequence[object]) -> None:
        """Execute a statement that changes rows of another table than `file`."""
        self.changed = True
        self._begin()
        self._database.execute(statement, values)

    def find(self, query: str, key: str) -> tuple[Any, ...] | None:
        """The row that a query finds, without those in `pending`; None: there is none."""
        self._begin()
        found: tuple[Any, ...] | None = self._database.execute(query, (key,)).fetchone()
        return found

    def find_all(self, query: str, keys: Sequence[str]) -> list[tuple[Any, ...]]:
        """As `find`, for all rows; `query` ends with the name of the column of the key."""
        self._begin()
        marks = ",".join("?" * len(keys))
        return self._database.execute(f"{query} IN ({marks})", keys).fetchall()

    def select(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows that a query finds, those that were put last included."""
        self._write()
        yield from self._database.execute(query)

    def set_went_to(self, key: str, other: str) -> None:
        """Note the path of a file to which the server has given another name."""
        self._write()
        self.change("UPDATE file SET went_to = ? WHERE key = ?", (other, key))

    def backups(self) -> list[object]:
        """The paths of all backups."""
        self._begin()
        found = self._database.execute("SELECT path FROM backup ORDER BY path").fetchall()
        return [path for (path,) in found]

    def commit(self) -> None:
        """Write the changes to disk, so that they survive the death of this process."""
        self._write()
        self._database.execute("COMMIT")
        self._in_transaction = self.changed = False

    def _write(self) -> None:
        self._begin()
        claims, noted = [], []
        for key, row in self._pending.items():
            self._looked_up.pop(key, None)  # the others are as they were
            if row.facts is None:
                claims.append((key, row.path, row.url, int(row.was_free)))
            else:
                noted.append(_values(key, row, row.facts))
        _write(self._database, _CLAIM, claims)
        _write(self._database, _CLAIM + _FACTS, noted)
        self._pending.clear()
        self._pending_directories.clear()

    def _begin(self) -> None:
        if not self._in_transaction:
            self._database.execute("BEGIN IMMEDIATE")
            self._in_transaction = True


def _write(
    database: sqlite3.Connection, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]
) -> None:
    done = 0
    while left := len(rows) - done:
        size = min(_AT_ONCE, 1 << (left.bit_length() - 1))  # few statements to prepare
        values = chain.from_iterable(rows[done : done + size])
        database.execute(_put(columns, size), [*values])
        done += size


@cache
def _put(columns: tuple[str, ...], rows: int) -> str:
    row = ", ".join("NULLIF(?, '')" if column in _TEXTS else "?" for column in columns)
    # An existing row keeps its owner.
    changed = ("path", *_FACTS)
    changes = ", ".join(
        f"{column} = {f'excluded.{column}' if column in columns else 'NULL'}" for column in changed
    )
    return (
        f"INSERT INTO file ({', '.join(columns)}) VALUES {', '.join([f'({row})'] * rows)}"  # noqa: S608
        f" ON CONFLICT (key) DO UPDATE SET {changes}, of_other_url = 0"
    )


def _values(key: str, row: FileRow, facts: FileFacts) -> tuple[object, ...]:
    # Only numbers and texts: for anything else, even None, sqlite3 looks for an adapter, which
    # takes longer than writing the row. An empty text stands for NULL.

    return (
        key, row.path, row.url, int(row.was_free), row.status, facts.size, facts.modified_ns,
        facts.etag or "", facts.last_modified or "", facts.sha256 or "", facts.answered_by or "",
        facts.media_type or "", facts.unused_name or "", facts.content_encoding or "",
        facts.stored or "", row.fetched_at,
    )  # fmt: skip
