"""Which bodies the records of earlier and of this run have, so that none is written twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from pyfetch.database import temporary_database
from pyfetch.storage.packs.pack_format import StoredMember
from pyfetch.storage.state_file import DatabaseErrors, opened_to_read

_TABLE = "payload (sha1 TEXT PRIMARY KEY, stored TEXT NOT NULL)"
_PUT = "INSERT OR REPLACE INTO payload VALUES (?, ?)"
_FIND = "SELECT stored FROM payload WHERE sha1 = ?"
_MARK = "sha1:"
# In the order of their keys, rows are put in less than half the time.
_STORED = (
    f"SELECT substr(stored, instr(stored, char(9) || '{_MARK}') + {1 + len(_MARK)}, 32), stored"  # noqa: S608
    f" FROM file WHERE instr(stored, char(9) || '{_MARK}') AND size > 0 ORDER BY 1"
)
_AT_ONCE = 512


class KnownPayload(NamedTuple):
    """A body, and the record that has it."""

    sha1: str
    """Of the body, in base 32."""
    date: str
    """When its request was sent, as the record says it."""
    pack: str
    offset: int
    length: int
    url: str

    def text(self) -> str:
        """All of it as one text without tabs: what the state keeps, as `PackedMember.note`."""
        return _MARK + "|".join(map(str, self))

    @classmethod
    def of(cls, member: StoredMember) -> KnownPayload | None:
        """That of a member, which need not have the body itself. None: it says nothing of that."""
        fields = member.note.removeprefix(_MARK).split("|", 5)
        if len(fields) != 6 or not (fields[3].isdecimal() and fields[4].isdecimal()):
            return None
        sha1, date, pack, offset, length, url = fields
        if not pack:
            return cls(sha1, date, member.pack, member.offset, member.length, url)
        return cls(sha1, date, pack, int(offset), int(length), url)

    def member(self) -> StoredMember:
        """The member with that record."""
        end = self.offset + self.length
        return StoredMember(
            self.pack, self.offset, end, self.offset, self.length, 0, self.text(), self.url
        )


class Payloads:
    """Finds the record that has a body already, by the sha1 of that; for any thread.

    It knows what the state says of earlier runs, and what this process has written since. So a
    record that was lost with a killed run is never referred to.
    """

    def __init__(self, state: Path, is_there: Callable[[StoredMember], bool]) -> None:
        """`state`: the file of the state; `is_there`: whether a pack is long enough for this."""
        self.file: Path | None = state
        self._state = state
        self._is_there = is_there
        self._lock = threading.Lock()
        self._errors = DatabaseErrors(self)
        self._database = temporary_database(_TABLE)
        self._has_read_state = False

    def find(self, sha1: str) -> KnownPayload | None:
        """The record that has the body with this digest. Raises `StoppedError`."""
        with self._lock, self._errors:
            self._read_state()
            row = self._database.execute(_FIND, (sha1,)).fetchone()
        member = StoredMember.of(row[0]) if row else None
        found = KnownPayload.of(member) if member else None
        return found if found and self._is_there(found.member()) else None

    def add(self, member: StoredMember) -> None:
        """Note a member that was written. Raises `StoppedError`."""
        payload = KnownPayload.of(member)
        if payload:
            with self._lock, self._errors:
                self._read_state()
                self._database.execute(_PUT, (payload.sha1, member.text()))

    def _read_state(self) -> None:
        if self._has_read_state:
            return
        self._has_read_state = True
        if not self._state.exists():
            return
        with closing(opened_to_read(self._state)) as state:
            rows = state.execute(_STORED)
            while several := rows.fetchmany(_AT_ONCE):
                self._database.executemany(_PUT, several)
