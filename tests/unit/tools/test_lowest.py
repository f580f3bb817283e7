"""Which versions `make test-lowest` installs."""

from __future__ import annotations

import pytest

from tests.support.cases import cases
from tools.lowest import PYPROJECT, constraints, lowest


@cases(
    ("requirement", "constraint"),
    [
        ("rich>=13.9", "rich==13.9"),
        ("urllib3>=2.3,<3", "urllib3==2.3"),
        ("requests[socks] >= 2.32.3, < 3", "requests==2.32.3"),
        ("x>=0.1; sys_platform == 'darwin'", "x==0.1; sys_platform == 'darwin'"),
    ],
)
def test_the_lowest_version_is_the_one_that_is_allowed_first(
    requirement: str, constraint: str
) -> None:
    assert lowest(requirement) == constraint


def test_a_dependency_without_a_lowest_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="no lowest version"):
        lowest("rich<15")


def test_each_dependency_of_the_project_has_its_constraint() -> None:
    found = {line.partition("==")[0] for line in constraints(PYPROJECT.read_text())}
    assert {"requests", "urllib3", "click", "rich", "PySocks"} <= found
