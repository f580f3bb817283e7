"""The terminal: the consoles on which rows and bars are drawn."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console
from rich.text import Text

from pyfetch.models import Result
from pyfetch.output import terminals
from pyfetch.output.run_progress import RunCounts, RunProgress
from pyfetch.output.screen.failing import FailingNow
from pyfetch.output.screen.live import LAST_WORDS
from pyfetch.output.screen.run_bars import RunBars
from pyfetch.output.screen.table import Table

_WIDTH_OF_A_FILE = 160


class Screen:
    """Consoles for rows (on `out`) and bars (on `err`): one and the same where they meet.

    `extras`: whether terminals that are known to understand them are sent links and progress.
    """

    def __init__(self, out: TextIO, err: TextIO, *, extras: bool) -> None:
        self._rows = console_on(out)
        self._bars = self._rows if err is out else console_on(err)
        self._extras = extras
        self._table: Table | None = None
        self._failing: FailingNow | None = None

    def table(self, *, batched: bool, values: bool, gone: str) -> Table:
        """The sink that prints rows; `batched` where bars are drawn below them: see `Table`."""
        links = self._extras and self._rows.is_terminal and terminals.shows_links(os.environ)
        self._table = Table(self._rows, batched=batched, links=links, values=values, gone=gone)
        return self._table

    def progress(self, watched: RunProgress, counts: RunCounts, *, failures: bool) -> RunBars:
        """The bars. Rows of a batched table, and `failures`, are printed ahead of each frame."""
        self._failing = FailingNow() if failures else None
        in_terminal = self._sends_progress
        return RunBars(self._bars, watched, counts, self._above, in_terminal=in_terminal)

    @property
    def last_words(self) -> bytes:
        """What takes all away that was drawn, where nothing else can be done any more."""
        return LAST_WORDS + (terminals.NO_PROGRESS.encode() if self._sends_progress else b"")

    @property
    def _sends_progress(self) -> bool:
        return self._extras and terminals.shows_progress(os.environ)

    def finished(self, result: Result) -> None:
        """A result is complete, though its row may be still to come."""
        if self._failing and result.failed:
            self._failing.failed(result)

    def shown(self, result: Result) -> None:
        """The row of a result comes with the next frame."""
        if self._failing and result.failed:
            self._failing.shown(result)

    def _above(self) -> list[Text]:
        rows = self._table.take() if self._table else []
        return rows + (self._failing.take(self._bars.width) if self._failing else [])


def console_on(stream: TextIO) -> Console:
    """A console that writes there, with colours only on a terminal."""
    terminal = stream.isatty()
    # In a file no row is cut to 80 cells because nobody knows better.
    width = None if terminal or "COLUMNS" in os.environ else _WIDTH_OF_A_FILE
    return Console(
        file=stream,
        force_terminal=terminal,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
    )
