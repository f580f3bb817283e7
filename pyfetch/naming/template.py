"""Name templates such as `{host}/{dir}/{name}`: the path of a target's file.

All components of the path are safe, whatever a URL, a server or a list contains.
"""

import re
import string
from collections.abc import Callable
from typing import NamedTuple

from pyfetch.models import Target
from pyfetch.naming.components import (
    PathComponent,
    RelativePath,
    decoded,
    directories,
    file_name,
    joined,
    safe,
    split_extension,
    text_digest,
)
from pyfetch.naming.list_columns import column_text, why_not_named
from pyfetch.naming.template_text import BEFORE_COLUMN, check_template, columns_in, fields_of
from pyfetch.urls import DEFAULT_PORTS, Url

_OF_ONE_URL = frozenset({"name", "stem", "query", "hash"})
"""Fields that tell the URLs of one list apart."""


class Said(NamedTuple):
    """What the head of an answer says that a name may depend on."""

    name: str | None = None
    """The name that the server gives (`Content-Disposition`); None: it gives none."""
    media_type: str | None = None
    """In lower case, without parameters; None: it is not known."""


class _Own:
    """The name that a target has by itself."""

    __slots__ = ("media_type", "name")

    def __init__(self, name: PathComponent, media_type: str | None) -> None:
        self.name = name
        self.media_type = media_type


NOTHING_SAID = Said()
"""No answer has come."""

_Field = Callable[[Target, _Own], str]
_Filling = Callable[[Target, _Own], list[PathComponent]]

_FIELDS: dict[str, _Field] = {
    "index": lambda target, _: str(target.index),
    "scheme": lambda target, _: target.url.scheme,
    "host": lambda target, _: _host(target.url),
    "name": lambda _, own: own.name,
    "stem": lambda _, own: split_extension(own.name)[0],
    "ext": lambda _, own: split_extension(own.name)[1],
    "type_ext": lambda _, own: _type_extension(own),
    "query": lambda target, _: decoded(target.url.query),
    "hash": lambda target, _: text_digest(target.identity),
}
_SEPARATOR = r"[/\\]"


class Template:
    """A template for paths.

    Raises `UsageError` if it cannot be read, or if its own text is not a safe path.
    """

    def __init__(self, text: str) -> None:
        """Read a template: text with fields in braces, and `/` between components.

        Fields are `index`, `scheme`, `host` (with its port, if that is not the scheme's own),
        `dir` (any number of components), `name`, `stem`, `ext` (with its dot), `type_ext` (the
        extension for the media type), `query`, `hash` (of the URL) and `input.COLUMN` (of the
        list). `{index:06}` has at least six digits; `{{` and `}}` are braces.
        """
        *parents, last = check_template(text).split("/")
        self._is_name_alone = text == "{name}"
        """Whether the path is the target's own name: that of most runs, and never too long."""
        self._fillings = [_filling(parent) for parent in parents]
        self._fillings.append(_filling(last, is_last=True))
        fields, of_last = fields_of(text), fields_of(last)
        self.columns = columns_in(text)
        """The columns of the list that it is made from."""
        self.uses_type = "type_ext" in fields
        """Whether the path depends on the media type of the answer."""
        self.names_entries = (
            any(map(_is_column, of_last))
            and not _OF_ONE_URL.intersection(of_last)
            and "index" not in fields
        )
        """Whether the list alone says which file it is: not the URL, nor the place in the list."""

    def path(self, target: Target, said: Said = NOTHING_SAID) -> RelativePath:
        """The path of the target's file, as far as it is known by what the answer has `said`."""
        name = _own_name(target, said.name)
        if self._is_name_alone:
            return RelativePath(name)
        own = _Own(name, said.media_type)
        components: list[PathComponent] = []
        for filling in self._fillings:
            components += filling(target, own)
        return joined(components)


def wanted_path(target: Target, template: Template, said: Said = NOTHING_SAID) -> RelativePath:
    """The path that the list gives the target's file, else the path that the template gives.

    A path in the list that ends in a separator is a directory: the file keeps its name.
    """
    if not target.out:
        return template.path(target, said)
    wanted = re.split(_SEPARATOR, target.out)
    components = [safe(part) for part in wanted if part not in {"", "."}]
    if wanted[-1] in {"", "."}:
        components.append(_own_name(target, said.name))
    return joined(components)


def belongs_to_entry(target: Target, template: Template) -> bool:
    """Whether the path is the entry's own, so that it stays where the entry gets another URL.

    The list says the whole of it then, or the template takes it from columns of the list. A
    directory alone (`dir=`) gets the URL's name.
    """
    if not target.out:
        return template.names_entries
    return re.split(_SEPARATOR, target.out)[-1] not in {"", "."}


def why_unnamed(target: Target, template: Template) -> str | None:
    """Why the list does not say what this target's name is made from; None if it does."""
    return None if target.out else why_not_named(target, template.columns)


def _is_column(field: str) -> bool:
    return field.startswith(BEFORE_COLUMN)


def _type_extension(own: _Own) -> str:
    from pyfetch.naming.media_types import type_extension  # a table that few templates need

    return type_extension(own.media_type, split_extension(own.name)[1])


def _own_name(target: Target, given: str | None) -> PathComponent:
    return safe(given) if given else file_name(target.url)


def _filling(text: str, *, is_last: bool = False) -> _Filling:
    """A function that fills one component of a template. It returns none if that is empty."""
    if text == "{name}":
        return lambda _, own: [own.name]  # safe already; most templates end with it
    if text == "{dir}":
        none = [safe("")] if is_last else []
        return lambda target, _: directories(target.url) or none
    pieces = _pieces(text)

    def fill(target: Target, own: _Own) -> list[PathComponent]:
        filled = "".join([piece(target, own) for piece in pieces])
        return [safe(filled)] if filled or is_last else []

    return fill


def _pieces(text: str) -> list[_Field]:
    pieces: list[_Field] = []
    for literal, name, spec, _ in string.Formatter().parse(text):
        if literal:
            pieces.append(_constant(literal))
        if name is not None:
            pieces.append(_field(name, spec))
    return pieces


def _field(name: str, spec: str | None) -> _Field:
    if _is_column(name):
        column = name.removeprefix(BEFORE_COLUMN)
        return lambda target, _: column_text(target, column) or ""
    return _padded(spec) if spec else _FIELDS[name]


def _constant(literal: str) -> _Field:
    return lambda _, __: literal


def _padded(spec: str) -> _Field:
    return lambda target, _: format(target.index, spec)


def _host(url: Url) -> str:
    return url.host if url.port == DEFAULT_PORTS[url.scheme] else f"{url.host}_{url.port}"
