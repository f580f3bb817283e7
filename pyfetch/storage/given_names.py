"""Which names this run has given to which URLs: on disk, as there may be millions."""

from __future__ import annotations

import sqlite3

from pyfetch.database import temporary_database
from pyfetch.urls import Url

_MOST_PENDING = 512
"""Names that are held in memory, at most."""


class GivenNames:
    """The names that this run has given to targets, by their keys.

    They are in a temporary table of the state's database, gone when that is closed. Where the state
    was empty when the run began, all of its names are such, and no table is needed.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._are_all: bool | None = None
        """Whether this run has given all names of the state; None: it has given none yet."""
        self._pending: set[str] = set()
        """Names that are not in the table yet."""
        database.execute("PRAGMA temp.cache_size = -256")  # in KiB; the table is hardly read
        database.execute(
            "CREATE TEMP TABLE IF NOT EXISTS given (key TEXT PRIMARY KEY) WITHOUT ROWID"
        )

    def add(self, key: str) -> None:
        """Note that this run has given this name. A new one is not in the database yet."""
        if self._are_all is None:
            query = "SELECT 1 FROM file LIMIT 1"
            self._are_all = self._database.execute(query).fetchone() is None
        if self._are_all:
            return
        self._pending.add(key)
        if len(self._pending) >= _MOST_PENDING:
            self.write()

    def write(self) -> None:
        """Write all names into the table."""
        rows = [(key,) for key in self._pending]
        self._database.executemany("INSERT OR IGNORE INTO temp.given VALUES (?)", rows)
        self._pending.clear()

    @property
    def others(self) -> str:
        """The condition of SQL for all other names, where `f.key` is one."""
        return "0" if self._are_all else "f.key NOT IN (SELECT key FROM temp.given)"

    def has(self, key: str) -> bool:
        """Whether this run has given this name, which is in the state."""
        if self._are_all:
            return True
        if key in self._pending:
            return True
        query = "SELECT 1 FROM temp.given WHERE key = ?"
        return self._database.execute(query, (key,)).fetchone() is not None


class SignedOwners:
    """Which of several URLs with the same identity has got which path in this run.

    These differ in their signatures only. Signed again tomorrow, they find their files again if
    they come in the same order.
    """

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None

    def claim(self, path: str, url: Url) -> bool:
        """Whether the path belongs to this URL; if it belongs to none, this URL gets it."""
        if self._database is None:
            self._database = temporary_database("owner (path TEXT PRIMARY KEY, url TEXT)")
        execute = self._database.execute
        execute("INSERT OR IGNORE INTO owner VALUES (?, ?)", (path, url.exact))
        (owner,) = execute("SELECT url FROM owner WHERE path = ?", (path,)).fetchone()
        return bool(owner == url.exact)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
