"""How the tests themselves are laid out."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
MODULES = sorted([*TESTS.rglob("*.py"), *ROOT.glob("tools/**/*.py")])


def imported_by(module: Path) -> set[str]:
    """What a module imports, by its full name: modules, and what may be modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_what_is_shared_with_tests_stands_in_support() -> None:
    """No test module imports from another one, nor from a conftest."""
    breaches = [
        f"{module.relative_to(ROOT)} imports {name}"
        for module in MODULES
        for name in imported_by(module)
        if name.startswith("tests.") and not name.startswith("tests.support.")
    ]
    assert breaches == []


def test_unit_tests_are_in_folders_that_are_called_as_the_rooms() -> None:
    rooms = {path.name for path in (ROOT / "pyfetch").iterdir() if path.is_dir()}
    folders = {path.name for path in (TESTS / "unit").iterdir() if any(path.glob("test_*.py"))}
    assert folders - {"tools"} <= rooms
