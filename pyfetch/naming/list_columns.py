"""What a record of the list says under a column or key, for a name: `{input.COLUMN}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyfetch.models import Target

_TOO_LARGE = 10**100
"""From here on, Python may refuse to write an integer in digits."""


def value_at(said: Mapping[str, Any], name: str) -> object | None:
    """The value of a column or key; `a.b` is also the key `b` of the object `a`.

    None if there is none, or if it is null.
    """
    if name in said:
        found: object = said[name]
        return found
    end = name.find(".")
    while end >= 0:
        inner = said.get(name[:end])
        if isinstance(inner, Mapping):
            below = value_at(inner, name[end + 1 :])
            if below is not None:
                return below
        end = name.find(".", end + 1)
    return None


def column_text(target: Target, name: str) -> str | None:
    """What the list says of a target in this column, as text; None if it says nothing there.

    Columns that a run understands by itself count too: `size`, and the checksum by its algorithm.
    """
    value = value_at(target.input or {}, name)
    if value is None and target.checksum and name == target.checksum.algorithm:
        value = target.checksum.digest
    if value is None and name == "size":
        value = target.size
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _TOO_LARGE):
        return str(value)
    return None


def why_not_named(target: Target, names: tuple[str, ...]) -> str | None:
    """Why a target can get no name from these columns, as a sentence; None if it can."""
    for name in names:
        if column_text(target, name) is not None:
            continue
        said = target.input or {}
        value = value_at(said, name)
        if isinstance(value, Mapping | list | tuple):
            return f"no name: {name!r} is neither a text nor a number, as {{input.{name}}} needs"
        if name in said or value is not None:
            return f"no name: {name!r} is empty, which {{input.{name}}} needs"
        known = f" (there are {', '.join(map(str, said))})" if said else ""
        return f"no name: there is no {name!r}, which {{input.{name}}} needs{known}"[:300]
    return None
