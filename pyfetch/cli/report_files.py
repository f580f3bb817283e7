"""The files that `--checksums` and `--failed-to` name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyfetch.errors import UsageError
from pyfetch.inputs import Sources
from pyfetch.models import Result
from pyfetch.output import Sink

if TYPE_CHECKING:  # loaded where a report is wanted only
    from pyfetch.output.report_file import Report


class ReportFiles:
    """The report files of one run, as one sink. Raises `UsageError` where one cannot be made."""

    def __init__(self, checksums: str | None, failed_to: str | None, sources: Sources) -> None:
        self._sources = sources
        self._open: list[Report] = []
        self._sinks: list[Sink] = []
        self._stack = ExitStack()
        if checksums is None and failed_to is None:
            return
        from pyfetch.output.report_file import Checksums, FailedLines, Report

        places = [Path(path).resolve() for path in (checksums, failed_to) if path is not None]
        if len(set(places)) < len(places):
            raise UsageError(f"{checksums} cannot be for checksums and for failed lines both")
        with ExitStack() as opening:
            if checksums is not None:
                self._sinks.append(Checksums(self._opened(opening, Report(checksums))))
            if failed_to is not None:
                report = self._opened(opening, Report(failed_to, private=True))
                self._sinks.append(FailedLines(report, sources))
            self._stack = opening.pop_all()

    def _opened(self, stack: ExitStack, report: Report) -> Report:
        stack.enter_context(report)
        self._open.append(report)
        return report

    def show(self, result: Result) -> None:
        for sink in self._sinks:
            sink.show(result)

    def commit(self, *, whole: bool) -> None:
        """Let the reports take their names. `whole`: whether the run came to its end.

        If it did not, a report that would replace the run's own list does not: the list says
        more of what is still to be done.
        """
        for report in self._open:
            if whole or not self._sources.has(report.final):
                report.commit()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """At the end, remove the reports that were not committed."""
        with self._stack:
            yield
