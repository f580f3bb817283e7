"""The rows of a run that computes: a column for values, and a word for files that are gone."""

from __future__ import annotations

import io
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from pyfetch.models import Failure, Outcome, Result
from pyfetch.output.screen.table import Table
from tests.support.cases import cases

RESULT = Result(
    1, "http://files.example/pub/one.txt", Outcome.FETCHED, status=200, size=5,
    file="data/one.txt", attempts=1,
)  # fmt: skip
LONG = {"words": list(range(100)), "text": "日本" * 50}


def rows(*results: Result, width: int = 100, **how: Any) -> list[str]:
    """The lines of a table."""
    stream = io.StringIO()
    table = Table(Console(file=stream, width=width), **how)
    for result in results:
        table.show(result)
    return stream.getvalue().splitlines()


@cases("width", [40, 60, 80, 100, 160])
@cases("value", [5, "a text", LONG, "日" * 200])
def test_a_value_has_a_column_that_is_cut_to_its_width(width: int, value: Any) -> None:
    heading, row = rows(RESULT._replace(value=value), width=width, values=True)
    assert heading.endswith(" value")
    assert cell_len(row) < width
    if isinstance(value, str | int) and len(str(value)) < 10:
        assert row[heading.index("value") :] == str(value)
    else:
        assert row.endswith("…")


def test_values_stand_below_each_other() -> None:
    heading, first, second = rows(
        RESULT._replace(value=1), RESULT._replace(file="data/日本", value=2), values=True
    )
    place = heading.index("value")
    assert first[place:] == "1"
    assert cell_len(second[: second.rindex("2")]) == place


def test_a_failure_says_why_where_the_value_would_be() -> None:
    failed = RESULT._replace(
        outcome=Outcome.FAILED, error=Failure.MAP, detail="ValueError: no (a.py, line 3)"
    )
    assert "map: ValueError: no (a.py, line 3)" in "".join(rows(failed, values=True, width=160))


@cases("width", [40, 160])
def test_what_a_command_has_printed_fills_no_screen(width: int) -> None:
    """Its end is shown, on lines as wide as the table."""
    printed = "exit status 1: Banner\n" + "\n  a line of its output" * 200 + "\nno such codec"
    failed = RESULT._replace(outcome=Outcome.FAILED, error=Failure.EXEC, detail=printed)
    _, *lines = rows(failed, width=width)
    assert "%0A" not in "".join(lines)
    reason = " ".join(" ".join(lines).split())
    assert "exec: exit status 1: Banner a line" in reason
    assert reason.endswith("its output no such codec")
    assert len(reason) < 800


def test_a_file_that_is_gone_is_not_called_discarded() -> None:
    gone = RESULT._replace(file=None, value=5)
    assert rows(gone, values=True, gone="(not kept)")[1].split()[-3:] == ["(not", "kept)", "5"]
    assert rows(gone)[1].endswith("(discarded)")


def test_without_values_the_columns_are_as_ever() -> None:
    heading, row = rows(RESULT._replace(value=5))
    assert heading.endswith("saved as")
    assert row.endswith("data/one.txt")
