"""Name templates such as `{host}/{dir}/{name}`: the path of a target's file.

All components of the path are safe, whatever a URL, a server or a list contains.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from typing import NoReturn

from pyfetch.errors import UsageError
from pyfetch.models import Target
from pyfetch.naming.components import (
    PathComponent,
    RelativePath,
    decoded,
    directories,
    fault,
    file_name,
    joined,
    safe,
    split_extension,
    text_digest,
)
from pyfetch.urls import DEFAULT_PORTS, Url

FIELDS = ("index", "scheme", "host", "name", "stem", "ext", "query", "hash", "dir")
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
    for component in text.split("/"):  # no field has a slash in it, as was checked above
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
    # Replace each field by `_`: a fault that is left does not depend on the fields.
    sample = "".join(literal + "_" * (name is not None) for literal, name, _, _ in parts)
    if why := fault(sample):
        _refuse(text, f"{component!r} is no safe name: {why} (write another)")


def _refuse(text: str, why: str) -> NoReturn:
    raise UsageError(f"the name template {text!r} cannot be used: {why}")


_Field = Callable[[Target, PathComponent], str]
_Filling = Callable[[Target, PathComponent], list[PathComponent]]

_FIELDS: dict[str, _Field] = {
    "index": lambda target, _: str(target.index),
    "scheme": lambda target, _: target.url.scheme,
    "host": lambda target, _: _host(target.url),
    "name": lambda _, name: name,
    "stem": lambda _, name: split_extension(name)[0],
    "ext": lambda _, name: split_extension(name)[1],
    "query": lambda target, _: decoded(target.url.query),
    "hash": lambda target, _: text_digest(target.identity),
}
_SEPARATOR = re.compile(r"[/\\]")


class Template:
    """A template for paths.

    Raises `UsageError` if it cannot be read, or if its own text is not a safe path.
    """

    def __init__(self, text: str) -> None:
        """Read a template: text with fields in braces, and `/` between components.

        Fields are `index`, `scheme`, `host` (with its port, if that is not the scheme's own),
        `dir` (any number of components), `name`, `stem`, `ext` (with its dot), `query` and
        `hash` (of the URL). `{index:06}` has at least six digits; `{{` and `}}` are braces.
        """
        *parents, last = check_template(text).split("/")
        self._fillings = [_filling(parent) for parent in parents]
        self._fillings.append(_filling(last, is_last=True))

    def path(self, target: Target, given: str | None = None) -> RelativePath:
        """The path of the target's file. `given`: the name that the server gave it."""
        name = _own_name(target, given)
        components: list[PathComponent] = []
        for filling in self._fillings:
            components += filling(target, name)
        return joined(components)


def wanted_path(target: Target, template: Template, given: str | None = None) -> RelativePath:
    """The path of the file by the list or, if the list has none, by the template.

    A path in the list that ends in a separator is a directory: the file keeps its name.
    """
    if not target.out:
        return template.path(target, given)
    wanted = _SEPARATOR.split(target.out)
    components = [safe(part) for part in wanted if part not in {"", "."}]
    if wanted[-1] in {"", "."}:
        components.append(_own_name(target, given))
    return joined(components)


def belongs_to_entry(target: Target) -> bool:
    """Whether the path belongs to the entry of the list, even if its URL changes between runs.

    It does if the list gives the whole path; with `dir=` alone, the name comes from the URL.
    """
    return bool(target.out) and _SEPARATOR.split(target.out or "")[-1] not in {"", "."}


def _own_name(target: Target, given: str | None) -> PathComponent:
    return safe(given) if given else file_name(target.url)


def _filling(text: str, *, is_last: bool = False) -> _Filling:
    """A function that fills one component of a template. It returns none if that is empty."""
    if text == "{name}":
        return lambda _, name: [name]  # `name` is safe already; most templates end with it
    if text == "{dir}":
        none = [safe("")] if is_last else []
        return lambda target, _: directories(target.url) or none
    pieces = _pieces(text)

    def fill(target: Target, name: PathComponent) -> list[PathComponent]:
        filled = "".join([piece(target, name) for piece in pieces])
        return [safe(filled)] if filled or is_last else []

    return fill


def _pieces(text: str) -> list[_Field]:
    pieces: list[_Field] = []
    for literal, name, spec, _ in string.Formatter().parse(text):
        if literal:
            pieces.append(_constant(literal))
        if name is not None:
            pieces.append(_padded(spec) if spec else _FIELDS[name])
    return pieces


def _constant(literal: str) -> _Field:
    return lambda _, __: literal


def _padded(spec: str) -> _Field:
    return lambda target, _: format(target.index, spec)


def _host(url: Url) -> str:
    return url.host if url.port == DEFAULT_PORTS[url.scheme] else f"{url.host}_{url.port}"
