"""Results as TSV and JSON Lines: what a command or function has made of the file."""

from __future__ import annotations

import io
import json
from typing import Any

from pyfetch.models import Failure, Outcome, Result
from pyfetch.output.result_lines import FailureLines, JsonLines, Tsv, as_object
from pyfetch.timing import Timing
from tests.support.cases import cases

RESULT = Result(1, "http://h/x", Outcome.FETCHED, status=200, size=5, file="data/x")


def tsv(result: Result, *, values: bool = True) -> list[str]:
    stream = io.StringIO()
    Tsv(stream, values=values).show(result)
    (line,) = stream.getvalue().split("\n")[:-1]
    return line.split("\t")


@cases(
    ("value", "cell"),
    [
        (None, "-"),
        ("", "-"),
        (0, "0"),
        (False, "false"),
        ("a text", "a text"),
        ("a\tb\nc\u202e", "a%09b%0Ac%E2%80%AE"),
        (["ü", 1.5, None], '["ü", 1.5, null]'),
        ({"a": "b\n"}, '{"a": "b\\n"}'),
    ],
)
def test_a_value_is_one_cell_behind_the_others(value: Any, cell: str) -> None:
    """Text as it is, anything else in JSON."""
    before = ["200", "5", "http://h/x", "data/x", "-", "-"]
    assert tsv(RESULT._replace(value=value)) == [*before, cell]


def test_what_a_command_printed_on_several_lines_is_one_sentence() -> None:
    """In JSON it is as it was printed."""
    printed = "exit status 9: [a.zip]\n  End of file\tnot found.\n"
    failed = RESULT._replace(outcome=Outcome.FAILED, error=Failure.EXEC, detail=printed)
    said: list[str] = []
    FailureLines(said.append).show(failed)
    sentence = "exit status 9: [a.zip] End of file not found."
    assert tsv(failed)[5] == sentence
    assert said == [f"pyfetch: failed: http://h/x: exec: {sentence}"]
    assert as_object(failed)["detail"] == printed


def test_without_a_function_the_columns_are_as_ever() -> None:
    """Scripts count them."""
    assert len(tsv(RESULT._replace(value=5), values=False)) == 6


@cases("value", [None, 0, "ü\u2028", [1, {"a": [None]}], "x" * 1_000_000])
def test_a_value_in_json_is_the_same_value(value: Any) -> None:
    stream = io.StringIO()
    JsonLines(stream).show(RESULT._replace(value=value))
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["value"] == value


@cases(
    ("failure", "code"),
    [(Failure.EXEC, None), (Failure.MAP, None), (Failure.DISK, "disk"), (None, None)],
)
def test_the_attempt_has_not_failed_where_only_computing_has(
    failure: Failure | None, code: str | None
) -> None:
    failed = RESULT._replace(error=failure, timing=Timing(0.0, (), 0.0, (), 1.0))
    (attempt,) = as_object(failed)["timing"]["attempts"]
    assert attempt["code"] == code
    assert as_object(failed)["error"] == failure
