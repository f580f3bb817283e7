"""Text, and labels of transfers, fitted to the cells of a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote

from rich.cells import cell_len, set_cell_size

from pyfetch.models import Target
from pyfetch.output.labels import label_of
from pyfetch.text import escaped, masked_signatures


def width_of(text: str) -> int:
    """How many cells a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def padded(text: str, width: int) -> str:
    """The text with blanks behind it, as wide as `width` cells, or as it is."""
    return text + " " * (width - width_of(text))


def fitted(text: str, width: int) -> str:
    """Return text that fills `width` cells: padded, or with an ellipsis in the middle."""
    return padded(cut_middle(escaped(text), width), width)


def cut_middle(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis for what is left out of its middle."""
    if width_of(text) <= width:
        return text
    if width < 4:
        return set_cell_size(text, width)
    tail = (width - 1) * 3 // 5  # the end of a URL says more than its start
    return set_cell_size(text, width - 1 - tail) + "…" + _last_cells(text, tail)


def cut_end(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis for what is left out of its end."""
    if width_of(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def cut_start(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis for what is left out of its start."""
    if width_of(text) <= width:
        return text
    return "…" + _last_cells(text, width - 1)


def _last_cells(text: str, width: int) -> str:
    end = text[-width:] if width else ""
    while cell_len(end) > width:
        end = end[1:]
    return end + " " * (width - cell_len(end))


def cut(label: str, width: int) -> str:
    """The label in at most so many cells: the start of its path goes, its name stays."""
    if width_of(label) <= width:
        return label
    name = label.rstrip("/").rpartition("/")[2]
    return cut_middle(name, width) if width_of(name) >= width else cut_start(label, width)


def labels(targets: Sequence[Target], width: int) -> list[str]:
    """A label of exactly `width` cells for each target; no two are the same.

    Where names are the same as far as they are shown, the query tells them apart, or else their
    number in the list.
    """
    long = [label_of(target) for target in targets]
    short = _told_apart([cut(label, width) for label in long], targets, width)
    return [padded(label, width) for label in short]


def widest(targets: Sequence[Target]) -> int:
    """Cells of the longest label."""
    return max((width_of(label_of(target)) for target in targets), default=0)


def _told_apart(short: list[str], targets: Sequence[Target], width: int) -> list[str]:
    for distinguish in (_with_query, _with_number):
        times = Counter(short)
        if len(times) == len(short):
            break
        short = [
            distinguish(label, target, width) if times[label] > 1 else label
            for label, target in zip(short, targets, strict=True)
        ]
    return short


def _with_query(label: str, target: Target, width: int) -> str:
    query = masked_signatures(unquote(target.url.query))
    name = label_of(target).rpartition("/")[2]
    return cut_middle(escaped(f"{name}?{query}"), width) if query else label


def _with_number(_label: str, target: Target, width: int) -> str:
    number = f"{target.index} "
    return number + cut(label_of(target), max(1, width - len(number)))
