"""The report as one HTML file, which needs no network: written by a Jinja template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyfetch.errors import UsageError
from pyfetch.output.report import charts
from pyfetch.output.report.figures import Figures
from pyfetch.output.report.verdict import RunFacts, causes
from pyfetch.text import escaped
from pyfetch.units import format_seconds, format_size

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
    latency_labels = [f"up to {format_seconds(bound)}" for bound, _ in latencies]
    sizes = figures.sizes.bars(1.0)
    size_labels = [f"up to {_size(bound)}" for bound, _ in sizes]
    bars = figures.bars
    html: str = template.render(
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
        waterfall=charts.waterfall(bars, seconds),
        waterfall_ticks=charts.time_ticks(seconds, charts.WIDTH - charts.LABELS - 60),
        hosts=sorted(figures.hosts.values(), key=lambda host: -host.urls),
        failures=sorted(figures.failures.values(), key=lambda group: -group.count),
        label=_label,
        rows=_rows_as_json(figures),
    )
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


def _rows_as_json(figures: Figures) -> str:
    """The list of URLs for the script of the page: what a `</script>` could end is escaped."""
    rows: Sequence[Sequence[Any]] = [
        [
            row.number, escaped(row.url), row.status, row.size, round(row.seconds, 3),
            None if row.began is None else round(row.began, 2),
        ]
        for row in sorted(figures.rows)
    ]  # fmt: skip
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
