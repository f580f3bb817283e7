"""`then=`: a function of a program for each file, in other processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pyfetch import Batch, FetchError, Result, UsageError, fetch, fetch_all
from tests.support.cases import cases
from tests.support.server import LoopbackServer, Page


def square(path: Path, result: Result) -> int:
    return int(path.read_text()) ** 2


def told(path: Path, result: Result) -> dict[str, Any]:
    return {"pid": os.getpid(), "name": path.name, "url": result.url, "input": result.input}


@pytest.fixture
def numbers(server: LoopbackServer) -> list[str]:
    server.pages |= {f"/{number}": Page(str(number).encode()) for number in range(1, 9)}
    return [f"{server.url}/{number}" for number in range(1, 9)]


@pytest.mark.slow
def test_values_come_in_the_order_of_the_urls(numbers: list[str], tmp_path: Path) -> None:
    results = list(fetch_all(numbers, output_dir=tmp_path, then=square, cpus=2))
    assert [result.value for result in results] == [1, 4, 9, 16, 25, 36, 49, 64]
    assert all(result.ok and result.path and result.path.exists() for result in results)


@pytest.mark.slow
def test_it_runs_in_another_process_with_what_the_result_says(
    numbers: list[str], tmp_path: Path
) -> None:
    item = {"url": numbers[0], "colour": "blue"}
    value = fetch(item, output_dir=tmp_path, then=told, cpus=1).value
    assert value.pop("pid") != os.getpid()
    assert value == {"name": "1", "url": numbers[0], "input": {"colour": "blue"}}


@pytest.mark.slow
def test_a_file_that_was_not_kept_leaves_its_value(numbers: list[str], tmp_path: Path) -> None:
    result = fetch(numbers[6], output_dir=tmp_path, then=square, cpus=1, keep=False)
    assert (result.value, result.path) == (49, None)
    with pytest.raises(FetchError, match=r"not kept .*keep=False"):
        result.read_bytes()


@pytest.mark.slow
def test_a_function_that_fails_fails_its_url_alone(numbers: list[str], tmp_path: Path) -> None:
    Path(tmp_path / "x").mkdir()
    items: list[str | dict[str, str]] = [numbers[0], {"url": numbers[1], "out": "x/two"}]
    good, failed = fetch_all(items, output_dir=tmp_path, then=only_in_the_first, cpus=1)
    assert good.value == "1"
    assert (failed.error, failed.ok) == ("map", False)
    assert failed.detail == f"LookupError: two (test_then.py, line {LINE})"
    assert failed.path == tmp_path / "x" / "two"
    assert failed.path.read_bytes() == b"2"


def only_in_the_first(path: Path, result: Result) -> str:
    if path.name == "1":
        return path.name
    raise LookupError(path.name)


LINE = only_in_the_first.__code__.co_firstlineno + 3


@cases(
    ("arguments", "said"),
    [
        ({"then": lambda path, result: 5}, "it is a lambda, which no other process can get"),
        ({"then": "module:function"}, "then must be a function"),
        ({"then": square, "discard": True}, "discard keeps no file that then could read"),
        ({"then": square, "exec": "true"}, "exec and then exclude each other"),
        ({"map": "no_such:f"}, "there is no module 'no_such'"),
        ({"exec": "no-such-program"}, "there is no program"),
        ({"cpus": 2}, "cpus is for computing with the files: it needs exec or map"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(arguments: dict[str, Any], said: str) -> None:
    """Not when the first result is asked for."""
    for made in (fetch_all, Batch):
        with pytest.raises(UsageError, match=said):
            made([], **arguments)
