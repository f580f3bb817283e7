"""The report as a sink of results, while a run is at work, and from results that were written."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterable

from pyfetch.errors import UsageError
from pyfetch.models import Result
from pyfetch.output.report.figures import Figures
from pyfetch.output.report.page import check_report_can_be_made, page
from pyfetch.output.report.verdict import RunFacts
from pyfetch.output.result_files import Report
from pyfetch.output.result_lines import as_object
from pyfetch.settings import Settings


class HtmlReport:
    """Adds up the results of a run; `finish` writes the page. Raises `UsageError`."""

    def __init__(self, report: Report, settings: Settings, title: str) -> None:
        check_report_can_be_made()
        self._report = report
        self._settings = settings
        self._title = title
        self._figures = Figures(time.time())
        self._began = time.monotonic()

    def show(self, result: Result) -> None:
        self._figures.add(as_object(result))

    def finish(self, *, interrupted: bool) -> None:
        """Write the page. Raises `StoppedError`."""
        settings = self._settings
        of_all = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used = [resource.getrusage(whose) for whose in of_all]
        run = RunFacts(
            seconds=time.monotonic() - self._began,
            workers=settings.most_workers,
            cpu_seconds=sum(each.ru_utime + each.ru_stime for each in used),
            processes=settings.process_number,
            per_host=settings.per_host,
            rate=settings.rate,
            limit_rate=settings.limit_rate,
        )
        html = page(self._figures, run, title=self._title, interrupted=interrupted)
        self._report.write(html.encode("utf-8", "replace"))


def page_of_lines(lines: Iterable[bytes], name: str) -> str:
    """The page of results that `--format jsonl` has written. Raises `UsageError`."""
    check_report_can_be_made()
    figures = Figures()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            figures.add(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{name}, line {number}: no result as --format jsonl writes it"
            ) from error
    if not figures.finished:
        raise UsageError(f"{name}: there are no results in it")
    return page(figures, None, title=name)
