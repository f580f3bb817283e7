"""The terminal: the consoles on which rows and bars are drawn."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.text import Text

from pyfetch.output.progress import Progress, RunProgress
from pyfetch.output.summary import Summary
from pyfetch.output.table import Table

_WIDTH_OF_A_FILE = 160


class Screen:
    """Consoles for rows (on `out`) and bars (on `err`): one and the same where they meet."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._rows = console_on(out)
        self._bars = self._rows if err is out else console_on(err)
        self._table: Table | None = None

    def table(self, *, batched: bool) -> Table:
        """The sink that prints rows; `batched` where bars are drawn below them."""
        self._table = Table(self._rows, batched=batched)
        return self._table

    def progress(
        self, watched: RunProgress, summary: Summary, fraction_read: Callable[[], float | None]
    ) -> Progress:
        """The bars. The rows of a batched table are printed ahead of each frame."""
        rows = self._table.flush if self._table else lambda: None
        return Progress(self._bars, watched, summary, fraction_read, before_frame=rows)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._bars.print(Text(line), soft_wrap=True)


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
