"""Runs over the loopback that compute a value of each file, in this process, without a pool."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from pyfetch.api import entries_from_items
from pyfetch.attempt import Finished
from pyfetch.engine.download import Downloader
from pyfetch.engine.local import jobs_by, workers_by
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.engine.threads import ThreadEngine
from pyfetch.models import Result, Target, TargetError
from pyfetch.settings import Engine, Settings
from pyfetch.storage.cleanup import sweep
from pyfetch.storage.computed_files import ComputedFiles
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.file_ledger import FileLedger
from pyfetch.storage.filesystem import OWN_DIRECTORY, prepare
from pyfetch.storage.state import STATE_FILE, State


class TaskError(Exception):
    """A task failed."""


class Row(NamedTuple):
    """What became of one URL."""

    outcome: str
    value: Any
    """`FAILED` if the task failed."""
    path: str | None
    """The name of the file that is left."""


FAILED = "(failed)"


class LedgerThatTells(FileLedger):
    """Calls `told` with what is finished."""

    told: Callable[[Target, Finished], None] = staticmethod(lambda *_: None)

    def finished(self, target: Target, attempt: Finished) -> None:
        super().finished(target, attempt)
        self.told(target, attempt)


def content_of(path: Path) -> str:
    """The task that is used unless a test has another one."""
    return path.read_text()


class Computing:
    """Runs over one output directory. `None` as a task: plain runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state_file = directory / OWN_DIRECTORY / STATE_FILE
        self.computed: list[str] = []
        """Names of the files for which a task was run, in this order."""
        self.before_computing: Callable[[], object] = lambda: None
        """Called between the fetch and the task of each file."""

    def run(
        self,
        *urls: str | Mapping[str, str],
        task: Callable[[Path], Any] | None = content_of,
        identity: str = "task 1",
        keeps: bool = True,
        **values: Any,
    ) -> list[Row]:
        """A run with one worker. What became of each URL, in order."""
        settings = Settings(
            output_dir=str(self.directory), retries=0, workers=1, engine=Engine.THREADS, **values
        )
        prepare(self.directory)
        sweep(self.directory)
        self.computed.clear()
        rows: dict[int, Row] = {}
        download = Downloader(settings)
        state = State(self.state_file if settings.state else None)
        with (
            closing(state),
            closing(OutputDirectory(self.directory)) as directory,
            ThreadPoolExecutor(1) as executor,
        ):
            ledger = LedgerThatTells(
                settings, state, lasting=settings.state,
                task_of=(lambda _: identity) if task else None, keeps=keeps,
            )  # fmt: skip
            if ledger.follows_answers:
                download.rename = ledger.rename
            engine = ThreadEngine(
                download, executor, jobs=jobs_by(settings, workers_by(settings)),
                read_ahead=ReadAhead(),
            )  # fmt: skip
            if task:
                files = ComputedFiles(ledger, directory, keeps=keeps)

                def compute(target: Target, finished: Finished) -> None:
                    if finished.result.ok:
                        rows[target.index] = self._compute(files, target, finished, task)

                ledger.told = compute
            results = list(engine.run(entries_from_items(urls), ledger))
        return [
            rows.get(result.index) or _row(result, result.detail, result.path)
            for result in sorted(results, key=lambda result: result.index)
        ]

    def _compute(
        self,
        files: ComputedFiles,
        target: Target,
        finished: Finished,
        task: Callable[[Path], Any],
    ) -> Row:
        result = finished.result
        self.before_computing()
        file = files.of(target, finished)
        with suppress(TargetError), files.in_work([file]):
            recorded = file.recorded()
            if recorded:
                return _row(result, recorded.value, Path(recorded.file) if recorded.file else None)
            assert result.path
            self.computed.append(result.path.name)
            try:
                value = task(result.path)
            except TaskError:
                file.failed()
                return _row(result, FAILED, result.path)
            files.commit([file.to_record(json.dumps(value))])
            left = file.settled()
            return _row(result, value, Path(left) if left else None)
        return _row(result, FAILED, result.path)


def _row(result: Result, value: Any, path: Path | None) -> Row:
    return Row(str(result.outcome), value, path.name if path else None)
