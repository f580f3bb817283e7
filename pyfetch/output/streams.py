"""What the standard streams lead to: whether bars can be drawn there, and how wide it is."""

from __future__ import annotations

import os
from typing import TextIO


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal that a stream leads to."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def can_draw(stream: TextIO) -> bool:
    """Whether bars can be drawn there."""
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


def same_terminal(out: TextIO, err: TextIO) -> bool:
    """Whether both are one terminal."""
    if not (out.isatty() and err.isatty()):
        return False
    return os.fstat(out.fileno()).st_rdev == os.fstat(err.fileno()).st_rdev
