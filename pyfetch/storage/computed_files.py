"""Which files of a run that computes are in work, and how what their tasks did gets into the state.

A value is in the state, safe from `kill -9`, before `ComputedFiles.commit` returns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyfetch.attempt import Finished
from pyfetch.models import Target
from pyfetch.storage.computed_file import ComputedFile, ComputedLedger
from pyfetch.storage.computed_table import ComputedRow
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.group_commit import GroupCommit

if TYPE_CHECKING:  # loaded where the store has no files
    from pyfetch.storage.computed_copy import Copies


class ComputedFiles:
    """What is recorded of tasks. For any thread.

    `keeps`: whether files stay after their tasks. `copies`: makes copies for tasks; None: what is
    fetched is a file on this machine. The ledger has to know the tasks.
    """

    def __init__(
        self,
        ledger: ComputedLedger,
        directory: OutputDirectory,
        *,
        keeps: bool,
        copies: Copies | None = None,
    ) -> None:
        self.ledger = ledger
        self.directory = directory
        self.keeps = keeps
        self._copies = copies
        self._commits = GroupCommit(self._commit)
        self._busy: set[str] = set()
        """Paths of files that are in work."""
        self._given_back = threading.Condition()

    def of(self, target: Target, finished: Finished) -> ComputedFile:
        """The file of a target that did not fail, for `in_work`."""
        if self._copies:
            from pyfetch.storage.computed_copy import ComputedCopy

            return ComputedCopy(self, target, finished, self._copies)
        return ComputedFile(self, target, finished)

    def close(self) -> None:
        """Remove copies that are left."""
        if self._copies:
            self._copies.close()

    @contextmanager
    def in_work(self, files: Sequence[ComputedFile]) -> Iterator[int]:
        """Have files in work: as many of the first ones, at least one, as nobody else has.

        A list may name a file twice: waits until the first one is free. Yields how many they are.
        """
        taken = self._take([file.path for file in files])
        try:
            known = self.ledger.computed_of(taken)
            for file, what in zip(files, known, strict=False):
                file.known = what
            yield len(taken)
        finally:
            with self._given_back:
                self._busy.difference_update(taken)
                self._given_back.notify_all()

    def _take(self, paths: Sequence[str]) -> list[str]:
        with self._given_back:
            while paths[0] in self._busy:  # this thread has none that others may wait for
                self._given_back.wait()
            taken = []
            for path in paths:
                if path in self._busy:
                    break
                self._busy.add(path)
                taken.append(path)
            return taken

    def note(self, path: str, row: ComputedRow) -> None:
        """Record what does no harm if the process is killed before the next commit."""
        self.ledger.note_computed([(path, row)], at_once=False)

    def commit(self, rows: Iterable[tuple[str, ComputedRow]]) -> None:
        """Record values. When this returns, they survive the death of the process."""
        self._commits.write(rows)

    def _commit(self, rows: list[tuple[str, ComputedRow]]) -> None:
        self.ledger.note_computed(rows, at_once=True)
