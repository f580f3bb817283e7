"""Text fitted to the cells of a terminal."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from pyfetch.text import escaped


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
