"""What a function may return, and what fails its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyfetch.compute.messages import Call, Failed, Succeeded
from pyfetch.compute.worker import called
from pyfetch.computed import MOST_JSON
from pyfetch.models import Outcome, Result
from tests.support.cases import cases

CALL = Call.of("/x/a", Result(1, "http://h/a", Outcome.FETCHED))


def of(value: Any) -> Any:
    return called(lambda _, __: value, CALL)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@cases(
    "value",
    [None, 0, 1.5, True, "ü\n", [1, [2]], {"a": {"b": None}}, (1, 2), "x" * (MOST_JSON - 2)],
)
def test_a_value_that_json_has_is_told(value: Any) -> None:
    reply = of(value)
    assert isinstance(reply, Succeeded)
    assert reply.value is not None
    expected = list(value) if isinstance(value, tuple) else value
    assert json.loads(reply.value) == expected


@cases(
    ("value", "why"),
    [
        (float("nan"), "the value that it has returned is not JSON: Out of range float values"),
        (float("inf"), "is not JSON: Out of range float values"),
        (b"bytes", "is not JSON: Object of type bytes is not JSON serializable"),
        ({1}, "is not JSON: Object of type set is not JSON serializable"),
        (Path("x"), "is not JSON: Object of type"),
        ({(1, 2): 3}, "is not JSON: keys must be"),
        (nested(100_000), "is not JSON: maximum recursion depth exceeded"),
        ("x" * MOST_JSON, "takes 1,048,578 bytes as JSON: at most 1,048,576 may be"),
        ("x" * 2 * MOST_JSON, "takes 2,097,154 bytes as JSON: at most 1,048,576 may be"),
    ],
)
def test_another_value_fails_its_file_in_a_sentence(value: Any, why: str) -> None:
    reply = of(value)
    assert isinstance(reply, Failed)
    assert why in reply.detail
    assert not reply.is_killed
    assert "\n" not in reply.detail


@cases("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_whatever_the_function_raises_fails_its_file_alone(error: BaseException) -> None:
    def function(*_: object) -> None:
        raise error

    reply = called(function, CALL)
    assert isinstance(reply, Failed)
    assert type(error).__name__ in reply.detail
    assert "(test_worker.py, line " in reply.detail
