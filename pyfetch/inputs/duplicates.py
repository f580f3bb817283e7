"""Which files of a list were asked for before: on disk, so that memory stays flat."""

from __future__ import annotations

import hashlib
from types import TracebackType

from pyfetch.models import Target
from pyfetch.system import temporary_database


class Duplicates:
    """Digests of the files that a list has asked for, in a temporary database.

    For one thread, except that any may close it.
    """

    def __init__(self) -> None:
        self._database = temporary_database("seen (digest BLOB PRIMARY KEY)")

    def __enter__(self) -> Duplicates:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()

    def seen(self, target: Target) -> bool:
        """Whether a target of the same URL and the same `out` came before."""
        key = f"{target.url.exact}\0{target.out or ''}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(key, digest_size=16).digest()
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,))
        return added.rowcount == 0
