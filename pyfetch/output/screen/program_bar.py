"""The progress of a run as a bar, for programs that ask for one: in a terminal, or in a notebook.

In Jupyter it is drawn by tqdm where that is installed, else by rich, as in a terminal.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pyfetch.units import format_size


class ProgressNow(Protocol):
    """How far a run is: what a bar shows of it."""

    @property
    def finished(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def bytes(self) -> int: ...
    @property
    def rate(self) -> float: ...


class ProgramBar(Protocol):
    """A bar. `show` may be called by any thread, by one at a time."""

    def show(self, now: ProgressNow) -> None:
        """Draw it anew."""
        ...

    def close(self) -> None:
        """Leave it as it is now."""
        ...


def program_bar() -> ProgramBar:
    """Return a bar for where this program shows its output: nothing is drawn into a file."""
    console = Console(stderr=True)
    if console.is_jupyter and find_spec("tqdm"):
        return _NotebookBar()
    return _RichBar(console) if console.is_terminal or console.is_jupyter else _NoBar()


def _remark(now: ProgressNow) -> str:
    failed = f"{now.failed:,} failed, " if now.failed else ""
    return f"{failed}{format_size(now.bytes)}, {format_size(now.rate)}/s"


class _NoBar:
    """Nothing, for a file or a pipe."""

    def show(self, now: ProgressNow) -> None:
        pass

    def close(self) -> None:
        pass


class _RichBar:
    """Below what the program prints, on standard error."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[remark]}"),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            # What goes into a file or a pipe is the program's, and goes there.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task("", total=None, remark="")
        self._progress.start()

    def show(self, now: ProgressNow) -> None:
        self._progress.update(
            self._task,
            completed=now.finished,
            total=now.total,
            remark=_remark(now),
            refresh=True,
        )

    def close(self) -> None:
        self._progress.stop()


class _NotebookBar:
    """A widget of Jupyter."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._bar: Any = tqdm(unit="URL", mininterval=0, miniters=1, smoothing=0)

    def show(self, now: ProgressNow) -> None:
        bar = self._bar
        if now.total is not None and bar.total != now.total:
            began = bar.start_t
            bar.reset(now.total)
            bar.start_t = began  # or its rate would be that since now
        bar.set_postfix_str(_remark(now), refresh=False)
        bar.update(now.finished - bar.n)
        bar.refresh()

    def close(self) -> None:
        self._bar.close()
