"""The state: which URL owns which name, and what was fetched to it; in a SQLite database.

For one thread at a time. `commit` writes all changes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pyfetch.database import Database
from pyfetch.facts import UNKNOWN, FileFacts, Known
from pyfetch.naming.components import is_safe_path
from pyfetch.storage.given_names import GivenNames, SignedOwners
from pyfetch.storage.state_file import (
    STATE_FILE,
    VERSION,
    DatabaseErrors,
    bring_up_to_date,
    check_owner,
    damaged,
    opened_to_read,
)
from pyfetch.storage.state_tables import FileRow, StateTables, folded_key

if TYPE_CHECKING:
    from pyfetch.storage.computed_table import ComputedTable
    from pyfetch.storage.packs.packed_rows import PackedRows
    from pyfetch.storage.recorded_file import RecordedFile

__all__ = ["STATE_FILE", "VERSION", "State"]

_TAKE_OVER = (
    "UPDATE file SET url = ?, of_other_url = (size IS NOT NULL), status = NULL, etag = NULL,"
    " last_modified = NULL, sha256 = NULL, answered_by = NULL, went_to = NULL, media_type = NULL,"
    " unused_name = NULL, content_encoding = NULL WHERE key = ?"
)
# A file that its task has changed or removed is to be as the task left it, unless one was fetched
# there since.
_FILES = (
    "SELECT f.path, f.url, iif(c.key IS NULL, f.size, c.size),"
    " iif(c.key IS NULL, f.modified_ns, c.modified_ns), iif(c.key IS NULL, f.sha256, NULL),"
    " c.key IS NOT NULL, f.stored FROM file AS f LEFT JOIN computed AS c"
    " ON c.key = f.key AND c.effect != 'left' AND c.fetched_at IS f.fetched_at"
    " WHERE f.size IS NOT NULL"
)
_FORGET = (
    "DELETE FROM file WHERE key = ?1 AND (size = ?2 AND modified_ns = ?3 OR EXISTS"
    " (SELECT 1 FROM computed AS c WHERE c.key = file.key AND c.effect != 'left'"
    " AND c.fetched_at IS file.fetched_at AND c.size IS ?2 AND c.modified_ns IS ?3))"
)
_FORGET_COMPUTED = "DELETE FROM computed WHERE key = ?1 AND ?1 NOT IN (SELECT key FROM file)"
_TEXT = frozenset({str, type(None)})
_FREE = Known(None, placed_by_us=True, seen_free=True)
"""Of a name that this run gives, and that nothing has."""
_ERRORS = (sqlite3.DatabaseError, OSError)


class State:
    """The state of one output directory. Raises `StoppedError` if it cannot be used."""

    def __init__(self, file: Path | None) -> None:
        """Open the state in this file; None: a temporary one, which is lost when it is closed."""
        self.file = file
        """The file that messages name."""
        self.signed = SignedOwners()
        """Which of several URLs with one identity has got which path in this run."""
        self._errors = DatabaseErrors(self)
        self._journal = "WAL" if file else "OFF"
        with self._errors:
            if file:
                check_owner(file)
            # An empty name makes a private database in memory, or in a temporary file if it grows.
            self._database = sqlite3.connect(
                file or "", isolation_level=None, check_same_thread=False, factory=Database
            )
            try:
                bring_up_to_date(self._database, file, self._journal)
                self._tables = StateTables(self._database)
                self._given = GivenNames(self._database)
            except BaseException:
                self._database.close()
                raise

    @classmethod
    def copy_of(cls, file: Path) -> State:
        """A temporary state with the content of this file, if there is one."""
        copy = cls(None)
        copy.file = file
        try:
            with copy._errors:
                check_owner(file)
                if file.exists():
                    with closing(opened_to_read(file)) as source:
                        source.backup(copy._database)
                    bring_up_to_date(copy._database, file, copy._journal)
        except BaseException:
            copy.close()
            raise
        return copy

    def computed(self) -> ComputedTable:
        """The values of tasks, and what these have left of their files; for runs that compute."""
        from pyfetch.storage.computed_table import ComputedTable

        return ComputedTable(self._tables, self)

    def packed(self) -> PackedRows:
        """The members of packs; for runs that pack what they fetch."""
        from pyfetch.storage.packs.packed_rows import PackedRows

        return PackedRows(self._tables, self._given, self)

    @property
    def uncommitted(self) -> bool:
        """Whether there are changes that a killed process would lose."""
        return self._tables.changed

    def expect(self, paths: Iterable[str]) -> None:
        """Look up several paths at once for which `claim` will be called next: this is faster."""
        with self._errors:
            self._tables.expect(map(folded_key, paths))

    def claim(
        self, path: str, url: str, is_free: Callable[[], bool], *, takes_over: bool = False
    ) -> Known | None:
        """Claim a path for a URL. Returns what is known of it; None if it cannot have the path.

        It cannot if the path belongs to another URL, or if files are below it. `takes_over`: take a
        path, spelled the same, that another URL got in an earlier run. `is_free` returns whether
        nothing on disk has the name; it is called for a path that is new.
        """
        key = folded_key(path)
        try:  # in place of `with self._errors`, as this is called for each URL
            row = self._tables.row(key)
            if row is None:
                if self._tables.has_below(key):
                    return None
                was_free = is_free()
                self._tables.put(key, FileRow(path, url, was_free))
                self._given.add(key)
                return _FREE if was_free else UNKNOWN
            named, owner, was_free, size, *rest, went_to, of_other_url = row
            if owner != url:
                if not takes_over or named != path or self._given.has(key):
                    return None
                self._tables.change(_TAKE_OVER, (url, key))
                self._tables.change_other("DELETE FROM computed WHERE key = ?", (key,))
                rest, went_to = [rest[0], *[None] * (len(rest) - 2), rest[-1]], None
                of_other_url = size is not None
            self._given.add(key)
            if size is None and not was_free and is_free():
                was_free = True
                self._tables.change("UPDATE file SET was_free = 1 WHERE key = ?", (key,))
        except _ERRORS as error:
            raise self._errors.translated(error) or error from error
        facts = None if size is None else self._facts(size, *rest)
        if went_to is not None and not (isinstance(went_to, str) and is_safe_path(went_to)):
            went_to = None
        return Known(facts, bool(was_free), went_to, bool(of_other_url))

    def _facts(self, size: object, modified_ns: object, *texts: object) -> FileFacts:
        facts = FileFacts(size, modified_ns, *texts)  # type: ignore[arg-type]
        are_texts = _TEXT.issuperset(map(type, texts))
        if not (isinstance(size, int) and isinstance(modified_ns, int) and are_texts):
            raise damaged(self.file, "a column has a value of another type")
        return facts

    def owns(self, path: str, url: str) -> bool:
        """Whether this path belongs to this URL."""
        return self._owner(path) == url

    def may_claim(self, path: str, url: str) -> bool:
        """Whether this path belongs to this URL or to none."""
        return self._owner(path) in (None, url)

    def _owner(self, path: str) -> object:
        key = folded_key(path)
        with self._errors:
            row = self._tables.row(key)
        return row[1] if row else None

    def files(self, *, unnamed: bool = False) -> Iterator[RecordedFile]:
        """Yield all files that were fetched, in the order of their keys.

        `unnamed`: only those whose names this run has given to no target.
        """
        from pyfetch.storage.recorded_file import RecordedFile

        with self._errors:
            self._given.write()
            where = f"AND {self._given.others}" if unnamed else ""
            for row in self._tables.select(f"{_FILES} {where} ORDER BY f.key"):
                path, url, size, modified_ns, sha256, is_left, stored = row
                found = RecordedFile(path, url, size, modified_ns, sha256, bool(is_left), stored)
                types = [*map(type, found)]
                is_gone = found.left_by_task and found.size is None and found.modified_ns is None
                numbers = [type(None)] * 2 if is_gone else [int, int]
                if types[:4] != [str, str, *numbers] or not _TEXT.issuperset(types[4::2]):
                    raise damaged(self.file, "a column has a value of another type")
                if is_safe_path(found.path):
                    yield found

    def forget(self, file: RecordedFile) -> None:
        """Note that this file is gone, unless another one was fetched in its place."""
        with self._errors:
            key = folded_key(file.path)
            self._tables.change(_FORGET, (key, file.size, file.modified_ns))
            self._tables.change_other(_FORGET_COMPUTED, (key,))
            self._tables.change("DELETE FROM file WHERE went_to = ? AND size IS NULL", (file.path,))

    def add_backup(self, path: str) -> None:
        """Note that a file that pyfetch did not write was moved to this path."""
        with self._errors:
            self._tables.change("INSERT OR IGNORE INTO backup VALUES (?)", (path,))

    def backups(self) -> list[str]:
        """The paths of all backups."""
        with self._errors:
            return [path for path in self._tables.backups() if isinstance(path, str)]

    def forget_backup(self, path: str) -> None:
        """Note that this backup is gone."""
        with self._errors:
            self._tables.change("DELETE FROM backup WHERE path = ?", (path,))

    def is_taken(self, path: str) -> bool:
        """Whether this path belongs to any URL."""
        with self._errors:
            return self._tables.has(folded_key(path))

    def went_to(self, path: str, other: str) -> None:
        """Note that the server has given another name to the file of this path."""
        with self._errors:
            self._tables.set_went_to(folded_key(path), other)

    def record(self, path: str, status: int | None, facts: FileFacts) -> None:
        """Note what was fetched to a path that was claimed."""
        key = folded_key(path)
        row = self._tables.pending(key) or FileRow(path)
        row.path, row.status, row.facts, row.fetched_at = path, status, facts, time.time()
        try:
            self._tables.put(key, row)
        except _ERRORS as error:
            raise self._errors.translated(error) or error from error

    def ended_without_a_file(self, path: str) -> None:
        """Note that this run placed no file there: a file that appears later is not ours."""
        key = folded_key(path)
        row = self._tables.pending(key)
        if row is None:
            with self._errors:
                self._tables.change(
                    "UPDATE file SET was_free = 0 WHERE key = ? AND size IS NULL", (key,)
                )
        elif row.facts is None:
            row.was_free = False

    def commit(self) -> None:
        """Write the changes to disk, so that they survive the death of this process."""
        if self._tables.changed:
            with self._errors:
                self._tables.commit()

    def close(self) -> None:
        self.signed.close()
        with self._errors:
            self._database.close()
