"""One file of a run that computes: whether its value is recorded, and what its task has left."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from pyfetch.attempt import Finished
from pyfetch.computed import Effect
from pyfetch.models import Result, Target, TargetError
from pyfetch.storage.computed_table import NOT_FETCHED, ComputedOf, ComputedRow
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.existing import NOTHING, Found, look
from pyfetch.storage.filesystem import errors_of, identity

_FAILED = ""
"""Stands for the task of a row that has no value."""


class Recorded(NamedTuple):
    """A value that need not be computed again."""

    value: Any
    """None for a command."""
    file: str | None
    """The file; None: it is gone, as its task or `--keep no` wants it."""


class ComputedLedger(Protocol):
    """Knows what tasks have done with files, and takes note of it."""

    def task_of(self, target: Target) -> str:
        """Identity of the task that this run has for a target's file."""
        ...

    def computed_of(self, paths: Sequence[str]) -> Sequence[ComputedOf]:
        """What is known of each of these files, and of the task that was run for it."""
        ...

    def note_computed(self, rows: Sequence[tuple[str, ComputedRow]], *, at_once: bool) -> None:
        """Note by paths what tasks have done. `at_once`: commit it before this returns."""
        ...

    def value_of(self, row: ComputedRow) -> Any:
        """The value of a task, from its JSON."""
        ...


class FilesInWork(Protocol):
    """What the files have in common that are in work."""

    ledger: ComputedLedger
    directory: OutputDirectory
    keeps: bool
    """Whether files stay after their tasks."""

    def note(self, path: str, row: ComputedRow) -> None:
        """Record what does no harm if the process is killed before the next commit."""
        ...


class ComputedFile:
    """The file of one target while its task is run: between begin and end of `in_work`.

    Its methods raise `TargetError` if something that is no file has its name now or if it cannot be
    removed, and `StoppedError` if the disk or the state cannot be used.
    """

    def __init__(self, files: FilesInWork, target: Target, finished: Finished) -> None:
        path = finished.path or target.path
        assert path is not None  # noqa: S101 - a run that computes gives each file a name
        self.path = path
        """Below the output directory."""
        self._files = files
        self._final = files.directory.final(path)
        self._task = files.ledger.task_of(target)
        self._result = finished.result
        self._before = NOTHING
        """What has the name before the task."""
        self.known: ComputedOf = NOT_FETCHED
        """What the state knows of it before the task."""
        self._after = NOTHING
        """What has it after the task."""

    @property
    def result(self) -> Result:
        """The result that its task gets."""
        return self._result

    def recorded(self) -> Recorded | None:
        """The value if this task was run for the same bytes already; None: it has to be run.

        Then a file that is there goes, with `--keep no`.
        """
        self._before = look(self._files.directory, self.path)
        row = self.known.row
        if row is None or row.task != self._task:
            return None
        effect = row.effect
        if not self._is_as_left():
            if not (self._is_as_fetched() and row.sha256 and row.sha256 == self._result.sha256):
                return None
            if effect.by_task and self._files.keeps:
                return None  # the file is wanted as the task leaves it
            effect = Effect.ALTERED if effect.by_task else Effect.LEFT
        value = self._files.ledger.value_of(row)
        removes = self._may_remove(self._before)
        new = self._row(row.task, row.value, row.sha256, self._before, effect, removes=removes)
        if new != row:
            self._files.note(self.path, new)
        return Recorded(value, self._settled(self._before, removes=removes))

    def to_record(self, value: str | None) -> tuple[str, ComputedRow]:
        """What `ComputedFiles.commit` is to be given if the task has succeeded.

        `value`: in JSON; None for a command. `settled` is to be called after that.
        """
        now = self._after = self._look_again()
        effect = Effect.ALTERED if self._is_changed(now) else Effect.LEFT
        sha256 = self._result.sha256 if self._is_as_fetched() else None
        removes = self._may_remove(now)
        return self.path, self._row(self._task, value, sha256, now, effect, removes=removes)

    def settled(self) -> str | None:
        """Once it is committed that the task has succeeded: the file; None if it is gone.

        Its task has removed it, or it is removed now, with `--keep no`.
        """
        # Had the process been killed before, the next run would remove it, and compute nothing.
        return self._settled(self._after, removes=self._may_remove(self._after))

    def failed(self) -> None:
        """Note that the task has failed: what it has changed is no one's work."""
        # So the next run needs no backup of it.
        now = self._look_again()
        if not (self._is_same_file(now) and self._is_changed(now) and self.known.size is not None):
            return
        if self._is_as_fetched() or self._is_as_left():
            row = self._row(_FAILED, None, None, now, Effect.ALTERED, removes=False)
            self._files.note(self.path, row)

    def _row(
        self,
        task: str,
        value: str | None,
        sha256: str | None,
        there: Found,
        effect: Effect,
        *,
        removes: bool,
    ) -> ComputedRow:
        size, modified_ns = (None, None) if removes else _stamp(there)
        if removes:
            effect = effect.and_removed()
        fetched_at = self.known.fetched_at
        return ComputedRow(task, sha256, size, modified_ns, effect, fetched_at, value)

    def _settled(self, there: Found, *, removes: bool) -> str | None:
        """The file that stays; None if there is none, or once it is removed."""
        if there.status is None:
            return None
        if not removes:
            return self._result.file or self._final
        with errors_of(self._final), contextlib.suppress(FileNotFoundError):
            place = self._files.directory.place(self.path)
            if place is not None:
                with place:
                    now = os.stat(place.name, dir_fd=place.descriptor, follow_symlinks=False)
                    if identity(now) == _identity(there):
                        os.unlink(place.name, dir_fd=place.descriptor)
        return None

    def _may_remove(self, now: Found) -> bool:
        """Whether the file goes: it is the one that the task had, and that pyfetch has fetched.

        A task may have changed it in place. What has taken its name since may be anybody's.
        """
        return not self._files.keeps and self._is_same_file(now) and self._is_as_fetched()

    def _is_as_fetched(self) -> bool:
        """Whether the file was as it was fetched when the task had its turn."""
        known = self.known
        return known.size is not None and _stamp(self._before) == (known.size, known.modified_ns)

    def _is_as_left(self) -> bool:
        """Whether an earlier task has left what was there, and nothing was fetched since."""
        row = self.known.row
        if row is None or row.fetched_at != self.known.fetched_at:
            return False
        return _stamp(self._before) == (row.size, row.modified_ns) and not (
            self._before.link and self._before.status is None
        )

    def _is_same_file(self, now: Found) -> bool:
        """Whether this is the file that the task had, reached without a link."""
        before = self._before
        if before.status is None or now.status is None or before.link or now.link:
            return False
        return _identity(before) == _identity(now)

    def _is_changed(self, now: Found) -> bool:
        if self._before.link and self._before.link == now.link:
            return _stamp(self._before) != _stamp(now)
        return not self._is_same_file(now) or _stamp(self._before) != _stamp(now)

    def _look_again(self) -> Found:
        try:
            return look(self._files.directory, self.path)
        except TargetError:
            return NOTHING  # a directory, say: the task has its own ideas of the name


def _stamp(found: Found) -> tuple[int, int] | tuple[None, None]:
    """Size and modification time of a file; None twice if there is none."""
    status = found.status
    return (None, None) if status is None else (status.st_size, status.st_mtime_ns)


def _identity(found: Found) -> tuple[int, int]:
    assert isinstance(found.status, os.stat_result)  # noqa: S101 - tasks get files
    return identity(found.status)
