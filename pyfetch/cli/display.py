"""What a run shows where: results on standard output, all else on standard error."""

from __future__ import annotations

import contextlib
import logging
import os
import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, NamedTuple, TextIO

from pyfetch.batch import Batch
from pyfetch.models import Result
from pyfetch.output import Sink
from pyfetch.output.lines import FailureLines, JsonLines, Tsv
from pyfetch.output.summary import Tally
from pyfetch.text import escaped
from pyfetch.urls import masked

if TYPE_CHECKING:
    from fractions import Fraction

_SHOW_CURSOR = b"\x1b[?25h\r\n"


class Show(NamedTuple):
    """How a run is to show itself."""

    format: str | None = None
    """`table`, `tsv` or `jsonl`; None: what suits standard output."""
    ordered: bool = True
    quiet: bool = False
    verbose: int = 0
    checksums: str | None = None
    """The file for lines that `sha256sum -c` reads."""
    failed_to: str | None = None
    """The file for the input lines that failed."""
    allowed: tuple[int, Fraction | int] = (0, 0)
    """How many may fail, as a number and as a fraction of all."""


class Display:
    """The sinks of a run, the bars beside them, and a line for messages."""

    def __init__(self, show: Show, out: TextIO, err: TextIO) -> None:
        self._show = show
        self._out = out
        self._err = err
        chosen = show.format or ("table" if out.isatty() else "tsv")
        self.writes_out = bool(show.format) or not show.quiet
        """Whether anything goes to standard output."""
        self._table = chosen == "table" and self.writes_out
        self._sinks: list[Sink] = []
        if chosen != "table" and self.writes_out:
            self._sinks.append(Tsv(out) if chosen == "tsv" else JsonLines(out))
        if show.quiet:
            self._sinks.append(FailureLines(self.say))
        # Lines of TSV between bars on one screen would tear both.
        torn = bool(self._sinks) and _same_terminal(out, err)
        self._bars = _can_draw(err) and not show.quiet and not torn
        self._write: Callable[[str], None] = self._write_plainly

    @property
    def draws(self) -> bool:
        """Whether there are bars, which show what is in flight."""
        return self._bars

    def show(self, result: Result) -> None:
        """Show one result. Raises `OSError` where it cannot be written."""
        for sink in self._sinks:
            sink.show(result)

    def flush(self) -> None:
        """Let what was shown be seen: no more comes for the moment. Raises `OSError`."""
        if self.writes_out:
            self._out.flush()

    def say(self, line: str) -> None:
        """One line for people, on standard error; for any thread."""
        self._write(masked(escaped(line)))

    def warn(self, line: str) -> None:
        """One line for people that they must not miss: red where that can be."""
        colour = self._err.isatty() and not os.environ.get("NO_COLOR")
        self._write(f"\x1b[31m{escaped(line)}\x1b[0m" if colour else f"pyfetch: {escaped(line)}")

    def telling(self) -> AbstractContextManager[None]:
        """Within, what is logged is said: warnings, and as much more as is wanted."""
        return _logging_to(self.say, self._show.verbose)

    @contextmanager
    def watching(
        self, batch: Batch, tally: Tally, fraction_read: Callable[[], float | None]
    ) -> Iterator[None]:
        """Show the table and the bars, where there are any, while the batch runs."""
        with self.telling(), contextlib.ExitStack() as stack:
            if self._table or self._bars:
                from pyfetch.output.screen import Screen

                together = _same_terminal(self._out, self._err)
                screen = Screen(self._out, self._out if together else self._err)
                if self._table:
                    self._sinks.append(screen.table(batched=self._bars and together))
                if self._bars:
                    stack.enter_context(screen.progress(batch, tally, fraction_read))
                    self._write = screen.say
                    stack.callback(setattr, self, "_write", self._write_plainly)
            yield

    def give_the_cursor_back(self) -> None:
        """Undo what the bars did to the terminal, from any thread, without waiting."""
        if self._bars and select.select([], [self._err], [], 0)[1]:
            os.write(self._err.fileno(), _SHOW_CURSOR)

    def _write_plainly(self, line: str) -> None:
        with contextlib.suppress(OSError):  # nobody is left who could be told
            self._err.write(line + "\n")
            self._err.flush()


def _can_draw(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


def _same_terminal(out: TextIO, err: TextIO) -> bool:
    if not (out.isatty() and err.isatty()):
        return False
    return os.fstat(out.fileno()).st_rdev == os.fstat(err.fileno()).st_rdev


@contextmanager
def _logging_to(say: Callable[[str], None], verbose: int) -> Iterator[None]:
    logger = logging.getLogger("pyfetch")
    handler = _Handler(say)
    logger.addHandler(handler)
    logger.setLevel([logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)])
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self._say(f"pyfetch: {line}")
