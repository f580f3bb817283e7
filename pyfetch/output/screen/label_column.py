"""Labels of transfers fitted to a column: their ends are kept, and no two of them are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote

from pyfetch.models import Target
from pyfetch.output.labels import label_of
from pyfetch.output.screen.cells import cut_middle, cut_start, padded, width_of
from pyfetch.text import escaped, masked_signatures


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
