"""Which files of a run that computes are in work, and how what their tasks did gets into the state.

A value is in the state, safe from `kill -9`, before `ComputedFile.record` returns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from pyfetch.attempt import Finished
from pyfetch.models import Target
from pyfetch.storage.computed_file import ComputedFile
from pyfetch.storage.computed_table import ComputedRow
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.file_ledger import FileLedger
from pyfetch.storage.group_commit import GroupCommit


class ComputedFiles:
    """What is recorded of tasks. For any thread.

    `keeps`: whether files stay after their tasks. The ledger has to know the tasks.
    """

    def __init__(self, ledger: FileLedger, directory: OutputDirectory, *, keeps: bool) -> None:
        self.ledger = ledger
        self.directory = directory
        self.keeps = keeps
        self._commits = GroupCommit(self._commit)
        self._busy: set[str] = set()
        """Paths of files that are in work."""
        self._given_back = threading.Condition()

    def of(self, target: Target, finished: Finished) -> ComputedFile:
        """The file of a target that did not fail, for a `with` statement."""
        return ComputedFile(self, target, finished)

    def take(self, path: str) -> None:
        """Wait until nobody else has this file in work: a list may name it twice."""
        with self._given_back:
            while path in self._busy:
                self._given_back.wait()
            self._busy.add(path)

    def give_back(self, path: str) -> None:
        """Let the next one have this file."""
        with self._given_back:
            self._busy.discard(path)
            self._given_back.notify_all()

    def note(self, path: str, row: ComputedRow) -> None:
        """Record what does no harm if the process is killed before the next commit."""
        self.ledger.note_computed([(path, row)], at_once=False)

    def is_taken(self, path: str) -> bool:
        """Whether somebody has this file in work now."""
        return path in self._busy

    def commit(self, rows: Iterable[tuple[str, ComputedRow]]) -> None:
        """Record values. When this returns, they survive the death of the process."""
        self._commits.write(rows)

    def _commit(self, rows: list[tuple[str, ComputedRow]]) -> None:
        self.ledger.note_computed(rows, at_once=True)
