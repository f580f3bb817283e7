"""Output of a run: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from pyfetch.cli.log import logging_to
from pyfetch.cli.output_options import OutputOptions, ProgressForm, Rows
from pyfetch.cli.signals import Suspension
from pyfetch.models import Failure, Result
from pyfetch.output import Sink
from pyfetch.output.labels import label_of_url
from pyfetch.output.result_lines import FailureLines, JsonLines, Tsv
from pyfetch.output.summary import BESIDE_URL, LONGEST_URL, Summary, sentence_about, short_url
from pyfetch.output.terminals import can_draw, same_terminal, terminal_width
from pyfetch.run import Run
from pyfetch.text import escaped, masked

if TYPE_CHECKING:
    from pyfetch.output.screen.consoles import Screen
    from pyfetch.output.screen.live import LiveLines

_NUMBER_AND_UNIT = r"(?<=\d) (?=[kMGTP]?B\b|m?s\b)"
"""A blank at which no line ends."""

_log = logging.getLogger(__name__)


class Display:
    """Shows results on `out`, and bars and messages on `err`. Raises `UsageError`."""

    def __init__(self, options: OutputOptions, out: TextIO, err: TextIO) -> None:
        self._options = options
        self._only_failures = options.rows is Rows.FAILURES
        self._out = out
        self._err = err
        chosen = options.format or ("table" if out.isatty() else "tsv")
        self.writes_out = bool(options.format) or not options.quiet
        """Whether anything goes to standard output."""
        if options.rows is Rows.NONE:
            self.writes_out = False
        self.is_table = chosen == "table" and self.writes_out
        """Whether results are rows of a table."""
        self._sinks: list[Sink] = []
        if chosen != "table" and self.writes_out:
            self._sinks.append(
                Tsv(out, values=options.values) if chosen == "tsv" else JsonLines(out)
            )
        # Lines of TSV and bars on the same terminal would overwrite each other.
        mixed = bool(self._sinks) and same_terminal(out, err)
        if options.quiet:
            self._sinks.append(FailureLines(self.say))
        self._bars = can_draw(err) and not mixed and self._wants_bars(options)
        self._makes_room = self._bars and bool(self._sinks) and self._is_shown_behind_pipe()
        self._screen: Screen | None = None
        self._progress: LiveLines | None = None
        self._rows_above_bars = self.is_table and self._bars and same_terminal(out, err)
        self._write: Callable[[str], None] = self._write_plainly

    def _is_shown_behind_pipe(self) -> bool:
        """Whether another program shows the lines of results where the bars are (`| cat`)."""
        from pyfetch.output.pipelines import is_shown_on

        return is_shown_on(self._err, self._out)

    @staticmethod
    def _wants_bars(options: OutputOptions) -> bool:
        return options.progress is ProgressForm.BAR or (
            options.progress is ProgressForm.AUTO and not options.quiet
        )

    @property
    def draws(self) -> bool:
        """Whether what is in flight is shown."""
        return self._bars or self._options.progress is ProgressForm.JSON

    def finished(self, result: Result) -> None:
        """A result is complete, though those before it may not be. Raises `OSError`."""
        if not result.failed:
            return
        if self._rows_at_once:
            self._show(result)
        elif self._screen:
            self._screen.finished(result)
        if result.error is not Failure.CANCELLED:
            _log.info("failed: %s: %s", result.url, sentence_about(result))

    def show(self, result: Result) -> None:
        """Show one result in its turn. Raises `OSError` where it cannot be written."""
        if self._only_failures and not (result.failed and not self._rows_at_once):
            return
        self._show(result)

    @property
    def _rows_at_once(self) -> bool:
        """Whether rows need not wait for others: there are rows of failures only."""
        return self.is_table and self._only_failures

    def _show(self, result: Result) -> None:
        if self._makes_room and self._progress:
            self._progress.make_room()
        for sink in self._sinks:
            sink.show(result)
        if self._screen and self._rows_above_bars:
            self._screen.shown(result)

    def flush(self) -> None:
        """Write out what is buffered, before a wait for the next result. Raises `OSError`."""
        if self.writes_out:
            self._out.flush()

    def say(self, line: str) -> None:
        """Write one line to standard error, secrets masked. May be called from any thread."""
        self._write(masked(escaped(line)))

    @property
    def _width(self) -> int | None:
        """Cells of a line on standard error; None where that is no terminal."""
        return terminal_width(self._err) - 1 if self._err.isatty() else None

    def short_url(self, url: str) -> str:
        """A URL of a failure, or what it is called where a line has no room for it."""
        width = self._width
        room = LONGEST_URL if width is None else min(LONGEST_URL, width - BESIDE_URL)
        if width is None or len(url) <= room:
            return short_url(url)
        from pyfetch.output.screen.cells import cut  # loads rich

        return cut(label_of_url(url), max(room, BESIDE_URL))

    def tell(self, text: str, indent: str = "") -> None:
        """Say a longer text: on a terminal in lines that break between words.

        `indent` begins all lines but the first.
        """
        for line in self._lines_of(masked(escaped(text)), indent):
            self._write(line)

    def warn(self, line: str) -> None:
        """Write one line that must not be missed; on a terminal it is yellow."""
        colour = self._err.isatty() and not os.environ.get("NO_COLOR")
        self._write(f"\x1b[33m{escaped(line)}\x1b[0m" if colour else f"pyfetch: {escaped(line)}")

    def logging(self) -> AbstractContextManager[None]:
        """Within, show the log on standard error: warnings, and more with `--verbose`."""
        return logging_to(self.say, self._options.verbose, self._options.log_file)

    @contextmanager
    def watching(
        self, run: Run, summary: Summary, fraction_read: Callable[[], float | None]
    ) -> Iterator[None]:
        """Within, show the table and the progress of the run, where they are wanted."""
        with self.logging(), contextlib.ExitStack() as stack:
            if self._options.progress is ProgressForm.JSON:
                from pyfetch.output.progress_lines import ProgressLines
                from pyfetch.output.run_progress import RunCounts

                counts = RunCounts(run, summary, fraction_read)
                lines = ProgressLines(run, counts, summary, self._write_plainly)
                stack.enter_context(lines)
            if self.is_table or self._bars:
                self._draw(stack, run, summary, fraction_read)
            yield

    def _draw(
        self,
        stack: contextlib.ExitStack,
        run: Run,
        summary: Summary,
        fraction_read: Callable[[], float | None],
    ) -> None:
        from pyfetch.output.run_progress import RunCounts
        from pyfetch.output.screen.consoles import Screen

        out = self._out
        err = out if same_terminal(out, self._err) else self._err
        self._screen = Screen(out, err, extras=self._options.extras)
        if self.is_table:
            gone = "(not kept)" if self._options.computes else "(discarded)"
            table = self._screen.table(
                batched=self._rows_above_bars, values=self._options.values, gone=gone
            )
            self._sinks.append(table)
        if self._bars:
            # With --verbose or --quiet, there is a line for each failure anyhow.
            failures = not (self._options.verbose or self._options.quiet or self._rows_at_once)
            if self._options.rows is Rows.NONE:
                failures = False
            counts = RunCounts(run, summary, fraction_read)
            progress = self._progress = self._screen.progress(run, counts, failures=failures)
            stack.enter_context(progress)
            self._write = progress.say
            stack.callback(setattr, self, "_write", self._write_plainly)

    def suspending(self) -> AbstractContextManager[object]:
        """Within, Ctrl-Z takes the bars away and gives the cursor back before it suspends."""
        if not self._bars:
            return contextlib.nullcontext()
        return Suspension(self._suspend, self._go_on)

    def _suspend(self) -> None:
        if self._progress:
            self._progress.suspend()
        self.give_the_cursor_back()

    def _go_on(self) -> None:
        if self._progress:
            self._progress.go_on()

    def give_the_cursor_back(self) -> None:
        """Show the cursor that the bars have hidden. Never blocks; any thread may call it."""
        if self._bars and self._screen and select.select([], [self._err], [], 0)[1]:
            os.write(self._err.fileno(), self._screen.last_words)

    def _lines_of(self, text: str, indent: str) -> list[str]:
        width = self._width
        if width is None or len(text) <= width:
            return [text]
        whole = re.sub(_NUMBER_AND_UNIT, "\xa0", text)
        lines = wrap(
            whole, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        return [line.replace("\xa0", " ") for line in lines]

    def _write_plainly(self, line: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads standard error any more
            self._err.write(line + "\n")
            self._err.flush()
