"""In a member of a run that computes: its files are computed here, and recorded by the coordinator.

The coordinator has the state. It says unasked what that knows of each file as soon as it has heard
that the file is there.
"""

from __future__ import annotations

import itertools
import json
import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyfetch.attempt import Finished
from pyfetch.cluster.computing_messages import (
    Computing,
    FileFetched,
    FileKnown,
    FilesCounted,
    TasksDone,
    TasksRecorded,
)
from pyfetch.cluster.messages import Begin, ToMember
from pyfetch.cluster.probe import UnfitError
from pyfetch.compute.account import Account
from pyfetch.compute.stage import ComputeStage
from pyfetch.compute.task import Task
from pyfetch.cpu_share import CpuShare, cpu_share
from pyfetch.errors import RunError
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.storage.cleanup import sweep
from pyfetch.storage.computed_table import ComputedOf, ComputedRow
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.store import Store

Send = Callable[[FileFetched | FilesCounted | TasksDone], None]

_log = logging.getLogger(__name__)


class MemberStage:
    """What computes in a member, and the coordinator's answers to it."""

    def __init__(self, begin: Begin, computing: Computing, send: Send) -> None:
        """Raises `UsageError` for a command or function that cannot be used here."""
        task = _task_here(begin.settings, computing, is_elsewhere=begin.elsewhere is not None)
        share = computing.share
        if share is None and begin.elsewhere:
            whole = cpu_share()
            share = CpuShare(max(1, whole.number // begin.elsewhere.members), whole.why)
        self.stage = ComputeStage(begin.settings, task, _AccountElsewhere(send), share)
        self.ledger = _LedgerElsewhere(task, send)
        self.has_own_place = computing.has_own_place
        self._stopped: Callable[[], bool] = lambda: False

    def stopped(self) -> bool:
        """Whether the run was stopped."""
        return self._stopped()

    def begin(
        self,
        store: Store | None,
        stopped: Callable[[], bool],
        report: Callable[[int, FileFetched], object],
    ) -> None:
        """Compute the files of a run that begins now.

        `report`: sends what is said of the target with an index, or keeps it until it may be said.
        """
        self.ledger.report = report
        assert store  # noqa: S101 - files are kept while they are computed
        self.stage.use(self.ledger, store)
        self._stopped = stopped

    def hear(self, message: ToMember) -> None:
        """Take in what the coordinator says of files and tasks; for any thread."""
        if isinstance(message, FileKnown):
            self.ledger.knows(message)
        elif isinstance(message, TasksRecorded):
            self.ledger.has_recorded(message)


@contextmanager
def begun_stage(begin: Begin, computing: Computing, send: Send) -> Iterator[MemberStage]:
    """What computes in this member, able to do so.

    Raises a `RunError` if it cannot, and `UnfitError` on another machine, where others may.
    """
    with ExitStack() as stack:
        try:
            stage = MemberStage(begin, computing, send)
            stack.enter_context(stage.stage.closing(stage.stopped))
        except RunError as error:
            if not begin.elsewhere:
                raise
            raise UnfitError(f"{error} (on {socket.gethostname()})") from None
        yield stage


def with_own_place(begin: Begin, directory: str) -> Begin:
    """The same for a member that has files in this directory of its own, while it computes."""
    assert begin.computing  # noqa: S101 - else files stay, or there are none
    if begin.settings.exec is not None:
        _log.warning(
            "the workers of the cluster do not share the output directory: what the command leaves"
            " beside a file goes with it"
        )
    prepare(Path(directory))
    sweep(Path(directory))
    return begin._replace(
        settings=replace(begin.settings, output_dir=directory),
        computing=begin.computing._replace(has_own_place=True),
    )


def _task_here(settings: Settings, computing: Computing, *, is_elsewhere: bool) -> Task:
    if computing.function:
        return computing.function.found_here() if is_elsewhere else computing.function
    from pyfetch.compute.command_task import CommandTask

    assert settings.exec is not None  # noqa: S101
    return CommandTask(settings.exec, settings.exec_version)


class _AccountElsewhere(Account):
    """Has the coordinator count: what a member has counted that dies is not lost then."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def count(self, *, computed: int = 0, known: int = 0) -> None:
        self._send(FilesCounted(computed, known))


class _LedgerElsewhere:
    """What the ledger of the coordinator knows of tasks, and notes of them; for any thread."""

    def __init__(self, task: Task, send: Send) -> None:
        self._task = task
        self._send = send
        self.report: Callable[[int, FileFetched], object] = lambda _, fetched: send(fetched)
        self._lock = threading.Condition()
        self._known: dict[str, ComputedOf] = {}
        """By path, what is known of files that are there and not done."""
        self._numbers = itertools.count()
        self._unrecorded: dict[int, queue.SimpleQueue[None]] = {}

    def fetched(self, target: Target, attempt: Finished) -> None:
        """A file is there, and is to be computed."""
        with self._lock:
            self._known.pop(attempt.path or target.path or "", None)
        fetched = FileFetched(attempt.result, attempt.facts, attempt.path)
        self.report(target.index, fetched)

    def knows(self, message: FileKnown) -> None:
        with self._lock:
            self._known[message.path] = message.known
            self._lock.notify_all()

    def has_recorded(self, message: TasksRecorded) -> None:
        self._unrecorded[message.number].put(None)

    def task_of(self, target: Target) -> str:
        return self._task.identity(target)

    def computed_of(self, paths: Sequence[str]) -> list[ComputedOf]:
        with self._lock:
            self._lock.wait_for(lambda: all(path in self._known for path in paths))
            return [self._known[path] for path in paths]

    def note_computed(self, rows: Sequence[tuple[str, ComputedRow]], *, at_once: bool) -> None:
        if not at_once:
            self._send(TasksDone(None, list(rows)))
            return
        recorded: queue.SimpleQueue[None] = queue.SimpleQueue()
        number = next(self._numbers)
        self._unrecorded[number] = recorded
        self._send(TasksDone(number, list(rows)))
        recorded.get()
        del self._unrecorded[number]

    def value_of(self, row: ComputedRow) -> Any:
        return None if row.value is None else json.loads(row.value)
