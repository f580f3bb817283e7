from __future__ import annotations

import inspect

import pytest

from tests.support.cases import cases


def test_a_test_is_run_for_each_row_and_each_failure_names_its_own() -> None:
    """Also for those behind a row that failed."""
    seen: list[int] = []

    @cases(("number", "square"), [(1, 1), (2, 5), (3, 9), (4, 15)])
    def test(number: int, square: int) -> None:
        seen.append(number)
        if number == 4:
            pytest.fail("not a good number")
        assert number**2 == square

    with pytest.raises(BaseExceptionGroup, match="2 of 4 cases failed") as caught:
        test()
    assert seen == [1, 2, 3, 4]
    first, second = caught.value.exceptions
    assert first.__notes__ == ["This is the case of {'number': 2, 'square': 5}"]
    assert isinstance(second, pytest.fail.Exception)


def test_one_failure_is_raised_as_it_is() -> None:
    @cases("number", [1, 2])
    def test(number: int) -> None:
        assert number == 1

    with pytest.raises(AssertionError) as caught:
        test()
    assert caught.value.__notes__ == ["This is the case of {'number': 2}"]


def test_tables_are_crossed_and_fixtures_are_left_to_pytest() -> None:
    seen: list[tuple[str, int, str]] = []

    @cases("letter", ["a", "b"])
    @cases("number", [1, 2])
    def test(letter: str, number: int, fixture: str) -> None:
        seen.append((letter, number, fixture))

    assert [*inspect.signature(test).parameters] == ["fixture"]
    test(fixture="f")
    assert seen == [("a", 1, "f"), ("a", 2, "f"), ("b", 1, "f"), ("b", 2, "f")]
