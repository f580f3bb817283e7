"""One run of the command: a batch, its reports and its display, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from pyfetch.batch import Batch
from pyfetch.cli.display import Display, Show
from pyfetch.cli.report_files import Reports
from pyfetch.cli.signals import Interruption, ReaderWatch
from pyfetch.errors import RunError, StoppedError
from pyfetch.inputs import Sources
from pyfetch.output.summary import Tally
from pyfetch.settings import InputFormat, Settings

if TYPE_CHECKING:
    pass


class Listed(NamedTuple):
    """The SOURCE arguments, and how they are to be read."""

    arguments: tuple[str, ...]
    input_format: InputFormat = InputFormat.AUTO
    skip_duplicates: bool = False

    def sources(self, *, keep_lines: bool = False) -> Sources:
        """Their entries. Raises `UsageError`."""
        return Sources(
            self.arguments,
            keep_lines=keep_lines,
            input_format=self.input_format,
            skip_duplicates=self.skip_duplicates,
        )


def run(listed: Listed, settings: Settings, show: Show) -> int:
    """Fetch all that is listed.

    Returns the exit status; raises `RunError`.
    """
    sources = listed.sources(keep_lines=show.failed_to is not None)
    reports = Reports(show.checksums, show.failed_to, sources)
    tally = Tally()
    out = sys.stdout or io.StringIO()  # a closed descriptor is None
    display = Display(show, out, sys.stderr or io.StringIO())
    with display.telling():
        batch = Batch(settings, ordered=show.ordered, watched=display.draws)
    reader = ReaderWatch(batch.stop)
    began = time.monotonic()
    error: RunError | None = None
    with Interruption(batch.stop, display.give_the_cursor_back) as interruption, reports.closing():
        try:
            if settings.insecure:
                display.warn("--insecure: certificates are not verified; anybody may answer")
            with display.watching(batch, tally, lambda: sources.fraction_read):
                if display.writes_out:
                    reader.watch(out)
                _show_all(batch, sources, tally, reports, display, reader)
        except RunError as caught:
            error = caught
        if tally.shown or not error:  # else the run did not begin, and an older report holds
            try:
                reports.commit(whole=not batch.stopped)
            except RunError as caught:
                error = error or caught
        if reader.gone:
            return reader.EXIT_STATUS
        if error:
            display.say(f"pyfetch: {error}")
        if tally.failed or not (show.quiet or error):
            interrupted = "interrupted: " if interruption.signal else ""
            dropped = f"; {sources.duplicates} duplicates dropped" if sources.duplicates else ""
            sentence = tally.sentence(time.monotonic() - began)
            display.say(f"pyfetch: {interrupted}{sentence}{dropped}")
            summary = batch.workers_summary
            if summary:
                display.say(f"pyfetch: {summary}")
        failed = error.exit_status if error else int(not tally.within(*show.allowed))
        return interruption.exit_status or failed


def _show_all(
    batch: Batch,
    sources: Sources,
    tally: Tally,
    reports: Reports,
    display: Display,
    reader: ReaderWatch,
) -> None:
    broken: OSError | None = None

    def unless_broken(show: Callable[[], None]) -> None:
        nonlocal broken
        try:
            if not broken:
                show()
        except OSError as error:
            broken = error
            batch.stop()  # what is in flight ends in order, and is in the reports

    with closing(batch.results(sources, pausing=partial(unless_broken, display.flush))) as results:
        for result in results:
            tally.add(result)
            reports.show(result)
            unless_broken(partial(display.show, result))
    unless_broken(display.flush)
    if isinstance(broken, BrokenPipeError):
        reader.gone = True
    elif broken:
        raise StoppedError(f"cannot write the results: {broken.strerror}") from broken


def leave(status: int) -> NoReturn:
    """End the process at once.

    Python's own way out would wait for a worker that hangs in a name look-up, which nothing
    can end, and take all modules apart: a tenth of what fetching one URL costs.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream:
            with contextlib.suppress(OSError):  # nobody is left to read it
                stream.flush()
    os._exit(status)
