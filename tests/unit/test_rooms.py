"""The rooms that CONTRIBUTING.md describes are the folders of the package."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
ROOMS = sorted(file.parent.name for file in (ROOT / "pyfetch").glob("*/__init__.py"))


def test_each_room_has_one_paragraph_and_no_other_has_one() -> None:
    assert sorted(re.findall(r"^- \*\*`(\w+)/`\*\*", TEXT, re.MULTILINE)) == ROOMS


def test_the_picture_shows_each_room_and_no_other() -> None:
    picture = TEXT.split("```")[1]
    assert sorted(re.findall(r"\b(\w+)/", picture)) == ROOMS
    assert len(picture.splitlines()) <= 25


def test_what_it_names_is_there() -> None:
    """In a room, as most are, or beside the package."""
    paths = set(re.findall(r"`(\w+/[\w/]*(?:\.py)?)`", TEXT.replace("pyfetch/", "")))
    assert len(paths) > len(ROOMS)
    places = (ROOT / "pyfetch", ROOT)
    assert [path for path in paths if not any((at / path).exists() for at in places)] == []


def test_each_room_says_what_lives_there() -> None:
    for room in ROOMS:
        first = (ROOT / "pyfetch" / room / "__init__.py").read_text()
        assert first.startswith('"""'), room


def test_a_name_means_one_thing() -> None:
    """No class or public function is called as one of another module, but for case and `_`."""
    places: defaultdict[str, set[str]] = defaultdict(set)
    for file in (ROOT / "pyfetch").rglob("*.py"):
        for name in re.findall(r"^(?:class |def (?!_))(\w+)", file.read_text(), re.MULTILINE):
            places[name.lower().strip("_")].add(str(file.relative_to(ROOT)))
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert shared == {"main": {"pyfetch/cli/main.py", "pyfetch/cluster/worker.py"}}
