"""The rooms that CONTRIBUTING.md describes are the folders of the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
ROOMS = sorted(file.parent.name for file in (ROOT / "pyfetch").glob("*/__init__.py"))


def test_each_room_has_one_paragraph_and_no_other_has_one() -> None:
    assert sorted(re.findall(r"^- \*\*`(\w+)/`\*\*", TEXT, re.MULTILINE)) == ROOMS


def test_the_picture_shows_each_room_and_no_other() -> None:
    picture = TEXT.split("```")[1]
    assert sorted(re.findall(r"\b(\w+)/", picture)) == ROOMS
    assert len(picture.splitlines()) <= 25


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`(\w+/[\w/]*(?:\.py)?)`", TEXT.replace("pyfetch/", ""))))
)
def test_what_it_names_is_there(path: str) -> None:
    assert (ROOT / "pyfetch" / path).exists()


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_lives_there(room: str) -> None:
    first = (ROOT / "pyfetch" / room / "__init__.py").read_text()
    assert first.startswith('"""')
