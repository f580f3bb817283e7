"""Output of a run: results on standard output, everything else on standard error."""

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
from pyfetch.output.summary import Summary
from pyfetch.text import escaped, masked

if TYPE_CHECKING:
    from fractions import Fraction

_SHOW_CURSOR = b"\x1b[?25h\r\n"


class OutputOptions(NamedTuple):
    """What the command shows, where, and which reports it writes."""

    format: str | None = None
    """`table`, `tsv` or `jsonl`; None: what suits standard output."""
    ordered: bool = True
    quiet: bool = False
    verbose: int = 0
    checksums: str | None = None
    """The file for the lines that `sha256sum -c` reads; None: no such file."""
    failed_to: str | None = None
    """The file for the input lines that failed; None: no such file."""
    allowed: tuple[int, Fraction | int] = (0, 0)
    """How many failures still count as success: a number, and a fraction of all."""


class Display:
    """Shows results on `out`, and bars and messages on `err`."""

    def __init__(self, options: OutputOptions, out: TextIO, err: TextIO) -> None:
        self._verbose = options.verbose
        self._out = out
        self._err = err
        chosen = options.format or ("table" if out.isatty() else "tsv")
        self.writes_out = bool(options.format) or not options.quiet
        """Whether anything goes to standard output."""
        self._table = chosen == "table" and self.writes_out
        self._sinks: list[Sink] = []
        if chosen != "table" and self.writes_out:
            self._sinks.append(Tsv(out) if chosen == "tsv" else JsonLines(out))
        if options.quiet:
            self._sinks.append(FailureLines(self.say))
        # Lines of TSV and bars on the same terminal would overwrite each other.
        mixed = bool(self._sinks) and _same_terminal(out, err)
        self._bars = _can_draw(err) and not options.quiet and not mixed
        self._write: Callable[[str], None] = self._write_plainly

    @property
    def draws(self) -> bool:
        """Whether bars show what is in flight."""
        return self._bars

    def show(self, result: Result) -> None:
        """Show one result. Raises `OSError` where it cannot be written."""
        for sink in self._sinks:
            sink.show(result)

    def flush(self) -> None:
        """Write out what is buffered, before a wait for the next result. Raises `OSError`."""
        if self.writes_out:
            self._out.flush()

    def say(self, line: str) -> None:
        """Write one line to standard error, secrets masked. May be called from any thread."""
        self._write(masked(escaped(line)))

    def warn(self, line: str) -> None:
        """Write one line that must not be missed; on a terminal it is red."""
        colour = self._err.isatty() and not os.environ.get("NO_COLOR")
        self._write(f"\x1b[31m{escaped(line)}\x1b[0m" if colour else f"pyfetch: {escaped(line)}")

    def logging(self) -> AbstractContextManager[None]:
        """Within, show the log on standard error: warnings, and more with `--verbose`."""
        return _logging_to(self.say, self._verbose)

    @contextmanager
    def watching(
        self, batch: Batch, summary: Summary, fraction_read: Callable[[], float | None]
    ) -> Iterator[None]:
        """Within, show the table and the bars of the running batch, where they are wanted."""
        with self.logging(), contextlib.ExitStack() as stack:
            if self._table or self._bars:
                from pyfetch.output.screen import Screen

                together = _same_terminal(self._out, self._err)
                screen = Screen(self._out, self._out if together else self._err)
                if self._table:
                    self._sinks.append(screen.table(batched=self._bars and together))
                if self._bars:
                    stack.enter_context(screen.progress(batch, summary, fraction_read))
                    self._write = screen.say
                    stack.callback(setattr, self, "_write", self._write_plainly)
            yield

    def give_the_cursor_back(self) -> None:
        """Show the cursor that the bars have hidden. Never blocks; any thread may call it."""
        if self._bars and select.select([], [self._err], [], 0)[1]:
            os.write(self._err.fileno(), _SHOW_CURSOR)

    def _write_plainly(self, line: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads standard error any more
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
