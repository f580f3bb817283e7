"""The text of a name template: which fields it may have, and whether it is a safe path."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import NoReturn

from pyfetch.errors import UsageError
from pyfetch.naming.components import fault

FIELDS = (
    "index", "scheme", "host", "name", "stem", "ext", "type_ext", "query", "hash", "dir",
)  # fmt: skip
"""Beside these there is `{input.COLUMN}`."""

BEFORE_COLUMN = "input."
"""How fields begin that stand for a column of the list."""

_INPUT = "input"
_ZERO_PADDED = r"0([1-9][0-9]?)d?"


def check_template(text: str) -> str:
    """Check a template. Returns it in Unicode's normal form C, in which it is used.

    Raises `UsageError` if it cannot be read, or if its own text is not a safe path.
    """
    text = unicodedata.normalize("NFC", text)
    if not text:
        raise UsageError("the name template is empty (write one like {host}/{dir}/{name})")
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        _refuse(text, f"{error} (write {{{{ or }}}} for a brace that begins or ends no field)")
    for _, name, spec, conversion in parts:
        if name is not None:
            _check_field(text, name, spec or "", conversion)
    if "\\" in text:
        _refuse(text, r"'\' separates nothing here (write / between components)")
    if text.startswith("/"):
        _refuse(text, "it begins with / (write it without: it is below the output directory)")
    for component in text.split("/"):  # fields have no slash in them, as is known by now
        _check_component(text, component)
    return text


def _check_field(text: str, name: str, spec: str, conversion: str | None) -> None:
    plain = name.partition(".")[0].partition("[")[0]
    if plain not in (*FIELDS, _INPUT):
        known = ", ".join(f"{{{field}}}" for field in (*FIELDS, f"{BEFORE_COLUMN}COLUMN"))
        _refuse(text, f"there is no field {{{name}}} (there are {known})")
    column = name.removeprefix(BEFORE_COLUMN)
    if plain == _INPUT and (column == name or not column.strip() or "/" in column):
        _refuse(text, f"{{{name}}} names no column of the list (write {{{BEFORE_COLUMN}id}})")
    if name != plain and plain != _INPUT:
        _refuse(text, f"{{{name}}} asks for a part of a field (write {{{plain}}})")
    if conversion:
        _refuse(text, f"{{{name}!{conversion}}} asks for a conversion (write {{{name}}})")
    if spec and name != "index":
        _refuse(text, f"{{{name}:{spec}}} asks for a format (write {{{name}}})")
    if spec and not re.fullmatch(_ZERO_PADDED, spec):
        _refuse(
            text,
            f"{{index:{spec}}} is no least number of digits from 1 to 99"
            " (write {index:06} for at least 6)",
        )


def _check_component(text: str, component: str) -> None:
    parts = list(string.Formatter().parse(component))
    if not parts:
        _refuse(text, "a component is empty (write one / between two, and none at the end)")
    if component in {".", ".."}:
        _refuse(text, f"{component!r} is no name (leave it out: all is below the output directory)")
    fields = [name for _, name, _, _ in parts if name is not None]
    if "dir" in fields and component != "{dir}":
        _refuse(
            text,
            f"{component!r} has more than {{dir}} in it, which is any number of directories"
            " (write {dir} alone between slashes)",
        )
    # With `_` for each field: a fault that is left is there whatever the fields contain.
    sample = "".join(literal + "_" * (name is not None) for literal, name, _, _ in parts)
    if why := fault(sample):
        _refuse(text, f"{component!r} is no safe name: {why} (write another)")


def _refuse(text: str, why: str) -> NoReturn:
    raise UsageError(f"the name template {text!r} cannot be used: {why}")


def fields_of(text: str) -> list[str]:
    """The fields of a template, or of a component of one, in their order."""
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def columns_in(text: str) -> tuple[str, ...]:
    """The columns of the list that a template is made from. Raises `UsageError`."""
    fields = fields_of(check_template(text))
    return tuple(
        field.removeprefix(BEFORE_COLUMN) for field in fields if field.startswith(BEFORE_COLUMN)
    )
