"""A run over threads.

When a worker has ended an attempt, it reports to the dispatcher and takes its next turn itself:
passing these to another thread would take longer than doing them. The thread of the run adds
targets, does what is due, and gives turns to idle workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from pyfetch.attempt import AttemptOutcome
from pyfetch.engine.base import GRACE
from pyfetch.engine.download import Downloader
from pyfetch.engine.local import LocalEngine, MakeQueues, Wait, affordable_jobs
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.errors import StoppedError
from pyfetch.models import Target
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.settings import Settings
from pyfetch.system import daemon, leave_signals_to_main
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where something is drawn, or files are kept or computed
    from pyfetch.compute.stage import ComputeStage

_WITHOUT_THREADS = 10.0
"""The run fails if no thread is at work and none could be started for this time, in seconds."""


class ThreadEngine(LocalEngine):
    """One run over threads."""

    def __init__(
        self,
        download: Callable[[Target, Transfer], AttemptOutcome],
        executor: Executor,
        *,
        jobs: Jobs,
        read_ahead: ReadAhead,
        stage: ComputeStage | None = None,
        fail_fast: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = Mailbox.take,
    ) -> None:
        super().__init__(
            jobs=jobs, read_ahead=read_ahead, stage=stage, fail_fast=fail_fast, clock=clock,
            wait=wait,
        )  # fmt: skip
        self._download = download
        self._executor = executor
        self._at_work: set[Future[None]] = set()
        self._no_threads_until = self._clock() + _WITHOUT_THREADS
        """When to give up, if no thread is at work and none can be started until then."""

    def when_idle(self, call: Callable[[], None]) -> None:
        _, left = futures.wait(list(self._at_work), timeout=GRACE)
        if not left:
            call()
            return

        def wait_and_call() -> None:
            futures.wait(left)
            call()

        daemon(wait_and_call, "last-workers").start()

    def _start_what_may(self) -> None:
        while transfer := self._dispatcher.next():
            turns = [transfer]
            try:
                worker = self._executor.submit(self._work, turns)
            except RuntimeError as error:
                # No thread could be started, but the executor has queued the call: an idle worker
                # will make the attempt, unless the turn is taken out of `turns` first.
                if not turns or self._dispatcher.take_back(turns.pop()):
                    return
                if self._no_threads_until < self._clock():
                    raise StoppedError(f"the system refuses to start threads: {error}") from error
                return
            self._no_threads_until = self._clock() + _WITHOUT_THREADS
            self._at_work.add(worker)
            worker.add_done_callback(self._at_work.discard)

    def _work(self, turns: list[Transfer]) -> None:
        """The work of a worker: make the attempt of this turn, then others while there are any."""
        try:
            transfer = turns.pop()
        except IndexError:  # the turn was taken back
            return
        following: Transfer | None = transfer
        try:
            while following:
                transfer = following
                outcome = self._download(transfer.target, transfer)
                following = self._dispatcher.ended(transfer, outcome)
        except BaseException as error:  # raised in the thread that iterates the results
            self._dispatcher.failed(transfer, error)

    def _release(self) -> None:
        self._dispatcher.close()
        if self._stage:
            self._stage.close(stopped=self.stopped)
        # Workers that still run were told to stop, and end by themselves.
        self._executor.shutdown(wait=False, cancel_futures=True)


def engine_over_threads(
    settings: Settings,
    download: Downloader,
    read_ahead: ReadAhead,
    stage: ComputeStage | None = None,
    make_queues: MakeQueues = HostQueues,
) -> ThreadEngine:
    """An engine that starts its threads when they are needed.

    `stage`: what is done with files before their results are delivered.
    """
    executor = ThreadPoolExecutor(
        settings.most_workers, thread_name_prefix="pyfetch", initializer=leave_signals_to_main
    )
    return ThreadEngine(
        download,
        executor,
        jobs=affordable_jobs(settings, make_queues),
        read_ahead=read_ahead,
        stage=stage,
        fail_fast=settings.fail_fast,
    )
