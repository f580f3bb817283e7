"""Geometry of the charts: numbers in, coordinates of SVG out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pyfetch.output.report.figures import Mark, WaterfallBar

WIDTH = 500
"""Units of SVG, of a chart: as many pixels, so that its text can be read."""
HEIGHT = 120
WATERFALL_WIDTH = 1000
ROW = 18
"""Height of a row of the waterfall."""
SECONDS = 70
"""Width of the seconds behind a row."""
_CHARACTER = 7
"""Width of a character of a label, at most, on average."""


class Tick(NamedTuple):
    """Line of a scale."""

    at: float
    text: str


class Area(NamedTuple):
    """A curve over time, filled down to its axis."""

    path: str
    peak: str
    ticks: list[Tick]


class Column(NamedTuple):
    """Column of a histogram."""

    x: float
    y: float
    width: float
    height: float
    label: str
    number: int
    """Of the values in it."""


class Piece(NamedTuple):
    """A phase in a row of the waterfall."""

    x: float
    width: float
    name: str
    title: str


class WaterfallRow(NamedTuple):
    """A row of the waterfall."""

    y: float
    host: str | None
    """Where it differs from that of the row above: its name has a line of its own, above."""
    bar: WaterfallBar
    pieces: list[Piece]
    text_x: float
    """Where the seconds stand."""


def area(values: Sequence[float], width: float, seconds: float, peak: str) -> Area:
    """The curve of values that are `width` seconds apart, over so many seconds."""
    most = max(values, default=0.0) or 1.0
    scale = WIDTH / max(seconds, width)
    points = []
    for number, value in enumerate(values):
        y = HEIGHT * (1 - value / most)
        left, right = number * width * scale, min(WIDTH, (number + 1) * width * scale)
        points.append(f"{left:.1f},{y:.1f} {right:.1f},{y:.1f}")
    path = f"M0,{HEIGHT} L{' '.join(points)} {WIDTH},{HEIGHT} Z" if points else ""
    return Area(path, peak, time_ticks(seconds, WIDTH))


def time_ticks(seconds: float, width: float) -> list[Tick]:
    """Up to ten round times along an axis."""
    if not seconds:
        return [Tick(0, "0 s")]
    step = 0.001
    for factor in (2, 2.5, 2) * 12:
        if seconds / step <= 10:
            break
        step *= factor
    return [
        Tick(number * step * width / seconds, _time(number * step))
        for number in range(int(seconds / step) + 1)
    ]


def _time(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:.3g} min"
    return f"{seconds:.3g} s" if seconds >= 1 or not seconds else f"{seconds * 1000:.3g} ms"


def marks_at(marks: Sequence[Mark], seconds: float) -> list[tuple[float, float, str]]:
    """(x, width, text) of each mark."""
    scale = WIDTH / max(seconds, 0.001)
    return [
        (round(m.at * scale, 1), max(2.0, round(m.seconds * scale, 1)), m.text)
        for m in marks
        if m.at <= seconds
    ]


def histogram_columns(bars: Sequence[tuple[float, int]], labels: Sequence[str]) -> list[Column]:
    """The columns of a histogram."""
    most = max((count for _, count in bars), default=0) or 1
    width = WIDTH / max(len(bars), 1)
    return [
        Column(
            number * width + 1, HEIGHT * (1 - count / most), width - 2, HEIGHT * count / most,
            labels[number], count,
        )
        for number, (_, count) in enumerate(bars)
    ]  # fmt: skip


def labels_width(labels: Sequence[str]) -> int:
    """Units for the labels of a waterfall, with the mark of what failed."""
    return 30 + _CHARACTER * max(map(len, labels), default=0)


def waterfall(bars: Sequence[WaterfallBar], labels: int, seconds: float) -> list[WaterfallRow]:
    """The rows of a waterfall, right of its labels."""
    scale = (WATERFALL_WIDTH - labels - SECONDS) / max(seconds, 0.001)
    rows: list[WaterfallRow] = []
    y = 0
    for bar in bars:
        host = bar.host if not rows or bar.host != rows[-1].bar.host else None
        y += ROW if host else 0
        pieces = []
        for phase in bar.phases:
            begin = max(0.0, phase.begin)
            lasted = phase.end - begin
            name = phase.name.replace("_", " ")
            pieces.append(
                Piece(
                    labels + begin * scale, max(0.5, lasted * scale), phase.name,
                    f"{name}: {_time(lasted)}",
                )
            )  # fmt: skip
        end = pieces[-1].x + pieces[-1].width
        rows.append(WaterfallRow(y, host, bar, pieces, end + 4))
        y += ROW
    return rows
