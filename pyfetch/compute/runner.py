"""Runs tasks in a process, and in a fresh one where the first has ended or is worn out."""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from pyfetch.compute.messages import Call, Failed, NotLoaded, Order, Setup, Succeeded
from pyfetch.compute.process import ComputeProcess, ProcessGone, TimeIsUp
from pyfetch.errors import StoppedError, UsageError
from pyfetch.models import Result, Target
from pyfetch.storage.computed_file import ComputedFile
from pyfetch.units import format_seconds

_log = logging.getLogger(__name__)


class TaskFailed(Exception):  # noqa: N818 - it fails a URL, not the program
    """The task has failed for good; the text says why, as a sentence for people."""


class Rules(NamedTuple):
    """What holds for each task, and for each process."""

    timeout: float | None
    """Seconds that a task may take; None: as long as it likes."""
    retries: int
    """How often a task is tried again that has failed of itself."""
    most_tasks: int
    """After so many tasks, a process is replaced."""


class Stopped(Exception):  # noqa: N818 - as above
    """The run was stopped while the task was at work."""


class Ended(NamedTuple):
    """A task that has ended well."""

    target: Target
    result: Result
    """Without the value."""
    value: str | None
    """As JSON text; None: a command has none."""
    file: ComputedFile
    file_use: ExitStack
    """Lets others have the file once it is closed."""
    began: float
    """When it began, on the monotonic clock in seconds."""


class Runner:
    """Runs one task after another. For one thread, but for `stop`."""

    def __init__(self, setup: Setup, rules: Rules) -> None:
        self._setup = setup
        self._rules = rules
        self._process: ComputeProcess | None = None
        self._tasks = 0
        """That the process has done."""
        self._lock = threading.Lock()
        """Held while the process is replaced."""
        self._stopped = False
        self.unsettled: list[Ended] = []
        """Tasks that have ended and are not recorded: several are, together."""

    def start(self) -> None:
        """Start a process, unless there is one. Raises `UsageError` if it cannot compute."""
        if not self._process:
            self._start()

    def run(self, order: Order, meanwhile: Callable[[], None] | None = None) -> str | None:
        """Run a task. Returns its value as JSON text, None for a command.

        `meanwhile` is called while it runs, unless it ends at once.
        Raises `TaskFailed`, `Stopped`, and `StoppedError` if no process can be started.
        """
        ended = failed = 0
        while True:
            reply = self._try(order, meanwhile)
            if isinstance(reply, Succeeded):
                return reply.value
            if isinstance(reply, Failed) and not reply.is_killed:
                failed += 1
                if failed > self._rules.retries:
                    raise TaskFailed(reply.detail)
            else:
                ended += 1
                if ended > 1:
                    raise TaskFailed(reply.detail)

    def stop(self) -> None:
        """End what is running; `run` raises `Stopped`. For any thread."""
        with self._lock:
            self._stopped = True
            if self._process:
                self._process.kill()

    def close(self) -> None:
        """End the process."""
        self._close()

    def _try(self, order: Order, meanwhile: Callable[[], None] | None) -> Succeeded | Failed:
        if self._stopped:
            raise Stopped
        try:
            self.start()
        except UsageError as error:
            raise TaskFailed(str(error)) from None
        process = self._process
        if self._stopped or process is None:
            raise Stopped
        try:
            reply = process.ask(order, self._rules.timeout, meanwhile)
        except (ProcessGone, TimeIsUp) as error:
            process.kill()
            how = self._close()
            if self._stopped:
                raise Stopped from None
            if isinstance(error, TimeIsUp):
                how = f"took longer than {format_seconds(self._rules.timeout or 0)}"
            else:
                how = f"its process has ended ({how})"
            said = process.output
            return Failed(f"{how}: {said}" if said else how, is_killed=True)
        if _log.isEnabledFor(logging.INFO) and process.output:
            _log.info("printed for %s: %s", _subject(order), process.output)
        self._tasks += 1
        if self._tasks >= self._rules.most_tasks:
            self._close()
        return reply

    def _start(self) -> None:
        process = ComputeProcess(self._setup)
        with self._lock:
            if self._stopped:
                process.kill()
            self._process = process
        self._tasks = 0
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
        return process.close() if process else ""


def _subject(order: Order) -> str:
    return str(order.path) if isinstance(order, Call) else shlex.join(order.arguments)
