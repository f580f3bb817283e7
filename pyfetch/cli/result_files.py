"""The files that `--checksums`, `--failed-to` and `--report` name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyfetch.cli.output_options import OutputOptions
from pyfetch.errors import UsageError
from pyfetch.inputs import Sources
from pyfetch.models import Result
from pyfetch.output import Sink
from pyfetch.settings import Settings
from pyfetch.storage.filesystem import prepare
from pyfetch.text import masked

if TYPE_CHECKING:  # loaded where a report is wanted only
    from pyfetch.output.report.sink import HtmlReport
    from pyfetch.output.result_files import Report


class ReportFiles:
    """The report files of one run, as one sink. Raises `UsageError` where one cannot be made."""

    def __init__(
        self,
        options: OutputOptions,
        settings: Settings,
        sources: Sources,
        arguments: Sequence[str],
    ) -> None:
        """`arguments`: the sources as they are named, for the title of the page."""
        self._sources = sources
        self._open: list[Report] = []
        self._sinks: list[Sink] = []
        self._page: HtmlReport | None = None
        self._stack = ExitStack()
        checksums, failed_to, page = options.checksums, options.failed_to, options.report
        named = [path for path in (checksums, failed_to, page) if path is not None]
        if not named:
            return
        from pyfetch.output.result_files import Checksums, FailedLines, Report

        places = [Path(path).resolve() for path in named]
        for path, place in zip(named, places, strict=True):
            if places.count(place) > 1:
                raise UsageError(f"{path} is named for two reports: each needs a file of its own")
        if not settings.discard and any(_is_below(place, settings.output_dir) for place in places):
            prepare(Path(settings.output_dir))  # else it would be made later
        with ExitStack() as opening:
            if checksums is not None:
                self._sinks.append(Checksums(self._opened(opening, Report(checksums))))
            if failed_to is not None:
                report = self._opened(opening, Report(failed_to, private=True))
                self._sinks.append(FailedLines(report, sources))
            if page is not None:
                from pyfetch.output.report.sink import HtmlReport

                report = self._opened(opening, Report(page, private=True))
                title = f"pyfetch {' '.join(masked(one) for one in arguments[:5])}"
                self._page = HtmlReport(report, settings, title)
                self._sinks.append(self._page)
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
        if self._page:
            self._page.finish(interrupted=not whole)
        for report in self._open:
            if whole or not self._sources.has(report.final):
                report.commit()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """At the end, remove the reports that were not committed."""
        with self._stack:
            yield


def _is_below(place: Path, directory: str) -> bool:
    return place.parent == Path(directory).resolve()
