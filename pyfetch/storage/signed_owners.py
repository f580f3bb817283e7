"""Within one run, URLs that differ only in what signs them have paths of their own."""

from __future__ import annotations

import sqlite3

from pyfetch.system import temporary_database
from pyfetch.urls import Url


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
