"""What is done with each file after it was fetched: it is computed, and then its result goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from pyfetch.attempt import Finished
from pyfetch.compute.pool import Pool, Use
from pyfetch.compute.process_number import ProcessNumber
from pyfetch.compute.runner import Rules, Runner, Stopped, TaskFailed
from pyfetch.compute.task import task_from
from pyfetch.models import Failure, Result, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.storage.computed_file import ComputedFile
from pyfetch.storage.computed_files import ComputedFiles
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.file_ledger import FileLedger

_PER_PROCESS = 4
"""Files that may be fetched and not computed, for each process."""


class ComputeStage:
    """Computes each file that is given to it, and hands its result on.

    What the dispatcher calls, it calls under its lock: `take`, `may_start`, `computed`, `stop` and
    `cancelled`.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises `UsageError` for a command or function that cannot be used."""
        self._task = task_from(settings)
        self._keeps = settings.keep
        self._number = ProcessNumber(settings.cpus)
        rules = Rules(settings.exec_timeout, settings.exec_retries, settings.max_tasks)
        self._pool = Pool(self._task.setup(), rules, self._number, self._failed)
        processes = self._number.now()
        usual = max(_PER_PROCESS * processes, settings.most_workers + processes)
        self._ahead = settings.ahead or usual
        """Files that may be fetched and not computed, those in flight included."""
        self._left: dict[int, Result] = {}
        """By index, results of files that are fetched and not computed."""
        self._has_refused = False
        """Whether a transfer was refused since the last file was computed."""
        self._refused_since: float | None = None
        """Since when transfers have been refused because computing lags."""
        self._refused = 0.0
        """Seconds for which they were refused before."""
        self._began = time.monotonic()
        self._seconds = 0.0
        self._use: Use | None = None
        self._counting = threading.Lock()
        self._computed = 0
        """Files for which the task was run, whatever came of it."""
        self._known = 0
        """Files for which it was not, as what came of it is remembered."""

    @contextmanager
    def closing(self, stopped: Callable[[], bool]) -> Iterator[None]:
        """Have a process that can compute, and end all of them at the end.

        `stopped` tells whether the run was stopped. Raises a `RunError` if no process can compute.
        """
        try:
            with suppress(Stopped):
                self._pool.start(stopped)
            yield
        finally:
            self.close(stopped=stopped())

    def task_of(self, target: Target) -> str:
        """What the state knows the task by that a target has in this run."""
        return self._task.identity(target)

    def use(self, ledger: FileLedger, directory: OutputDirectory) -> None:
        """Compute the files of this ledger."""
        self._files = ComputedFiles(ledger, directory, keeps=self._keeps)

    def begin(
        self, finish: Callable[[Target, Result], None], fail: Callable[[BaseException], None]
    ) -> None:
        """Call `finish` with each result, and `fail` with what ends the run."""
        self._finish = finish
        self._fail = fail
        self._began = time.monotonic()

    def take(self, target: Target, finished: Finished) -> None:
        """Compute a file that was fetched, or that is there."""
        self._left[finished.result.index] = finished.result
        self._pool.put(partial(self._compute, target, finished))

    def may_start(self, in_flight: int) -> bool:
        """Whether one more transfer may start; if not, that may change with each `computed`."""
        if in_flight + len(self._left) < self._ahead:
            return True
        self._has_refused = True
        if self._refused_since is None and len(self._left) > self._pool.running:
            self._refused_since = time.monotonic()
        return False

    def computed(self, index: int) -> bool:
        """Note that this one is computed. Returns whether a transfer was refused before that."""
        self._left.pop(index, None)
        has_refused, self._has_refused = self._has_refused, False
        self._end_of_refusal()
        return has_refused

    @property
    def left(self) -> int:
        """Files that are fetched and not computed."""
        return len(self._left)

    @property
    def running(self) -> int:
        """Files that are computed now."""
        return self._pool.running

    def stop(self) -> None:
        """End what is computed now, and compute nothing more."""
        self._pool.stop()

    def cancelled(self) -> list[Result]:
        """The results of the files that are not computed, for a run that was stopped."""
        left, self._left = self._left, {}
        return [_cancelled(result) for result in left.values()]

    def close(self, *, stopped: bool) -> None:
        """End all processes, those of a run that was stopped at once. Not under any lock."""
        if self._use:
            return
        if stopped:
            self._pool.stop()
        self._use = self._pool.close()
        self._end_of_refusal()
        self._seconds = time.monotonic() - self._began

    def summary(self) -> str | None:
        """How many files were computed, in how many processes, why, and what held the run back."""
        if not self._use or not self._seconds:
            return None
        known = f" ({self._known} known from before)" if self._known else ""
        if not self._computed:
            return f"computed 0{known}"
        number = self._use.most
        processes = f"{number} process{'es' if number > 1 else ''} ({self._number.why})"
        waited = self._refused / self._seconds
        if waited >= self._use.idle:
            held = f"computing held the run back: fetching waited {waited:.0%} of the time"
        else:
            held = f"fetching held the run back: processes waited {self._use.idle:.0%} of the time"
        return f"computed {self._computed}{known} in {processes}; {held}"

    def _end_of_refusal(self) -> None:
        if self._refused_since is not None:
            self._refused += time.monotonic() - self._refused_since
            self._refused_since = None

    def _compute(self, target: Target, finished: Finished, runner: Runner) -> None:
        """Compute one file, in a thread of the pool. Raises a `RunError`."""
        result = finished.result
        try:
            with self._files.of(target, finished) as file:
                result = self._result(target, result, file, runner)
        except TargetError as error:
            result = result.not_computed(error.failure, error.detail)
        self._finish(target, result)

    def _result(self, target: Target, result: Result, file: ComputedFile, runner: Runner) -> Result:
        recorded = file.recorded()
        if recorded:
            with self._counting:
                self._known += 1
            return result.with_value(recorded.value, recorded.path)
        try:
            text = runner.run(self._task.order(target, result))
        except TaskFailed as error:
            self._count()
            return result.not_computed(self._task.failure, str(error))
        except Stopped:
            return _cancelled(result)
        self._count()
        value = None if text is None else json.loads(text)
        return result.with_value(value, file.record(text))

    def _count(self) -> None:
        with self._counting:
            self._computed += 1

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, Stopped):
            self._fail(error)


def _cancelled(result: Result) -> Result:
    detail = "the run was stopped before the file was computed; it is there"
    return result.not_computed(Failure.CANCELLED, detail)
