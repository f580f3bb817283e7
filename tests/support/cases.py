"""A table of small cases is one test: a test of its own for each costs pytest 5 ms."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def cases(
    names: str | tuple[str, ...], table: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test for each row of the table, as `pytest.mark.parametrize` does, but as one.

    All rows are run; whatever failed is raised at the end, and says for which row. They share the
    fixtures of the test.
    """
    columns = (names,) if isinstance(names, str) else names
    rows = [(row,) if isinstance(names, str) else row for row in table]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def for_each_row(**fixtures: Any) -> None:
            failures: list[BaseException] = []
            for row in rows:
                given = dict(zip(columns, row, strict=True))
                try:
                    test(**fixtures, **given)
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"This is the case of {given}")
                    failures.append(error)
            if len(failures) == 1:
                raise failures[0]
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(rows)} cases failed", failures)

        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in columns]
        for_each_row.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return for_each_row

    return decorate
