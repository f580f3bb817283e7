"""Text fitted to the cells of a terminal."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

from pyfetch.text import escaped

_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def shown_url(url: str) -> str:
    """Return a URL without its scheme, which a narrow column has no room for."""
    match = _SCHEME.match(url)
    return url[match.end() :] if match else url


def fitted(text: str, width: int) -> str:
    """Return text that fills `width` cells: padded, or with an ellipsis in the middle."""
    text = escaped(text)
    length = len(text) if text.isascii() else cell_len(text)
    if length <= width:
        return text + " " * (width - length)
    if width < 4:
        return set_cell_size(text, width)
    tail = (width - 1) * 3 // 5  # the end of a URL says more than its start
    return set_cell_size(text, width - 1 - tail) + "…" + _last_cells(text, tail)


def _last_cells(text: str, width: int) -> str:
    end = text[-width:]
    while cell_len(end) > width:
        end = end[1:]
    return end + " " * (width - cell_len(end))
