"""The words of a command (`--exec`): text and fields, filled in for one file."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Callable
from pathlib import Path

from pyfetch.errors import UsageError
from pyfetch.models import Failure, Result, Target, TargetError
from pyfetch.naming.components import split_extension
from pyfetch.naming.list_columns import column_text, value_at
from pyfetch.naming.template_text import BEFORE_COLUMN

_Field = Callable[[Target, Result, Path], str]

_FIELDS: dict[str, _Field] = {
    "path": lambda _, __, path: str(path),
    "name": lambda _, __, path: path.name,
    "dir": lambda _, __, path: str(path.parent),
    "stem": lambda _, __, path: split_extension(path.name)[0],
    "ext": lambda _, __, path: split_extension(path.name)[1],
    "url": lambda _, result, __: result.url,
    "index": lambda target, _, __: str(target.index),
    "sha256": lambda _, result, __: _known_digest(result),
}
_PATHS = frozenset({"path", "dir"})
_NUMBER = r"-(\d+(\.\d*)?|\.\d+)"
_LONGEST_SHOWN = 100


class CommandWord:
    """One word of a command: text and fields.

    `refused` makes the error for a word that cannot be read. `follows_options`: whether `--` stands
    before it, so that it is no option whatever it is.
    """

    def __init__(
        self, text: str, refused: Callable[[str], UsageError], *, follows_options: bool
    ) -> None:
        self._follows_options = follows_options
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError:
            raise refused(
                f"{shown_argument(text)} has a brace that begins or ends no field"
                " (write {{ or }})"
            ) from None
        self.columns: list[str] = []
        self._pieces: list[str | tuple[str, _Field]] = []
        for literal, name, spec, conversion in parts:
            if literal:
                self._pieces.append(literal)
            if name is not None:
                if spec or conversion:
                    raise refused(
                        f"{{{name}}} takes no format and no conversion (write {{{name}}})"
                    )
                self._pieces.append((name, self._field(name, refused)))

    @property
    def has_fields(self) -> bool:
        return any(isinstance(piece, tuple) for piece in self._pieces)

    def _field(self, name: str, refused: Callable[[str], UsageError]) -> _Field:
        column = name.removeprefix(BEFORE_COLUMN)
        if column != name and column.strip():
            self.columns.append(column)
            return lambda target, _, __: _text_of(target, column)
        if name not in _FIELDS:
            known = ", ".join(f"{{{field}}}" for field in (*_FIELDS, f"{BEFORE_COLUMN}COLUMN"))
            meant = known if name else "write {path} for the file"  # as find and xargs have it
            raise refused(
                f"there is no field {{{name}}} ({'there are ' * bool(name)}{meant}; write {{{{ and"
                " }} for braces)"
            )
        return _FIELDS[name]

    def filled(self, target: Target, result: Result, path: Path) -> str:
        """The word with its fields filled in. Raises `TargetError`."""
        texts = [
            piece if isinstance(piece, str) else piece[1](target, result, path)
            for piece in self._pieces
        ]
        text = "".join(texts)
        _check_argument(text)
        first = self._pieces[0] if self._pieces else ""
        if text.startswith("-") and isinstance(first, tuple) and not self._follows_options:
            name, _ = first
            if name in _PATHS:
                return f"./{text}"
            if not re.fullmatch(_NUMBER, text):
                raise TargetError(
                    Failure.EXEC,
                    f"{{{name}}} is {shown_argument(text)}, which the command could take for an"
                    f" option (write -- before it, or ./{{{name}}})",
                )
        return text


def _check_argument(text: str) -> None:
    if "\0" in text:
        raise TargetError(
            Failure.EXEC, f"{shown_argument(text)} has a NUL character: no argument can"
        )
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise TargetError(
            Failure.EXEC,
            "this system's locale has no characters for the argument"
            f" {text[:_LONGEST_SHOWN]!a} (set LC_ALL=C.UTF-8 or PYTHONUTF8=1)",
        ) from None


def _text_of(target: Target, column: str) -> str:
    text = column_text(target, column)
    if text is not None:
        return text
    said = target.input or {}
    value = value_at(said, column)
    if isinstance(value, str):
        return ""
    if value is None and column not in said:
        known = f" (there are {', '.join(map(str, said))})" if said else ""
        why = f"there is no {column!r}, which {{input.{column}}} needs{known}"
    elif value is None:
        why = f"{column!r} is null, and {{input.{column}}} needs a text or a number"
    else:
        why = f"{column!r} is neither a text nor a number, as {{input.{column}}} needs"
    raise TargetError(Failure.EXEC, why[:300])


def _known_digest(result: Result) -> str:
    if result.sha256 is None:
        raise TargetError(Failure.EXEC, "the sha256 of its file is not known, which {sha256} needs")
    return result.sha256


def shown_argument(text: str) -> str:
    """A text for a message: one line, shortened."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
