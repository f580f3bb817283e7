"""The lowest versions that pyproject.toml allows, as constraints for pip: `make test-lowest`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)[^<>=!~;]*>=\s*(?P<version>[\w.]+)[^;]*(?P<marker>;.*)?"
)


def lowest(requirement: str) -> str:
    """`name==version` of what says `name>=version`. Raises `ValueError` if it says no lowest."""
    found = _REQUIREMENT.fullmatch(requirement)
    if found is None:
        raise ValueError(f"{requirement!r} names no lowest version")
    return f"{found['name']}=={found['version']}{found['marker'] or ''}"


def constraints(pyproject: str) -> list[str]:
    """A constraint for each dependency of the project and of its extras."""
    project = tomllib.loads(pyproject)["project"]
    extras = project.get("optional-dependencies", {}).values()
    wanted = [*project["dependencies"], *(each for extra in extras for each in extra)]
    return [lowest(requirement) for requirement in wanted]


if __name__ == "__main__":
    print("\n".join(constraints(PYPROJECT.read_text())))
