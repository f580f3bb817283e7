"""What is done with each file after it was fetched: it is computed, and then its result goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from pyfetch.attempt import Finished
from pyfetch.compute.pool import Pool, Use
from pyfetch.compute.process import AT_ONCE
from pyfetch.compute.process_number import ProcessNumber
from pyfetch.compute.runner import Ended, Rules, Runner, Stopped, TaskFailed
from pyfetch.compute.task import task_from
from pyfetch.models import Failure, Result, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.storage.computed_file import ComputedFile
from pyfetch.storage.computed_files import ComputedFiles
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.file_ledger import FileLedger

_PER_PROCESS = 4
"""Files that may be fetched and not computed, for each process."""
_MOST_UNSETTLED = 32
_LONGEST_UNSETTLED = 0.01
"""So many files, and so many seconds, a value waits at most to be recorded with others."""


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
        self._pool = Pool(self._task.setup(), rules, self._number, self._failed, self._settle)
        processes = self._number.now()
        usual = settings.most_workers + _PER_PROCESS * processes
        self._ahead = settings.ahead or usual
        """Files that may be fetched and not computed, those in flight included."""
        self._left: dict[int, Result] = {}
        """By index, results of files that are fetched and not computed."""
        self._counts_all = settings.ahead is not None
        """Whether files that are computed and not recorded count as well."""
        self._unsettled = 0
        """Files that are computed and not recorded."""
        self._lock = threading.Lock()
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
        ahead = in_flight + len(self._left)
        if ahead - (0 if self._counts_all else self._unsettled) < self._ahead:
            return True
        if not self._has_refused:
            self._has_refused = True
            self._pool.hurry()
        if self._refused_since is None and len(self._left) > self._pool.running:
            self._refused_since = time.monotonic()
        return False

    def computed(self, index: int) -> bool:
        """Note that this one is computed. Returns whether a transfer was refused before that."""
        self._left.pop(index, None)
        has_refused, self._has_refused = self._has_refused, False
        self._pool.hurries = False
        self._end_of_refusal()
        return has_refused

    @property
    def left(self) -> int:
        """Files that are fetched and not computed."""
        return len(self._left)

    @property
    def running(self) -> int:
        """Files that are computed now, or recorded."""
        return self._pool.running or min(1, self._unsettled)

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
        file = self._files.of(target, finished)
        if runner.unsettled and self._files.is_taken(file.path):
            self._settle(runner)  # whoever has it may wait for one of these
        try:
            with ExitStack() as file_use:
                file_use.enter_context(file)
                done = self._result(target, result, file, runner)
                if done is None:
                    runner.unsettled[-1].file_use.push(file_use.pop_all())
        except TargetError as error:
            done = result.not_computed(error.failure, error.detail)
        if done is not None:
            self._finish(target, done)
        elif not self._may_linger(runner.unsettled):
            self._settle(runner)

    def _result(
        self, target: Target, result: Result, file: ComputedFile, runner: Runner
    ) -> Result | None:
        """The result with its value; None if that is to be recorded, see `_settle`."""
        recorded = file.recorded()
        if recorded:
            with self._counting:
                self._known += 1
            return result.with_value(recorded.value, recorded.path)
        meanwhile = partial(self._settle, runner) if runner.unsettled else None
        began = time.monotonic()
        try:
            text = runner.run(self._task.order(target, result), meanwhile)
        except TaskFailed as error:
            self._count()
            return result.not_computed(self._task.failure, str(error))
        except Stopped:
            return _cancelled(result)
        self._count()
        runner.unsettled.append(Ended(target, result, text, file, ExitStack(), began))
        with self._lock:
            self._unsettled += 1
        return None

    def _may_linger(self, ended: list[Ended]) -> bool:
        """Whether what has ended may wait a moment for others, to be recorded with them.

        To commit a value takes longer than a trivial function: only that is lost with the process.
        """
        now = time.monotonic()
        return (
            len(ended) < _MOST_UNSETTLED
            and now - ended[-1].began < AT_ONCE
            and now - ended[0].began < _LONGEST_UNSETTLED
        )

    def _settle(self, runner: Runner) -> None:
        """Record what has ended, and hand on its results. Raises a `RunError`."""
        all_ended, runner.unsettled = runner.unsettled, []
        with self._lock:
            self._unsettled -= len(all_ended)
        try:
            if all_ended:
                self._files.commit([ended.file.to_record(ended.value) for ended in all_ended])
            for ended in all_ended:
                result = self._with_value(ended)
                ended.file_use.close()
                self._finish(ended.target, result)
        except BaseException as error:
            for ended in all_ended:  # nobody is to wait for these files for ever
                ended.file_use.__exit__(type(error), error, error.__traceback__)
            raise

    def _with_value(self, ended: Ended) -> Result:
        value = None if ended.value is None else json.loads(ended.value)
        try:
            return ended.result.with_value(value, ended.file.settled())
        except TargetError as error:
            return ended.result.not_computed(error.failure, error.detail)

    def _count(self) -> None:
        with self._counting:
            self._computed += 1

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, Stopped):
            self._fail(error)


def _cancelled(result: Result) -> Result:
    detail = "the run was stopped before the file was computed; it is there"
    return result.not_computed(Failure.CANCELLED, detail)
