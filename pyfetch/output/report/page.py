"""The report as one HTML file, which needs no network: of a run, or of results in a file."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pyfetch.errors import UsageError
from pyfetch.models import Result
from pyfetch.output.report import charts
from pyfetch.output.report.figures import Figures
from pyfetch.output.report.verdict import RunFacts, causes
from pyfetch.output.result_files import AtomicFile
from pyfetch.output.result_lines import as_object
from pyfetch.settings import Settings
from pyfetch.text import escaped
from pyfetch.units import format_seconds, format_size

PAGE_BYTES = 990_000
"""Bytes of a page: of URLs for which there is no room, a sample is listed."""
LEAST_ROWS_BYTES = 100_000
"""Bytes of the list of URLs, however long the rest of the page is."""
_TEMPLATE = "report.html.jinja"


def check_report_can_be_made() -> None:
    """Raises `UsageError` where what makes the page is not installed."""
    if not find_spec("jinja2"):
        raise UsageError("--report needs an extra: pip install 'pyfetch-batch[report]'")


class HtmlReport:
    """Adds up the results of a run; `finish` writes the page. Raises `UsageError`."""

    def __init__(self, file: AtomicFile, settings: Settings, title: str) -> None:
        check_report_can_be_made()
        self._file = file
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
        self._file.write(html.encode("utf-8", "replace"))


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


def page(figures: Figures, run: RunFacts | None, *, title: str, interrupted: bool = False) -> str:
    """Return the HTML of a report. `run`: what is known beside the results, if anything is."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"size": _size, "seconds": format_seconds, "harmless": escaped}
    template = environment.from_string(
        Path(__file__).with_name(_TEMPLATE).read_text(encoding="utf-8")
    )
    seconds = max(figures.end, run.seconds if run else 0.0)
    rates = figures.bytes_over_time.rates(figures.end)
    flying = figures.in_flight.rates(figures.end)
    latencies = figures.latencies.bars(0.001)
    latency_labels = [format_seconds(bound) for bound, _ in latencies]
    sizes = figures.sizes.bars(1.0)
    size_labels = [_size(bound) for bound, _ in sizes]
    bars = figures.bars
    labels = charts.labels_width([_label(bar.url) for bar in bars])
    render = partial(
        template.render,
        title=title,
        interrupted=interrupted,
        figures=figures,
        seconds=seconds,
        causes=causes(figures, run),
        charts=charts,
        throughput=charts.area(
            rates, figures.bytes_over_time.width, seconds, f"{_size(max(rates, default=0))}/s"
        ),
        in_flight=charts.area(
            flying, figures.in_flight.width, seconds, f"{max(flying, default=0):.0f}"
        ),
        marks=charts.marks_at(figures.marks, seconds),
        latencies=charts.histogram_columns(latencies, latency_labels),
        sizes=charts.histogram_columns(sizes, size_labels),
        waterfall=charts.waterfall(bars, labels, seconds),
        waterfall_ticks=charts.time_ticks(
            seconds, charts.WATERFALL_WIDTH - labels - charts.SECONDS
        ),
        hosts=sorted(figures.hosts.values(), key=lambda host: -host.urls),
        failures=sorted(figures.failures.values(), key=lambda group: -group.count),
        label=_label,
        labels=labels,
    )
    rest = len(render(rows="", rows_shown=0).encode("utf-8", "replace"))
    rows, number = figures.urls.fitting(max(LEAST_ROWS_BYTES, PAGE_BYTES - rest))
    html: str = render(rows=rows, rows_shown=number)
    return html


def _size(size: float) -> str:
    return format_size(size)


def _label(url: str) -> str:
    """What tells URLs of a host apart, in 40 characters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url[-40:]
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return path if len(path) <= 40 else f"…{path[-39:]}"
