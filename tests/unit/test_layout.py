"""How the tests themselves are laid out."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
MODULES = sorted([*TESTS.rglob("*.py"), *ROOT.glob("tools/**/*.py")])


def imported_by(module: Path) -> set[str]:
    """The modules that a module imports from, and what it imports as modules."""
    text = module.read_text()
    assert not re.search(r"^ *from \.", text, re.MULTILINE), "imports are absolute"
    return set(re.findall(r"^ *(?:from|import) ([\w.]+)", text, re.MULTILINE))


def test_what_is_shared_with_tests_stands_in_support() -> None:
    """No test module imports from another one, nor from a conftest."""
    breaches = [
        f"{module.relative_to(ROOT)} imports {name}"
        for module in MODULES
        for name in imported_by(module)
        if name.split(".")[0] == "tests" and not name.startswith("tests.support.")
    ]
    assert breaches == []


def test_unit_tests_are_in_folders_that_are_called_as_the_rooms() -> None:
    rooms = {path.name for path in (ROOT / "pyfetch").iterdir() if path.is_dir()}
    folders = {path.name for path in (TESTS / "unit").iterdir() if any(path.glob("test_*.py"))}
    assert folders - {"tools"} <= rooms


def test_the_wheel_has_the_mark_that_the_package_is_typed() -> None:
    """PEP 561: without `py.typed`, type checkers ignore all annotations."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (package,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    mark = ROOT / package / "py.typed"
    assert mark.is_file()
    ignored = subprocess.run(["git", "check-ignore", "--quiet", str(mark)], cwd=ROOT, check=False)
    assert ignored.returncode == 1, "hatchling leaves out what git ignores"
