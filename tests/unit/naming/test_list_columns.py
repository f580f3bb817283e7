"""What a list says in a column, as text for a name."""

from __future__ import annotations

from typing import Any

import pytest

from pyfetch.checksum import Checksum
from pyfetch.models import Target
from pyfetch.naming.list_columns import column_text, value_at, why_not_named
from pyfetch.urls import parse_url
from tests.support.cases import cases


def target(said: dict[str, Any] | None, **more: Any) -> Target:
    return Target(1, parse_url("http://h/x"), input=said, **more)


@cases(
    ("said", "name", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": 2}}, "a.b", 2),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a": {"b.c": 3}}, "a.b.c", 3),
        ({"a.b": {"c": 4}}, "a.b.c", 4),
        ({"a": {"b": None}, "a.b": {"c": 5}}, "a.b.c", 5),
        ({"a": 1}, "a.b", None),
        ({"a": {}}, "a.b", None),
        ({}, "a", None),
    ],
)
def test_a_dot_leads_into_an_object_unless_it_is_part_of_a_key(
    said: dict[str, Any], name: str, value: object
) -> None:
    assert value_at(said, name) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (" x ", "x"),
        ("", None),
        (" ", None),
        (None, None),
        (0, "0"),
        (1.5, "1.5"),
        (True, "true"),
        ([1], None),
        ({"a": 1}, None),
        pytest.param(10**5000, None, id="huge"),
    ],
)
def test_texts_numbers_and_truth_values_have_a_text(value: object, text: str | None) -> None:
    assert column_text(target({"a": value}), "a") == text
    assert (why_not_named(target({"a": value}), ("a",)) is None) == (text is not None)


def test_size_and_checksum_are_columns_too_unless_the_list_has_others_of_that_name() -> None:
    known = target({}, size=5, checksum=Checksum("md5", "0" * 32))
    assert column_text(known, "size") == "5"
    assert column_text(known, "md5") == "0" * 32
    assert column_text(known, "sha256") is None
    assert column_text(target({"size": "large"}, size=5), "size") == "large"


def test_what_is_missing_is_said_with_what_there_is() -> None:
    why = why_not_named(target({"a": 1, "b": 2}), ("a", "c"))
    assert why == "no name: there is no 'c', which {input.c} needs (there are a, b)"
    assert why_not_named(target(None), ("c",)) == "no name: there is no 'c', which {input.c} needs"
