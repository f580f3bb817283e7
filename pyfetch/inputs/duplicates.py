"""Which files of a list were asked for before: on disk, so that memory stays flat."""

from __future__ import annotations

import hashlib
from types import TracebackType

from pyfetch.inputs.record import Record
from pyfetch.urls import identity_of


class Duplicates:
    """Digests of what has been seen, in a database of its own that goes with it.

    It belongs to one thread, except that any may close it.
    """

    def __init__(self) -> None:
        import sqlite3  # only where it is used

        # Private and temporary: SQLite makes a file when there is too much for its cache.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def __enter__(self) -> Duplicates:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()

    def seen(self, record: Record) -> bool:
        """Whether the same URL, for the same place, has been asked about before."""
        try:
            identity = identity_of(record.urls[0])
        except ValueError:
            return False  # what it is no URL of is found later
        key = f"{identity}\0{record.out or ''}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(key, digest_size=16).digest()
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,))
        return added.rowcount == 0
