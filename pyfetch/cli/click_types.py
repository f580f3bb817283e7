"""What Click lacks: options with a group and help in Markdown, and types that a function reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pyfetch.settings import Group

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _ParamType = click.ParamType[object]
else:
    _ParamType = click.ParamType  # generic in newer versions only


class GroupedOption(click.Option):
    """An option with the group of `--help` that it belongs to, and its help as Markdown."""

    def __init__(self, flags: tuple[str, ...], group: Group, text: str, **attributes: Any) -> None:
        super().__init__(flags, **attributes)
        self.group = group
        self.markdown = text


class Parsed(_ParamType):
    """A type whose values are read by a function; its `ValueError` says what is wrong.

    `completes`: whether shells complete `file`s, `dir`ectories or nothing (`plain`).
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[str], object],
        split: Callable[[str], list[str]] = str.split,
        completes: str = "plain",
    ) -> None:
        self.name = name
        self._parse = parse
        self._split = split
        self._completes = completes

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """The value; one that is no text is a default, and needs no reading."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def split_envvar_value(self, rv: str) -> list[str]:
        """The values of an option that may be repeated, from its environment variable."""
        return self._split(rv)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Let the shell complete the name of a file or directory."""
        from click.shell_completion import CompletionItem

        if self._completes == "plain":
            return []
        return [CompletionItem(incomplete, type=self._completes)]


def _file_name(text: str) -> str:
    if not text:  # a variable of a script that has no value
        raise ValueError("must name a file, and is empty")
    return text


FILE_NAME = Parsed("file", _file_name, completes="file")
"""The type of an option, or a SOURCE, that names a file."""
