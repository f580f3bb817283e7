"""`{host}/{dir}/{name}` → where a target's file goes, below the output directory.

Whatever a URL, a server or a list says: the path is made of safe components and leads nowhere else.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from urllib.parse import urlsplit

from pyfetch.models import Target
from pyfetch.naming.components import (
    PathComponent,
    RelativePath,
    decoded,
    digest,
    directories,
    file_name,
    joined,
    safe,
    split_extension,
)
from pyfetch.naming.template_text import check_template
from pyfetch.pattern import pattern
from pyfetch.urls import DEFAULT_PORTS

_Field = Callable[[Target, PathComponent], str]
_Filling = Callable[[Target, PathComponent], list[PathComponent]]

_FIELDS: dict[str, _Field] = {
    "index": lambda target, _: str(target.index),
    "scheme": lambda target, _: target.origin.partition(":")[0],
    "host": lambda target, _: _host(target.origin),
    "name": lambda _, name: name,
    "stem": lambda _, name: split_extension(name)[0],
    "ext": lambda _, name: split_extension(name)[1],
    "query": lambda target, _: decoded(urlsplit(target.url).query),
    "hash": lambda target, _: digest(target.identity),
}
_SEPARATOR = pattern(r"[/\\]")


class Template:
    """A template for paths.

    Raises `UsageError` for one that cannot be read, or whose own text is no safe path.
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
        """Where the target's file goes; `given` is the name that the server gave it."""
        name = _own_name(target, given)
        components: list[PathComponent] = []
        for filling in self._fillings:
            components += filling(target, name)
        return joined(components)


def wanted_path(target: Target, template: Template, given: str | None = None) -> RelativePath:
    """Where the list wants the target's file; where it says nothing, as the template has it.

    A place in the list that ends in a separator is a directory, and the file keeps its name.
    """
    if not target.out:
        return template.path(target, given)
    wanted = _SEPARATOR.split(target.out)
    components = [safe(part) for part in wanted if part not in {"", "."}]
    if wanted[-1] in {"", "."}:
        components.append(_own_name(target, given))
    return joined(components)


def _own_name(target: Target, given: str | None) -> PathComponent:
    return safe(given) if given else file_name(target.url)


def _filling(text: str, *, is_last: bool = False) -> _Filling:
    """What makes components of one component of a template: none where it comes out empty."""
    if text == "{name}":
        return lambda _, name: [name]  # safe already, and what most templates end with
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


def _host(origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    host, _, port = authority.rpartition(":")
    host = host.strip("[]").lower()
    return host if port == str(DEFAULT_PORTS.get(scheme)) else f"{host}_{port}"
