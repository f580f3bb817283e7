"""Runs tasks in a process, and in a fresh one where the first has ended or is worn out."""

from __future__ import annotations

import logging
import math
import shlex
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pyfetch.compute.messages import Call, Failed, NotLoaded, Order, Reply, Setup
from pyfetch.compute.process import ComputeProcess, TimeIsUp
from pyfetch.errors import StoppedError, UsageError
from pyfetch.processes.child import ProcessGone
from pyfetch.units import format_seconds

_log = logging.getLogger(__name__)


class Rules(NamedTuple):
    """What holds for each task, and for each process."""

    timeout: float | None
    """Seconds that a task may take; None: as long as it likes."""
    retries: int
    """How often a task is tried again that has failed of itself."""
    most_tasks: int
    """After so many tasks, a process is replaced."""


class Stopped(Exception):  # noqa: N818 - it is no error
    """The run was stopped while the task was at work."""


class Runner:
    """Runs tasks in lots, one after another. For one thread, but for `stop`."""

    def __init__(self, setup: Setup, rules: Rules) -> None:
        self._setup = setup
        self._rules = rules
        self._process: ComputeProcess | None = None
        self._tasks = 0
        """That the process has done."""
        self._lock = threading.Lock()
        """Held while the process is replaced."""
        self._stopped = False
        self.seconds = 0.0
        """What the tasks took that were run, all together."""

    def start(self) -> None:
        """Start a process, unless there is one. Raises `UsageError` if it cannot compute."""
        if not self._process:
            self._start()

    def run(self, orders: Sequence[Order]) -> Iterator[list[Reply]]:
        """Run tasks in their order. Yields their replies, several at once where they come so.

        Tasks behind one that has failed, or behind some that took long, may not be begun: they
        have no reply. Raises `Stopped`, and `StoppedError` if no process can be started.
        """
        done = 0
        failed: Failed | None = None
        for replies in self._run(orders[: self._most_at_once()]):
            done += len(replies)
            last = replies[-1]
            if isinstance(last, Failed):  # nothing of its lot was begun after it
                failed = last
                replies.pop()
            if replies:
                yield replies
        if failed:
            yield [self._tried_again(orders[done - 1], failed)]

    def stop(self) -> None:
        """End what is running; `run` raises `Stopped`. For any thread."""
        with self._lock:
            self._stopped = True
            if self._process:
                self._process.kill()

    def close(self) -> None:
        """End the process."""
        self._close()

    def _most_at_once(self) -> int:
        if _log.isEnabledFor(logging.INFO):
            return 1  # what each task has printed is told
        return self._rules.most_tasks - self._tasks

    def _tried_again(self, order: Order, reply: Reply) -> Reply:
        """The reply to a task that has failed, after all its tries."""
        killed = failed = 0
        while isinstance(reply, Failed):
            killed += reply.is_killed
            failed += not reply.is_killed
            if killed > 1 or failed > self._rules.retries:
                break
            ((reply,),) = self._run([order])
        return reply

    def _run(self, orders: Sequence[Order]) -> Iterator[list[Reply]]:
        """As `run`, and each task is tried once. A process that has ended is a failed task."""
        if self._stopped:
            raise Stopped
        try:
            self.start()
        except UsageError as error:
            yield [Failed(str(error))]
            return
        process = self._process
        if self._stopped or process is None:
            raise Stopped
        began = process.seconds
        try:
            for replies in process.ask(orders, self._rules.timeout or math.inf):
                self._tasks += len(replies)
                yield replies
        except (ProcessGone, TimeIsUp) as error:
            process.kill()
            yield [self._killed(process, error)]
            return
        self.seconds += process.seconds - began
        if _log.isEnabledFor(logging.INFO) and process.output:
            _log.info("printed for %s: %s", _subject(orders[0]), process.output)
        if self._tasks >= self._rules.most_tasks:
            self._close()

    def _killed(self, process: ComputeProcess, error: ProcessGone | TimeIsUp) -> Failed:
        how = self._close()
        if self._stopped:
            raise Stopped from None
        if isinstance(error, TimeIsUp):
            how = f"took longer than {format_seconds(self._rules.timeout or 0)}"
        else:
            how = f"its process has ended ({how})"
        said = process.output
        return Failed(f"{how}: {said}" if said else how, is_killed=True)

    def _start(self) -> None:
        process = ComputeProcess(self._setup)
        with self._lock:
            if self._stopped:
                process.kill()
            self._process = process
        try:
            begun = process.begun()
        except ProcessGone:
            how = self._close()
            if self._stopped:
                raise Stopped from None
            said = process.output
            raise StoppedError(
                f"a process to compute has ended while it started ({how})" + (said and f": {said}")
            ) from None
        if isinstance(begun, NotLoaded):
            self._close()
            raise UsageError(begun.why)

    def _close(self) -> str:
        with self._lock:
            process, self._process = self._process, None
        self._tasks = 0
        return process.close() if process else ""


def _subject(order: Order) -> str:
    return str(order.path) if isinstance(order, Call) else shlex.join(order.arguments)
