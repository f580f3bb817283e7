"""One run of the command: a batch and its display, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pyfetch.batch import Batch
from pyfetch.display import Display, Show
from pyfetch.errors import RunError, StoppedError
from pyfetch.inputs import Sources
from pyfetch.interruption import Interruption, ReaderWatch
from pyfetch.model import Settings
from pyfetch.sinks.report import Checksums, FailedLines, Report
from pyfetch.tally import Tally


def run(arguments: Sequence[str], settings: Settings, show: Show) -> int:
    """Fetch all that the arguments name. Returns the exit status; raises `RunError`."""
    sources = Sources(arguments, keep_lines=show.failed_to is not None)
    batch = Batch(settings, ordered=show.ordered)
    tally = Tally()
    out = sys.stdout or io.StringIO()  # a closed descriptor is None
    display = Display(show, out, sys.stderr or io.StringIO())
    reader = ReaderWatch(batch.stop)
    began = time.monotonic()
    error: RunError | None = None
    with Interruption(batch.stop, display.give_the_cursor_back) as interruption:
        try:
            with (
                _reports(show, sources, display),
                display.watching(batch, tally, lambda: sources.fraction_read),
            ):
                if display.writes_out:
                    reader.watch(out)
                _show_all(batch, sources, tally, display, reader)
        except RunError as caught:
            error = caught
        if reader.gone:
            return _ended(batch, reader.EXIT_STATUS)
        if error:
            display.say(f"pyfetch: {error}")
        if tally.failed or not (show.quiet or error):
            interrupted = "interrupted: " if interruption.signal else ""
            display.say(f"pyfetch: {interrupted}{tally.sentence(time.monotonic() - began)}")
        failed = error.exit_status if error else int(tally.failed > 0)
        return _ended(batch, interruption.exit_status or failed)


@contextmanager
def _reports(show: Show, sources: Sources, display: Display) -> Iterator[None]:
    """The files that a run leaves beside what it fetches."""
    with ExitStack() as stack:
        if show.checksums is not None:
            display.add(Checksums(stack.enter_context(Report(show.checksums))))
        if show.failed_to is not None:
            report = stack.enter_context(Report(show.failed_to))
            display.add(FailedLines(report, sources.line_of))
        yield


def _show_all(
    batch: Batch, sources: Sources, tally: Tally, display: Display, reader: ReaderWatch
) -> None:
    results = batch.results(sources)
    for result in results:
        tally.add(result)
        try:
            display.show(result)
        except OSError as error:
            batch.stop()
            for _ in results:
                pass  # what is in flight ends in order, its parts with it
            if isinstance(error, BrokenPipeError):
                reader.gone = True
                return
            raise StoppedError(f"cannot write the results: {error.strerror}") from error


def _ended(batch: Batch, status: int) -> int:
    """The exit status, for Python's own way out; or the way out that waits for nobody."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        # What is left in the buffer has no reader; Python would try again and complain.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if batch.in_flight:
        # A worker that hangs in a name look-up or a connect cannot be ended; Python
        # would wait for it.
        if sys.stderr:
            sys.stderr.flush()
        os._exit(status)
    return status
