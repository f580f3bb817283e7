"""The file of the state: its schema, the upgrade of older ones, and errors of the database."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Protocol

from pyfetch.errors import ErrorTranslation, StoppedError
from pyfetch.signed_query import unsigned
from pyfetch.storage.filesystem import READ_FILE

STATE_FILE = "state.sqlite3"
VERSION = 5
"""Version of the schema; `user_version` in the file."""

_APPLICATION = 0x70796674  # "pyft", the file's `application_id`
_APPLICATION_AT = 68  # bytes from the start of the file (SQLite, Database File Format, 1.3)
_HEADER = 100
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
    of_other_url  INTEGER NOT NULL DEFAULT 0, -- whether the file came from an earlier owner's URL
    unused_name   TEXT,             -- the name that the server gave and that was not used
    media_type    TEXT,
    content_encoding TEXT,          -- the coding in which the file was saved
    stored        TEXT              -- of an object its ETag; of a file NULL
) WITHOUT ROWID
"""
_BACKUPS = """
CREATE TABLE backup (
    path TEXT PRIMARY KEY -- below the output directory: a file that pyfetch moved out of the way
) WITHOUT ROWID
"""
_COMPUTED = """
CREATE TABLE computed (
    key         TEXT PRIMARY KEY, -- as in `file`
    task        TEXT NOT NULL,    -- identity of the task that was run for the file
    sha256      TEXT,             -- of the bytes that it was run for
    size        INTEGER,          -- bytes of the file after it; NULL: the file is gone
    modified_ns INTEGER,          -- likewise
    effect      TEXT NOT NULL,    -- what became of the file
    fetched_at  REAL,             -- as in `file`: differs if a file was fetched there since
    value       TEXT              -- in JSON; NULL: a command, which has none
) WITHOUT ROWID
"""
_TO_VERSION_5 = (
    "ALTER TABLE file ADD COLUMN content_encoding TEXT",
    "ALTER TABLE file ADD COLUMN stored TEXT",
)
_TO_VERSION_4 = (_COMPUTED, *_TO_VERSION_5)
_TO_VERSION_3 = (
    "ALTER TABLE file ADD COLUMN of_other_url INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE file ADD COLUMN unused_name TEXT",
    "ALTER TABLE file ADD COLUMN media_type TEXT",
    # The state knows URLs without their signatures.
    "UPDATE file SET url = unsigned(url) WHERE url LIKE '%sig%=%'",
    "UPDATE file SET answered_by = unsigned(answered_by) WHERE answered_by LIKE '%sig%=%'",
    _BACKUPS,
)
_STEPS = {
    0: (_SCHEMA, _BACKUPS, _COMPUTED, f"PRAGMA application_id = {_APPLICATION}"),
    1: ("ALTER TABLE file ADD COLUMN went_to TEXT", *_TO_VERSION_3, *_TO_VERSION_4),
    2: (*_TO_VERSION_3, *_TO_VERSION_4),
    3: _TO_VERSION_4,
    4: _TO_VERSION_5,
}
"""By version (0: an empty file), the statements that upgrade it to the present schema."""


def check_owner(file: Path) -> None:
    """Raise `StoppedError` if a state file is a link, or the database of another program.

    A missing or empty file is fine. Raises `OSError` if it cannot be read.
    """
    for name in (
        file,
        *(file.with_name(f"{file.name}-{kind}") for kind in ("wal", "shm", "journal")),
    ):
        try:
            status = os.lstat(name)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            kind = "a link" if stat.S_ISLNK(status.st_mode) else "no regular file"
            raise StoppedError(f"{name} is {kind}, so it is not pyfetch's state: move it away")
    try:
        descriptor = os.open(file, READ_FILE)
    except FileNotFoundError:
        return
    try:
        header = os.read(descriptor, _HEADER)
    finally:
        os.close(descriptor)
    application = int.from_bytes(header[_APPLICATION_AT : _APPLICATION_AT + 4], "big")
    if header.startswith(b"SQLite format 3\0") and application not in (0, _APPLICATION):
        raise _not_ours(file)


def bring_up_to_date(database: sqlite3.Connection, file: Path | None, journal: str) -> None:
    """Upgrade an empty or older database to the present schema, in one transaction.

    `journal`: SQLite's journal mode. Raises `StoppedError` for the database of another program or
    of a newer pyfetch, before anything is written.
    """
    execute = database.execute
    if _version(database, file) > VERSION:
        raise StoppedError(
            f"{file} is from a newer pyfetch (version {_version(database, file)}, this one knows"
            f" {VERSION}): use that one, or move the file away to begin without it"
        )
    # If the process is killed, all transactions stay complete. After a power failure, the last ones
    # may be missing.
    execute(f"PRAGMA journal_mode = {journal}")
    execute("PRAGMA synchronous = NORMAL")
    execute("PRAGMA cache_size = -2048")  # in KiB; more made no run quicker
    if _version(database, file) < VERSION:
        database.create_function("unsigned", 1, unsigned)
        execute("BEGIN IMMEDIATE")
        for statement in _STEPS[_version(database, file)]:
            execute(statement)
        execute(f"PRAGMA user_version = {VERSION}")
        execute("COMMIT")
    execute(f"SELECT {', '.join(_COLUMNS)} FROM file LIMIT 0")  # noqa: S608 - our own names


_COLUMNS = (
    "key", "path", "url", "was_free", "status", "size", "modified_ns", "etag", "last_modified",
    "sha256", "answered_by", "fetched_at", "went_to", "of_other_url",
    "unused_name", "media_type", "content_encoding", "stored",
)  # fmt: skip


def _version(database: sqlite3.Connection, file: Path | None) -> int:
    """Version of the schema; 0: empty. Raises `StoppedError` for another program's database."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    is_empty = (application, version, tables) == (0, 0, 0)
    if application != _APPLICATION and not is_empty:
        raise _not_ours(file)
    return int(version)


def _not_ours(file: Path | None) -> StoppedError:
    return StoppedError(f"{file} belongs to another program: move it away")


class HasFile(Protocol):
    """The owner of a database."""

    file: Path | None
    """The file that messages name."""


class DatabaseErrors(ErrorTranslation):
    """Turn an error of SQLite or of the disk into a `StoppedError`."""

    def __init__(self, state: HasFile) -> None:
        self._state = state

    def translated(self, error: BaseException) -> StoppedError | None:
        if isinstance(error, sqlite3.DatabaseError):
            if not isinstance(error, sqlite3.OperationalError):
                return damaged(self._state.file, error)
            reason: object = error
        elif isinstance(error, OSError):
            reason = error.strerror
        else:
            return None
        return StoppedError(
            f"cannot use the state {self._state.file or ''}: {reason}"
            " (mend that and run the same command again to go on)"
        )


def damaged(file: Path | None, why: object) -> StoppedError:
    """The error for a state that cannot be read."""
    return StoppedError(
        f"the state {file} is damaged: {why} (move it away to start without it: then all files are"
        " fetched again)"
    )


def opened_to_read(file: Path) -> sqlite3.Connection:
    """A read-only connection. Raises `sqlite3.Error`."""
    # Even to read it, SQLite would create files beside it, unless a run has it open.
    in_use = file.with_name(f"{file.name}-wal").exists()
    how = "mode=ro" if in_use else "immutable=1"
    return sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True)
