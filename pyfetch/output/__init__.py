"""Shows results: as lines, as a sum, in files; on a terminal (`screen/`) and as a page (`report/`).

May import: the modules of values, `settings` and `naming`. `rich` is imported in `screen/` alone.
"""

from __future__ import annotations

from typing import Protocol

from pyfetch.models import Result


class Sink(Protocol):
    """Shows results, in the order in which it is given them."""

    def show(self, result: Result) -> None:
        """Show one result. Raises `OSError` where it cannot be written."""
        ...
