"""A file to compute of which the store has no file on this machine: its task gets a copy."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pyfetch.attempt import Finished
from pyfetch.computed import Effect
from pyfetch.models import Result, Target
from pyfetch.storage.computed_file import ComputedFile, FilesInWork, Recorded
from pyfetch.storage.computed_table import ComputedRow
from pyfetch.storage.filesystem import NEW_FILE, OWN_DIRECTORY, errors_of

COPIES = "copies-"
"""How the directories of copies begin, in `.pyfetch`: one for each process."""


class Copies:
    """The directory of a process with copies of what its tasks read. For any thread.

    `blocks`: reads what the store has at a path.
    """

    def __init__(self, home: Path, blocks: Callable[[str, str | None], Iterator[bytes]]) -> None:
        self._above = home / OWN_DIRECTORY
        self._blocks = blocks
        self._directory: Path | None = None
        self._lock = threading.Lock()

    def made(self, path: str, stored: str | None, name: str) -> str:
        """Make a copy of this version of what has this path. Returns its own path.

        `name`: that of the copy. Raises `TargetError`.
        """
        with errors_of(self._above):
            with self._lock:
                if self._directory is None:
                    self._directory = Path(tempfile.mkdtemp(prefix=COPIES, dir=self._above))
            place = Path(tempfile.mkdtemp(dir=self._directory), name)
            descriptor = os.open(place, NEW_FILE, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
                for block in self._blocks(path, stored):
                    file.write(block)
        return os.fspath(place)

    @staticmethod
    def remove(copy: str) -> None:
        """Remove a copy, and what its task has left beside it."""
        shutil.rmtree(Path(copy).parent, ignore_errors=True)

    def close(self) -> None:
        """Remove all copies."""
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)


def remove_copies(home: Path) -> None:
    """Remove the copies that killed processes have left."""
    with contextlib.suppress(OSError):
        for entry in (home / OWN_DIRECTORY).iterdir():
            if entry.name.startswith(COPIES):
                shutil.rmtree(entry, ignore_errors=True)


class ComputedCopy(ComputedFile):
    """The copy that the task of one target gets. What the store has, stays as it is."""

    def __init__(
        self, files: FilesInWork, target: Target, finished: Finished, copies: Copies
    ) -> None:
        super().__init__(files, target, finished)
        self._copies = copies
        facts = finished.facts or target.known.facts
        self._stored = facts.stored if facts else None
        self._copy: str | None = None

    @property
    def result(self) -> Result:
        """The result that its task gets: with the copy."""
        return self._result._replace(file=self._copy)

    def recorded(self) -> Recorded | None:
        """The value if this task was run for the same bytes already; else a copy is made."""
        row, sha256 = self.known.row, self._result.sha256
        if row and row.task == self._task and row.sha256 and row.sha256 == sha256:
            return Recorded(self._files.ledger.value_of(row), self._result.file)
        # The name stays, for tasks that look at it.
        name = (self._result.file or self.path).rpartition("/")[2]
        self._copy = self._copies.made(self.path, self._stored, name)
        return None

    def to_record(self, value: str | None) -> tuple[str, ComputedRow]:
        known = self.known
        return self.path, ComputedRow(
            self._task, self._result.sha256, known.size, known.modified_ns, Effect.LEFT,
            known.fetched_at, value,
        )  # fmt: skip

    def settled(self) -> str | None:
        self._remove()
        return self._result.file

    def failed(self) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._copy:
            self._copies.remove(self._copy)
            self._copy = None
