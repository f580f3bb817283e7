"""The table `computed` of the state: the values of tasks, and what these left of their files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyfetch.computed import MOST_JSON, Effect, LeftFile
from pyfetch.storage.state_file import DatabaseErrors, HasFile, damaged
from pyfetch.storage.state_tables import StateTables, folded_key

_COLUMNS = "c.task, c.sha256, c.size, c.modified_ns, c.effect, c.fetched_at, c.value"
_COMPUTED = f"SELECT c.key, {_COLUMNS} FROM computed AS c WHERE c.key"  # noqa: S608 - our own names
_WITH_FILE = (
    f"SELECT f.key, f.size, f.modified_ns, f.fetched_at, {_COLUMNS}"  # noqa: S608 - our own names
    " FROM file AS f LEFT JOIN computed AS c ON c.key = f.key WHERE f.key"
)
_LEFT = (
    "SELECT c.task, c.size, c.modified_ns, c.effect FROM computed AS c JOIN file AS f"
    " ON f.key = c.key AND f.fetched_at IS c.fetched_at WHERE c.key = ? AND c.effect != 'left'"
)
_PUT = "INSERT OR REPLACE INTO computed VALUES "
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?)"
_AT_ONCE = 64
"""Rows that one statement writes, at most: see `state_tables`."""
_TYPES = (
    (str,), (str, type(None)), (int, type(None)), (int, type(None)), (str,),
    (float, type(None)), (str, type(None)),
)  # fmt: skip


class ComputedRow(NamedTuple):
    """What is recorded of a task that has succeeded for a file."""

    task: str
    """Identity of the task. Empty: it failed, so there is no value, only what it has left."""
    sha256: str | None
    """Of the bytes that it was run for, in hexadecimal digits; None: it is not known."""
    size: int | None
    """Bytes of the file after the task; None: the file is gone."""
    modified_ns: int | None
    """Modification time of the file after the task, in nanoseconds since the epoch."""
    effect: Effect
    fetched_at: float | None
    """When the file that it was run for was fetched, in seconds since the epoch."""
    value: str | None
    """In JSON; None: a command, which has none."""


class ComputedOf(NamedTuple):
    """What the state knows of a file that was fetched, and of its task."""

    size: int | None
    """Bytes of the file as it was fetched; None: it was not fetched by pyfetch."""
    modified_ns: int | None
    fetched_at: float | None
    row: ComputedRow | None
    """None: no task is known to have succeeded for this path."""


NOT_FETCHED = ComputedOf(None, None, None, None)


class ComputedTable:
    """The table `computed` of an open state. For one thread at a time, as the state is."""

    def __init__(self, tables: StateTables, state: HasFile) -> None:
        self._tables = tables
        self._state = state
        self._errors = DatabaseErrors(state)

    def left(self, path: str, task: str, *, keeps: bool) -> LeftFile | None:
        """What a task has made of the last file that was fetched to a path; None: nothing.

        The path was claimed just before, so that nothing about it is left to be written.
        `task` is what is to be run for it now; `keeps`: whether the file is to stay after that.
        """
        with self._errors:
            found = self._tables.find(_LEFT, folded_key(path))
        if found is None:
            return None
        done, size, modified_ns, effect = found
        row = self._checked((done, None, size, modified_ns, effect, None, None))
        stands = row.task == task and not (keeps and row.effect.by_pyfetch)
        return LeftFile(row.size, row.modified_ns, stands)

    def of(self, paths: Sequence[str]) -> list[ComputedOf]:
        """What is known of the files at paths that were claimed, and of their tasks."""
        known: dict[str, ComputedOf] = {}
        keys = [folded_key(path) for path in paths]
        pending = [(key, self._tables.pending(key)) for key in keys]
        new = {key: row for key, row in pending if row and row.facts}
        written = [key for key in keys if key not in new]
        with self._errors:
            computed = self._tables.find_all(_COMPUTED, [*new]) if new else ()
            files = self._tables.find_all(_WITH_FILE, written) if written else ()
        rows = {key: self._checked(row) for key, *row in computed}
        for key, file in new.items():
            assert file.facts  # noqa: S101 - chosen by that
            known[key] = ComputedOf(
                file.facts.size, file.facts.modified_ns, file.fetched_at, rows.get(key)
            )
        for key, size, modified_ns, fetched_at, *row in files:
            done = None if row[0] is None else self._checked(row)
            known[key] = ComputedOf(size, modified_ns, fetched_at, done)
        return [known.get(key, NOT_FETCHED) for key in keys]

    def put(self, rows: Sequence[tuple[str, ComputedRow]]) -> None:
        """Record tasks that have succeeded for the files at these paths."""
        with self._errors:
            for start in range(0, len(rows), _AT_ONCE):
                some = rows[start : start + _AT_ONCE]
                values = [value for path, row in some for value in (folded_key(path), *row)]
                self._tables.change_other(_PUT + ", ".join([_ROW] * len(some)), values)

    def value_of(self, row: ComputedRow) -> Any:
        """The value that a row has in JSON; None for a command. For any thread."""
        if row.value is None:
            return None
        if len(row.value) > MOST_JSON:
            raise damaged(self._state.file, "a value is longer than any value may be")
        try:
            return json.loads(row.value, parse_constant=_refused)
        except (ValueError, RecursionError) as error:
            raise damaged(self._state.file, f"a value is no JSON ({error})") from error

    def _checked(self, row: Sequence[Any]) -> ComputedRow:
        is_typed = all(type(value) in types for value, types in zip(row, _TYPES, strict=True))
        task, sha256, size, modified_ns, effect, fetched_at, value = row
        if not is_typed or (size is None) != (modified_ns is None):
            raise damaged(self._state.file, "a column has a value of another type")
        try:
            known = Effect(effect)
        except ValueError as error:
            raise damaged(self._state.file, error) from error
        return ComputedRow(task, sha256, size, modified_ns, known, fetched_at, value)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
