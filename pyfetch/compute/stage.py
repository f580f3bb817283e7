"""What is done with each file after it was fetched: it is computed, and then its result goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from pyfetch.attempt import Finished
from pyfetch.compute.account import Account
from pyfetch.compute.lot import Computed, Fetched, LotComputer, cancelled
from pyfetch.compute.lot_queue import LARGEST_LOT
from pyfetch.compute.pool import Pool, Use
from pyfetch.compute.process_number import ProcessNumber
from pyfetch.compute.runner import Rules, Runner, Stopped
from pyfetch.compute.task import Task
from pyfetch.cpu_share import CpuShare
from pyfetch.models import Result, Target
from pyfetch.settings import Settings
from pyfetch.storage.computed_file import ComputedLedger
from pyfetch.storage.computed_files import ComputedFiles
from pyfetch.storage.store import Store

_PER_PROCESS = 4
"""Files that may be fetched and not computed, for each process, unless lots are larger."""

_NEXT = 2
"""With fewer files than this for each process, more have to be fetched at once."""


class ComputeStage:
    """Computes each file that is given to it, and hands its result on.

    What the dispatcher calls, it calls under its lock: `take`, `may_start`, `computed`, `stop` and
    `cancelled`.
    """

    def __init__(
        self,
        settings: Settings,
        task: Task,
        account: Account | None = None,
        share: CpuShare | None = None,
    ) -> None:
        """`account`: counts what is computed. `share`: the CPUs for all of this, if it is known."""
        self._task = task
        self._keeps = settings.keep
        self._number = ProcessNumber(settings.cpus, share)
        self._account = account or Account()
        rules = Rules(settings.exec_timeout, settings.exec_retries, settings.max_tasks)
        self._ahead = settings.ahead
        """Files that may be fetched and not computed, those in flight included; None: by lots."""
        self._workers = settings.most_workers
        self._processes = self._number.now()
        self._pool: Pool[Fetched] = Pool(
            self._task.setup(), rules, self._number, self._compute, self._failed,
            LARGEST_LOT if self._ahead is None else max(1, self._ahead // _PER_PROCESS),
        )  # fmt: skip
        self._left: dict[int, Result] = {}
        """By index, results of files that are fetched and not computed."""
        self._has_refused = False
        """Whether a transfer was refused since the last file was computed."""
        self._files: ComputedFiles | None = None
        self.used: Use | None = None
        """How processes were used, once all of them have ended."""

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
            if self._files:
                self._files.close()

    def use(self, ledger: ComputedLedger, store: Store) -> None:
        """Compute the files of this ledger, which are in this store."""
        copies = None
        if not store.is_local:
            from pyfetch.storage.computed_copy import Copies

            copies = Copies(store.directory.path, store.blocks)
        self._files = ComputedFiles(ledger, store.directory, keeps=self._keeps, copies=copies)

    def begin(
        self,
        hand_on: Callable[[Sequence[Computed]], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        """Call `hand_on` with results, several at once, and `fail` with what ends the run."""
        assert self._files  # noqa: S101 - `use` comes first
        self._lots = LotComputer(self._task, self._files, self._account, hand_on)
        self._fail = fail

    def take(self, target: Target, finished: Finished) -> None:
        """Compute a file that was fetched, or that is there."""
        self._left[finished.result.index] = finished.result
        self._pool.put(Fetched(target, finished))

    def may_start(self, in_flight: int) -> bool:
        """Whether one more transfer may start; if not, that may change with each `computed`."""
        most = self._ahead
        if most is None:
            most = self._workers + max(_PER_PROCESS, self._pool.lot) * self._processes
        if in_flight + len(self._left) < most:
            return True
        self._has_refused = True
        return False

    def computed(self, targets: Sequence[Target]) -> bool:
        """Note that these are computed. Returns whether a transfer was refused before that."""
        for target in targets:
            self._left.pop(target.index, None)
        has_refused, self._has_refused = self._has_refused, False
        return has_refused

    @property
    def left(self) -> int:
        """Files that are fetched and not computed."""
        return len(self._left)

    @property
    def is_short(self) -> bool:
        """Whether processes may soon have nothing to do, though there are files to compute."""
        return 0 < len(self._left) < _NEXT * self._processes

    @property
    def running(self) -> int:
        """Processes that compute now."""
        return self._pool.running

    def stop(self) -> None:
        """End what is computed now, and compute nothing more."""
        self._pool.stop()

    def cancelled(self) -> list[Result]:
        """The results of the files that are not computed, for a run that was stopped."""
        left, self._left = self._left, {}
        return [cancelled(result) for result in left.values()]

    def close(self, *, stopped: bool) -> None:
        """End all processes, those of a run that was stopped at once. Not under any lock."""
        if self.used:
            return
        if stopped:
            self._pool.stop()
        self.used = self._pool.close()

    def summary(self) -> str | None:
        """How many files were computed, in how many processes, why, and what held the run back."""
        return self._account.summary(self.used) if self.used else None

    def _compute(self, runner: Runner, lot: list[Fetched]) -> Sequence[Fetched]:
        return self._lots.compute(runner, lot)

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, Stopped):
            self._fail(error)
