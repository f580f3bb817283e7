"""What the state knows of the members of packs: rows of the table `file`, by `stored`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.storage.packs.pack_format import StoredMember
from pyfetch.storage.state_file import DatabaseErrors

if TYPE_CHECKING:
    from pyfetch.storage.given_names import GivenNames
    from pyfetch.storage.state import State
    from pyfetch.storage.state_tables import StateTables

_ALL = (
    "SELECT f.key, f.path, f.url, f.size, f.sha256, f.stored FROM file AS f"
    " WHERE instr(f.stored, char(9))"
)
_OF_A_URL_WITH_ANOTHER = (
    "f.url IN (SELECT url FROM file WHERE instr(stored, char(9))"
    " AND key IN (SELECT key FROM temp.given))"
)
_BY_PLACE = (
    " ORDER BY substr(f.stored, 1, instr(f.stored, char(9))),"
    " CAST(substr(f.stored, instr(f.stored, char(9)) + 1) AS INTEGER)"
)
_FORGET = (
    "UPDATE file SET status = NULL, size = NULL, modified_ns = NULL, etag = NULL,"
    " last_modified = NULL, sha256 = NULL, answered_by = NULL, fetched_at = NULL, went_to = NULL,"
    " unused_name = NULL, media_type = NULL, content_encoding = NULL, stored = NULL WHERE key = ?"
)
_MOVE = "UPDATE file SET stored = ? WHERE key = ? AND stored = ?"


class PackedRow(NamedTuple):
    """A member as the state knows it."""

    key: str
    path: str
    url: str
    size: int
    sha256: str | None
    member: StoredMember


class PackedRows:
    """The members that a state knows. To be used as the state is: by one thread at a time."""

    def __init__(self, tables: StateTables, given: GivenNames, state: State) -> None:
        self._tables = tables
        self._given = given
        self._errors = DatabaseErrors(state)

    def all(self) -> Iterator[PackedRow]:
        """All of them, in the order of their packs and places."""
        yield from self._found(_ALL + _BY_PLACE)

    def listed(self) -> Iterator[PackedRow]:
        """As `all`, without what a URL was called before it got the keys that it has in this run.

        A URL has several if the list says so, by `out` or by columns that `--name` takes. One that
        this run does not name keeps all that it has had.
        """
        with self._errors:
            self._given.write()
        left_out = f"{self._given.others} AND {_OF_A_URL_WITH_ANOTHER}"
        yield from self._found(f"{_ALL} AND NOT ({left_out}){_BY_PLACE}")

    def of(self, packs: Collection[str]) -> list[PackedRow]:
        """Those of these packs, in the order of their places."""
        rows = [row for row in self.unordered() if row.member.pack in packs]
        return sorted(rows, key=lambda row: row.member.start)

    def unordered(self) -> Iterator[PackedRow]:
        """All of them, in any order."""
        yield from self._found(_ALL)

    def forget(self, key: str) -> None:
        """Note that this one is gone. Its key stays with its URL."""
        with self._errors:
            self._tables.change(_FORGET, (key,))

    def move(self, row: PackedRow, member: StoredMember) -> None:
        """Note that this one is elsewhere now, unless it was fetched again since."""
        with self._errors:
            self._tables.change(_MOVE, (member.text(), row.key, row.member.text()))

    def _found(self, query: str) -> Iterator[PackedRow]:
        with self._errors:
            for key, path, url, size, sha256, stored in self._tables.select(query):
                member = StoredMember.of(stored) if isinstance(stored, str) else None
                if member and isinstance(size, int) and isinstance(path, str):
                    yield PackedRow(key, path, str(url), size, sha256, member)
