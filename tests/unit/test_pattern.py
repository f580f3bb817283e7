"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from pyfetch.pattern import pattern


def test_a_pattern_does_what_a_compiled_one_does() -> None:
    late = pattern(r"(a)b", re.IGNORECASE)
    found = late.fullmatch("AB")
    assert found is not None
    assert found[1] == "A"
    assert late.sub("x", "abcab") == "xcx"
    assert late.split("1ab2", maxsplit=1) == ["1", "a", "2"]
    assert late.pattern == r"(a)b"


def test_it_works_on_bytes() -> None:
    assert pattern(rb"\d+").search(b"a12")


def test_it_is_compiled_when_it_is_first_used_and_not_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = []
    compile_now = re.compile

    def note(text: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(text)
        return compile_now(text, flags)

    monkeypatch.setattr(re, "compile", note)
    late = pattern("a+")
    assert not compiled
    assert late.match("aa")
    assert late.match("a")
    assert compiled == ["a+"]
