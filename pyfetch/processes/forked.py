"""A process that is forked: it begins with all modules that this one has loaded.

To start an interpreter and import what a member needs takes 0.15 s of CPU time, a fork 2 ms. But a
fork copies one thread only, and whatever lock another one holds stays locked for ever: so it is for
a process of the command that has no other thread yet, on Linux, where all libraries that are loaded
by then bear it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn

_FREE_FROM = 3
"""Below are standard input, output and error."""


def can_fork() -> bool:
    """Whether this process has one thread, also counting those that are not Python's."""
    if sys.platform != "linux":
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - a Path takes longer
    except OSError:
        return False


class ForkedProcess:
    """A child of this process, as `subprocess.Popen` has it."""

    def __init__(self, run: Callable[[], None], output: int, kept: Iterable[int]) -> None:
        """Fork a process that calls `run` and ends. Raises `OSError`.

        `output`: the descriptor for what it prints. `kept`: other descriptors that it keeps; all
        that are not named are closed in it.
        """
        gc.freeze()  # else its first collection would write to all pages that it shares
        self.pid = os.fork()
        self.returncode: int | None = None
        if not self.pid:
            _be_child(run, output, kept)
        gc.unfreeze()

    def wait(self) -> int:
        """Wait until it has ended. Returns its status, as `subprocess` has it."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _be_child(run: Callable[[], None], output: int, kept: Iterable[int]) -> NoReturn:
    status = 1
    try:
        _take_streams(output)
        _close_all_but(kept)
        _forget_handlers()
        _forget_suspension()
        gc.enable()
        run()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        # What the other process wants done at its end is not to be done twice.
        os._exit(status)


def _take_streams(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number in (1, 2):
        os.dup2(output, number)
    # The old ones may hold text that the other process writes out itself.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lasts as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115


def _close_all_but(kept: Iterable[int]) -> None:
    """Close what the other process has open: a pipe ends only once all have closed it."""
    start = _FREE_FROM
    for number in sorted(kept):
        os.closerange(start, number)
        start = number + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))


def _forget_suspension() -> None:
    """Let Ctrl-Z just suspend: what the other process does before that is for its terminal."""
    if callable(signal.getsignal(signal.SIGTSTP)):
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)


def _forget_handlers() -> None:
    """Log nowhere: the handlers write where the other process writes."""
    for name in (None, "pyfetch"):
        logging.getLogger(name).handlers.clear()
