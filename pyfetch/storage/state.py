"""What is there, and who owns which name, in SQLite: on disk, however many there are.

For one thread at a time. Changes are written together, by `commit`.
"""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from pyfetch.errors import StoppedError
from pyfetch.models import FileFacts, Known
from pyfetch.signed_query import unsigned
from pyfetch.storage.changes import MOST, Changes, FileRow
from pyfetch.storage.signed_owners import SignedOwners

STATE_FILE = "state.sqlite3"
VERSION = 3
"""Of the schema; the file says it as its `user_version`."""

_APPLICATION = 0x70796674  # "pyft", the file's `application_id`
_SCHEMA = """
CREATE TABLE file (
    key           TEXT PRIMARY KEY, -- the path, folded: names that differ only in case are one
    path          TEXT NOT NULL,    -- below the output directory
    url           TEXT NOT NULL,    -- who owns the name; without credentials and fragment
    was_free      INTEGER NOT NULL, -- whether nothing was there when the URL got the name
    status        INTEGER,          -- of the answer; this and what follows: NULL until fetched
    size          INTEGER,          -- bytes
    modified_ns   INTEGER,          -- on disk, nanoseconds since the epoch
    etag          TEXT,
    last_modified TEXT,
    sha256        TEXT,
    answered_by   TEXT,             -- the URL that answered, after redirects
    fetched_at    REAL,             -- seconds since the epoch
    went_to       TEXT,             -- another path if the server has named the file
    unused_name   TEXT,             -- the name that the server gave and that was not used
    media_type    TEXT
) WITHOUT ROWID
"""
_ADDED_AFTER = {1: ("went_to",), 2: ("unused_name", "media_type")}
"""By version of the schema, the columns that the next one has beyond it."""
_LOOK_UP = (
    "SELECT key, url, was_free, size, modified_ns, etag, last_modified, sha256, answered_by,"
    " media_type, unused_name, went_to FROM file WHERE key"
)
_AT_ONCE = 64
"""Keys that are looked up by one statement: each statement lets other threads run."""


class State:
    """The state of one output directory. Raises `StoppedError` where it cannot be used."""

    def __init__(self, file: Path | None) -> None:
        """Open the state in this file, or one that is gone when it is closed (None)."""
        self.file = file
        """What messages name."""
        self.signed = SignedOwners()
        """Which of several URLs with one identity has got which path in this run."""
        self._errors = _Errors(self)
        self._looked_up: dict[str, list[Any] | None] = {}
        """By key, rows as they are in the database; None where there is none."""
        self._journal = "WAL" if file else "OFF"
        self._changes = Changes()
        self._in_transaction = self._changed = False
        self._has_directories: bool | None = None
        """Whether any path leads through one; None while nobody has looked."""
        with self._errors:
            # An empty name: a private database that goes to a temporary file as it grows.
            self._database = sqlite3.connect(
                file or "", isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    @classmethod
    def copy_of(cls, file: Path) -> State:
        """A state that knows what this file does, if there is one, and is gone when closed."""
        copy = cls(None)
        copy.file = file
        if file.exists():
            try:
                with copy._errors, closing(_opened_to_read(file)) as source:
                    source.backup(copy._database)
                    copy._prepare()
            except BaseException:
                copy.close()
                raise
        return copy

    @property
    def uncommitted(self) -> bool:
        """Whether there are changes that a killed process would lose."""
        return self._changed

    def _prepare(self) -> None:
        execute = self._database.execute
        (version,) = execute("PRAGMA user_version").fetchone()
        (application,) = execute("PRAGMA application_id").fetchone()
        if application not in (0, _APPLICATION):
            raise StoppedError(f"{self.file} is somebody else's database: move it away")
        if version > VERSION:
            raise StoppedError(
                f"{self.file} is from a newer pyfetch (version {version}, this one knows"
                f" {VERSION}): use that one, or move the file away to begin without it"
            )
        # A killed process leaves whole transactions; so does a loss of power, though
        # perhaps not the last ones.
        execute(f"PRAGMA journal_mode = {self._journal}")
        execute("PRAGMA synchronous = NORMAL")
        execute("PRAGMA cache_size = -8192")
        if version == 0:
            execute("BEGIN IMMEDIATE")
            execute(_SCHEMA)
            execute(f"PRAGMA application_id = {_APPLICATION}")
            execute(f"PRAGMA user_version = {VERSION}")
            execute("COMMIT")
        elif version < VERSION:
            execute("BEGIN IMMEDIATE")
            for earlier in range(version, VERSION):
                for column in _ADDED_AFTER[earlier]:
                    execute(f"ALTER TABLE file ADD COLUMN {column} TEXT")
            # Version 3 knows URLs without what signs them.
            self._database.create_function("unsigned", 1, unsigned, deterministic=True)
            execute("UPDATE file SET url = unsigned(url) WHERE url LIKE '%sig%=%'")
            execute(
                "UPDATE file SET answered_by = unsigned(answered_by)"
                " WHERE answered_by LIKE '%sig%=%'"
            )
            execute(f"PRAGMA user_version = {VERSION}")
            execute("COMMIT")

    def expect(self, paths: Iterable[str]) -> None:
        """Look up together, where that is quicker, what `claim` will be asked for next."""
        keys = list({_key(path) for path in paths})
        self._looked_up.clear()
        with self._errors:
            self._begin()
            while keys:
                several, keys = keys[:_AT_ONCE], keys[_AT_ONCE:]
                self._looked_up.update(dict.fromkeys(several))
                rows = self._database.execute(
                    f"{_LOOK_UP} IN ({', '.join('?' * len(several))})", several
                )
                self._looked_up.update({key: row for key, *row in rows})

    def claim(self, path: str, url: str, is_free: Callable[[], bool]) -> Known | None:
        """What is known of a name that is this URL's: it was, or nobody's and is from now on.

        None if it is another URL's, or a directory's in which files are named. `is_free` is
        asked whether nothing is there, for a name that is new.
        """
        key = _key(path)
        with self._errors:
            self._begin()  # a look-up outside of a transaction is one of its own, with its locks
            if key in self._changes.rows:
                self._write()
            row = self._row(key)
            if row is None:
                if self._has_below(key):
                    return None
                self._has_directories = self._has_directories or "/" in key
                was_free = is_free()
                self._put(key, FileRow(path, url, was_free))
                return Known(None, was_free)
            owner, was_free, size, *rest, went_to = row
            if owner != url:
                return None
            if size is None and not was_free and is_free():
                was_free = True
                self._change("UPDATE file SET was_free = 1 WHERE key = ?", (key,))
        facts = None if size is None else FileFacts(size, *rest)
        return Known(facts, bool(was_free), went_to)

    def is_taken(self, path: str) -> bool:
        """Whether this path is some URL's."""
        key = _key(path)
        with self._errors:
            query = "SELECT 1 FROM file WHERE key = ?"
            return (
                key in self._changes.rows
                or self._database.execute(query, (key,)).fetchone() is not None
            )

    def _row(self, key: str) -> list[Any] | None:
        if key in self._looked_up:
            return self._looked_up[key]
        found = self._database.execute(f"{_LOOK_UP} = ?", (key,)).fetchone()
        return list(found[1:]) if found else None

    def _has_below(self, key: str) -> bool:
        if self._has_directories is None:
            query = "SELECT 1 FROM file WHERE instr(key, '/') LIMIT 1"
            self._has_directories = self._database.execute(query).fetchone() is not None
        if not self._has_directories:
            return False
        if key in self._changes.directories:
            return True
        # "0" comes behind "/": between them is all that begins with the directory's name.
        query = "SELECT 1 FROM file WHERE key > ? AND key < ? LIMIT 1"
        return self._database.execute(query, (f"{key}/", f"{key}0")).fetchone() is not None

    def went_to(self, path: str, other: str) -> None:
        """Note that what a name was claimed for has got another one from its server."""
        with self._errors:
            self._write()
            self._change("UPDATE file SET went_to = ? WHERE key = ?", (other, _key(path)))

    def record(self, path: str, status: int | None, facts: FileFacts) -> None:
        """Note what was fetched to a name that was claimed."""
        key = _key(path)
        row = self._changes.rows.get(key) or FileRow(path)
        row.path, row.status, row.facts, row.fetched_at = path, status, facts, time.time()
        with self._errors:
            self._put(key, row)

    def ended_without_a_file(self, path: str) -> None:
        """Note that this run put nothing there: what will be there is not of its making."""
        key = _key(path)
        row = self._changes.rows.get(key)
        if row is None:
            with self._errors:
                self._change("UPDATE file SET was_free = 0 WHERE key = ? AND size IS NULL", (key,))
        elif row.facts is None:
            row.was_free = False

    def commit(self) -> None:
        """Write the changes, so that they outlive this process however it ends."""
        if self._changed:
            with self._errors:
                self._write()
                self._database.execute("COMMIT")
            self._in_transaction = self._changed = False

    def close(self) -> None:
        self.signed.close()
        with self._errors:
            self._database.close()

    def _put(self, key: str, row: FileRow) -> None:
        self._changed = True
        self._changes.put(key, row)
        if len(self._changes.rows) >= MOST:
            self._write()

    def _write(self) -> None:
        self._looked_up.clear()
        self._begin()
        self._changes.write(self._database)

    def _change(self, statement: str, values: tuple[object, ...]) -> None:
        self._changed = True
        self._looked_up.clear()
        self._begin()
        self._database.execute(statement, values)

    def _begin(self) -> None:
        if not self._in_transaction:
            self._database.execute("BEGIN IMMEDIATE")
            self._in_transaction = True


class _Errors:
    """Turns what SQLite raises within into what it means for the run."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, sqlite3.OperationalError):
            raise StoppedError(
                f"cannot use the state {self._state.file or ''}: {error}"
                " (mend that and run the same command again to go on)"
            ) from error
        if isinstance(error, sqlite3.DatabaseError):
            raise StoppedError(
                f"the state {self._state.file} is damaged: {error} (move it away to begin"
                " without what it knew: then all is fetched anew)"
            ) from error


def _opened_to_read(file: Path) -> sqlite3.Connection:
    # Where no run has it open, SQLite would make files beside it only to read it.
    in_use = file.with_name(f"{file.name}-wal").exists()
    how = "mode=ro" if in_use else "immutable=1"
    return sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True)


def _key(path: str) -> str:
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
