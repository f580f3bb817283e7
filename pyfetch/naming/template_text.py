"""What the text of a name template may be: known fields, and safe whatever they hold."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import NoReturn

from pyfetch.errors import UsageError
from pyfetch.naming.components import fault
from pyfetch.pattern import pattern

FIELDS = ("index", "scheme", "host", "name", "stem", "ext", "query", "hash", "dir")
_ZERO_PADDED = pattern(r"0([1-9][0-9]?)d?")


def check_template(text: str) -> str:
    """The text in Unicode's NFC, which is what is used of it.

    Raises `UsageError` for one that cannot be read, or whose own text is no safe path.
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
    plain = re.split(r"[.\[]", name, maxsplit=1)[0]
    if plain not in FIELDS:
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        _refuse(text, f"there is no field {{{name}}} (there are {known})")
    if name != plain:
        _refuse(text, f"{{{name}}} asks for a part of a field (write {{{plain}}})")
    if conversion:
        _refuse(text, f"{{{name}!{conversion}}} asks for a conversion (write {{{name}}})")
    if spec and name != "index":
        _refuse(text, f"{{{name}:{spec}}} asks for a format (write {{{name}}})")
    if spec and not _ZERO_PADDED.fullmatch(spec):
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
    # With something harmless for each field, what is wrong is wrong whatever they hold.
    sample = "".join(literal + "_" * (name is not None) for literal, name, _, _ in parts)
    if why := fault(sample):
        _refuse(text, f"{component!r} is no safe name: {why} (write another)")


def _refuse(text: str, why: str) -> NoReturn:
    raise UsageError(f"the name template {text!r} cannot be used: {why}")
