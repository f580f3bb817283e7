"""Commits that several threads wait for, made together: one writes for all that came meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

_R = TypeVar("_R")


class _RowsTogether(Generic[_R]):
    """Rows that one commit writes."""

    __slots__ = ("error", "is_done", "rows")

    def __init__(self) -> None:
        self.rows: list[_R] = []
        self.is_done = False
        self.error: BaseException | None = None


class GroupCommit(Generic[_R]):
    """Writes rows for any number of threads. `commit` writes several and commits them."""

    def __init__(self, commit: Callable[[list[_R]], None]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        """Held by the thread that commits."""
        self._next: _RowsTogether[_R] = _RowsTogether()

    def write(self, rows: Iterable[_R]) -> None:
        """Write rows. Returns once they are committed; raises what `commit` raises."""
        with self._lock:
            batch = self._next
            batch.rows.extend(rows)
        with self._turn:
            if not batch.is_done:
                with self._lock:
                    self._next = _RowsTogether()
                try:
                    self._commit(batch.rows)
                except BaseException as error:
                    batch.error = error
                batch.is_done = True
        if batch.error is not None:
            raise batch.error
