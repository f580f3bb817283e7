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

_TABLE = "payload (sha1 TEXT PRIMARY KEY, date TEXT NOT NULL, stored TEXT NOT NULL)"
_PUT = "INSERT OR REPLACE INTO payload VALUES (?, ?, ?)"
_STORED = "SELECT stored FROM file WHERE stored IS NOT NULL AND size > 0"
_AT_ONCE = 512


class Payload(NamedTuple):
    """A record that has a body."""

    date: str
    """When its request was sent, as the record says it."""
    member: StoredMember


class Payloads:
    """Finds the record that has a body already, by the sha1 of that; for any thread.

    It knows what the state says of earlier runs, and what this process has written since. So a
    record that was lost with a killed run is never referred to.
    """

    def __init__(self, state: Path | None, is_there: Callable[[StoredMember], bool]) -> None:
        """`state`: the file of the state, if there is one; `is_there`: whether a pack has this."""
        self.file = state
        self._is_there = is_there
        self._lock = threading.Lock()
        self._errors = DatabaseErrors(self)
        self._database = temporary_database(_TABLE)
        self._has_read_state = False

    def find(self, sha1: str) -> Payload | None:
        """The record that has the body with this digest. Raises `StoppedError`."""
        with self._lock, self._errors:
            self._read_state()
            query = "SELECT date, stored FROM payload WHERE sha1 = ?"
            row = self._database.execute(query, (sha1,)).fetchone()
        member = StoredMember.of(row[1]) if row else None
        return Payload(row[0], member) if member and self._is_there(member) else None

    def add(self, sha1: str, payload: Payload) -> None:
        """Note a record that was written. Raises `StoppedError`."""
        with self._lock, self._errors:
            self._read_state()
            self._database.execute(_PUT, (sha1, payload.date, payload.member.text()))

    def _read_state(self) -> None:
        if self._has_read_state:
            return
        self._has_read_state = True
        if self.file is None or not self.file.exists():
            return
        with closing(opened_to_read(self.file)) as state:
            rows = state.execute(_STORED)
            while several := rows.fetchmany(_AT_ONCE):
                self._database.executemany(_PUT, filter(None, (_row(text) for (text,) in several)))


def _row(text: object) -> tuple[str, str, str] | None:
    member = StoredMember.of(text) if isinstance(text, str) else None
    note = note_of(member) if member else None
    return None if note is None or note.refers_to else (note.sha1, note.date, str(text))


class Note(NamedTuple):
    """What the state keeps of a record, as `PackedMember.note`."""

    sha1: str
    date: str
    refers_to: tuple[str, int, int] | None = None
    """Pack, offset and length of the record that has the body; None: this one has it."""

    def text(self) -> str:
        """All of it as one text without tabs."""
        return "|".join(map(str, (self.sha1, self.date, *(self.refers_to or ()))))


def note_of(member: StoredMember) -> Note | None:
    """What the note of a member says; None: nothing."""
    fields = member.note.split("|")
    match fields:
        case [sha1, date]:
            return Note(sha1, date)
        case [sha1, date, pack, offset, length] if offset.isdecimal() and length.isdecimal():
            return Note(sha1, date, (pack, int(offset), int(length)))
    return None
