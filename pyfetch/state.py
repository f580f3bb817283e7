"""Who owns which name, in SQLite: on disk, not in memory, however many there are."""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata

_SCHEMA = """
CREATE TABLE name (
    key   TEXT PRIMARY KEY, -- the path, folded: names that differ only in case are one name
    owner BLOB NOT NULL     -- a hash of the URL
) WITHOUT ROWID
"""


class Names:
    """Which URL each name belongs to. For the thread that made it; gone when it is closed."""

    def __init__(self) -> None:
        # An empty name: a private database that goes to a temporary file when it grows.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(_SCHEMA)

    def claim(self, path: str, url: str) -> bool:
        """Whether the name is this URL's: it was already, or nobody's and is from now on."""
        key = unicodedata.normalize("NFC", path).casefold()
        owner = hashlib.blake2b(url.encode(errors="surrogatepass"), digest_size=16).digest()
        claimed = self._database.execute(
            "INSERT INTO name VALUES (?, ?) ON CONFLICT DO NOTHING", (key, owner)
        )
        if claimed.rowcount:
            return True
        row = self._database.execute("SELECT owner FROM name WHERE key = ?", (key,)).fetchone()
        return bool(row[0] == owner)

    def close(self) -> None:
        self._database.close()
