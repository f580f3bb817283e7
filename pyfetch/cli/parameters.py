"""Click's options: made from the settings, and those of the command alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pyfetch.settings import SETTINGS, Group, InputFormat, Setting, Settings
from pyfetch.settings.kinds import Choice, Flag, Kind, Number
from pyfetch.units import parse_allowance

if TYPE_CHECKING:
    _ParamType = click.ParamType[object]
else:
    _ParamType = click.ParamType  # generic in newer versions only

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "auto_envvar_prefix": "PYFETCH",
    "max_content_width": 100,
    "show_default": True,
}


class GroupedOption(click.Option):
    """An option below a heading of `--help`, with its help as Markdown too."""

    def __init__(self, flags: tuple[str, ...], group: Group, text: str, **attributes: Any) -> None:
        super().__init__(flags, help=text.replace("`", ""), **attributes)
        self.group = group
        self.markdown = text


class GroupedCommand(click.Command):
    """A command whose `--help` shows its options below the names of their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record:
                sections.setdefault(getattr(param, "group", "Other"), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class Parsed(_ParamType):
    """A type whose values are read by a function; its `ValueError` says what is wrong."""

    def __init__(
        self,
        name: str,
        parse: Callable[[str], object],
        split: Callable[[str], list[str]] = str.split,
    ) -> None:
        self.name = name
        self._parse = parse
        self._split = split

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


def _type_of(kind: Kind) -> click.ParamType[Any]:
    """Click's own types where it has one: their help shows the choices and the bounds."""
    match kind:
        case Choice():
            return click.Choice([str(choice) for choice in kind.choices])
        case Number(whole=True, or_auto=False, metavar="N"):
            return click.IntRange(int(kind.least), int(kind.most))
    return Parsed(kind.metavar.lower(), kind.parse, kind.split)


def _default_of(setting: Setting) -> object:
    return str(setting.default) if isinstance(setting.kind, Choice) else setting.default


def _option(setting: Setting) -> GroupedOption:
    group, text = setting.group, setting.help
    if isinstance(setting.kind, Flag):
        default = bool(setting.default) and not setting.negated
        return GroupedOption(setting.flags, group, text, is_flag=True, default=default)
    return GroupedOption(
        setting.flags,
        group,
        text,
        type=_type_of(setting.kind),
        metavar=None if isinstance(setting.kind, Choice) else setting.metavar,
        multiple=setting.kind.several,
        default=None if setting.kind.several else _default_of(setting),
    )


_OF_SETTINGS = {name: _option(setting) for name, setting in SETTINGS.items()}


def settings_from_options(values: dict[str, Any]) -> Settings:
    """The settings that the options say. Raises `UsageError`."""
    said: dict[str, Any] = {}
    for name, option in _OF_SETTINGS.items():
        value = values[str(option.name)]
        said[name] = not value if SETTINGS[name].negated else value
    return Settings(**said)


_OWN = (
    GroupedOption(
        ("--input-format",),
        Group.FILES,
        "The format of the list; `auto`: detect it by content and file name.",
        type=click.Choice([str(choice) for choice in InputFormat]),
        default="auto",
    ),
    GroupedOption(
        ("--base",),
        Group.FILES,
        "The URL that relative ones in a list, and names in `SHA256SUMS`, are resolved with.",
        metavar="URL",
    ),
    GroupedOption(
        ("--skip-duplicates",), Group.FILES, "Drop URLs that the list has had before.", is_flag=True
    ),
    GroupedOption(
        ("--plan",),
        Group.FILES,
        "Show what would be fetched to where, and ask no server.",
        is_flag=True,
    ),
    GroupedOption(
        ("--cleanup",),
        Group.FILES,
        "Remove the parts and the backups in DIR, list them, and fetch nothing.",
        is_flag=True,
    ),
    GroupedOption(
        ("--allow-failures",),
        Group.TRANSFERS,
        "Exit status 0 while no more than so many fail.",
        type=Parsed("allowance", parse_allowance),
        metavar="N|P%",
    ),
    GroupedOption(
        ("--format",),
        Group.OUTPUT,
        "How results are shown on standard output.",
        type=click.Choice(["table", "tsv", "jsonl"]),
        show_default="table on a terminal, else tsv",
    ),
    GroupedOption(
        ("--unordered",),
        Group.OUTPUT,
        "Show results as they finish, not in input order.",
        is_flag=True,
    ),
    GroupedOption(
        ("--checksums",),
        Group.OUTPUT,
        "Write a line for each file there, as `sha256sum -c` reads them.",
        metavar="FILE",
    ),
    GroupedOption(
        ("--failed-to",),
        Group.OUTPUT,
        "Write the records of the list that failed, as a list for another run.",
        metavar="FILE",
    ),
    GroupedOption(
        ("-q", "--quiet"),
        Group.OUTPUT,
        "Only failures, on standard error. Results too if `--format` is given.",
        is_flag=True,
    ),
    GroupedOption(
        ("-v", "--verbose"),
        Group.OUTPUT,
        "Say more on standard error: each retry; twice: all.",
        count=True,
        show_default=False,
    ),
)

OPTIONS = tuple(
    option for group in Group for option in (*_OF_SETTINGS.values(), *_OWN) if option.group is group
)
"""All options but `--version` and `--help`, in the order of `--help`."""
