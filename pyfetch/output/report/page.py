"""The report as one HTML file, which needs no network: written by a Jinja template."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pyfetch.errors import UsageError
from pyfetch.output.report import charts
from pyfetch.output.report.figures import Figures
from pyfetch.output.report.verdict import RunFacts, causes
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
