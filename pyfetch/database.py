"""SQLite databases that wait where a shortage of descriptors lets a statement fail."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pyfetch.system import has_no_descriptor

_CANNOT_OPEN = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}
_LONGEST_WAIT = 20.0
"""Seconds to wait for a descriptor: transfers give theirs back when they end."""
_BETWEEN = 0.05
"""Seconds between two tries."""

_R = TypeVar("_R")


class Database(sqlite3.Connection):
    """A connection whose statements are tried again while the process has no free descriptor.

    SQLite opens some files only when it needs them: a journal, or what a temporary table spills
    to. A statement that fails for that leaves its transaction as it was.
    """

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*arguments)
        except sqlite3.OperationalError as error:
            return self._try_again(super().execute, arguments, error)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        """Execute for each row, of a sequence, a statement that may be repeated without harm."""
        try:
            return super().executemany(*arguments)
        except sqlite3.OperationalError as error:
            return self._try_again(super().executemany, arguments, error)

    def _try_again(
        self, method: Callable[..., _R], arguments: tuple[Any, ...], error: sqlite3.OperationalError
    ) -> _R:
        give_up_at = time.monotonic() + _LONGEST_WAIT
        was_in_transaction = self.in_transaction
        while error.sqlite_errorcode & 0xFF in _CANNOT_OPEN and time.monotonic() < give_up_at:
            # SQLite does not say why it cannot open a file. Once a descriptor is free again, one
            # more try shows whether that was all.
            is_short = has_no_descriptor()
            time.sleep(_BETWEEN)
            try:
                return method(*arguments)
            except sqlite3.OperationalError as again:
                if not is_short or self.in_transaction != was_in_transaction:
                    raise
                error = again
        raise error


def temporary_database(*tables: str) -> Database:
    """A private SQLite database with these tables (`name (columns)`), gone when it is closed.

    It is in memory as long as it is small, else in a temporary file. One transaction is open from
    the start; any thread may use it, one at a time.
    """
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False, factory=Database)
    database.execute("PRAGMA journal_mode = OFF")
    for table in tables:
        database.execute(f"CREATE TABLE {table} WITHOUT ROWID")
    database.execute("BEGIN")
    return database
