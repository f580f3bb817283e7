"""A plan as rows for people, or as lines for scripts: TSV and JSON Lines."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Protocol, TextIO

from pyfetch.models import Planned
from pyfetch.text import escaped

_KEYS = [field.name for field in fields(Planned)]


class PlanSink(Protocol):
    """What a plan is shown to."""

    def show(self, planned: Planned) -> None:
        """Take what is planned for the next entry."""
        ...


def plan_sink(out: TextIO, form: str) -> PlanSink:
    """The sink for `table`, `tsv` or `jsonl`."""
    if form == "table":
        return _PlanTable(out)
    return _PlanTsv(out) if form == "tsv" else _PlanJsonLines(out)


class _PlanTsv:
    """`action`, `url`, `path`, `instead_of`, `error`, with tabs between; `-` is nothing."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, planned: Planned) -> None:
        values = (
            planned.action, planned.url, planned.path, planned.instead_of, planned.error
        )  # fmt: skip
        line = "\t".join("-" if not value else escaped(value) for value in values)
        self._out.write(line + "\n")


class _PlanJsonLines:
    """One JSON object a line, every key of `Planned` present."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, planned: Planned) -> None:
        self._out.write(json.dumps({key: getattr(planned, key) for key in _KEYS}) + "\n")


class _PlanTable:
    """One row an entry, below a heading."""

    def __init__(self, out: TextIO) -> None:
        from pyfetch.output.screen import console_on
        from pyfetch.output.table import PlanRows

        self._rows = PlanRows(console_on(out))

    def show(self, planned: Planned) -> None:
        self._rows.show(planned)
