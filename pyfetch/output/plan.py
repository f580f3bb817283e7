"""A plan as a table, as TSV or as JSON Lines."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Protocol, TextIO

from pyfetch.output.planned import Planned
from pyfetch.text import escaped

_KEYS = [field.name for field in fields(Planned)]


class PlanSink(Protocol):
    """Shows a plan, entry by entry."""

    def show(self, planned: Planned) -> None:
        """Show what is planned for the next entry."""
        ...


def plan_sink(out: TextIO, form: str) -> PlanSink:
    """Return the sink for the format `table`, `tsv` or `jsonl`."""
    if form == "table":
        return _PlanTable(out)
    return _PlanTsv(out) if form == "tsv" else _PlanJsonLines(out)


class _PlanTsv:
    """TSV: `action`, `url`, `path`, `instead_of`, `error`; `-` for a missing value."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, planned: Planned) -> None:
        values = (
            planned.action, planned.url, planned.path, planned.instead_of, planned.error
        )  # fmt: skip
        line = "\t".join("-" if not value else escaped(value) for value in values)
        self._out.write(line + "\n")


class _PlanJsonLines:
    """JSON Lines: an object for each entry, always with all keys of `Planned`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, planned: Planned) -> None:
        self._out.write(json.dumps({key: getattr(planned, key) for key in _KEYS}) + "\n")


class _PlanTable:
    """A table with one row for each entry, below a heading."""

    def __init__(self, out: TextIO) -> None:
        from pyfetch.output.screen import console_on
        from pyfetch.output.table import PlanRows

        self._rows = PlanRows(console_on(out))

    def show(self, planned: Planned) -> None:
        self._rows.show(planned)
