"""Click's options: made from the settings, and those of the command alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pyfetch.settings import SETTINGS, Group, HostTable, InputFormat, Setting, Settings
from pyfetch.settings.kinds import Choice, Flag, Kind
from pyfetch.units import parse_allowance

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _ParamType = click.ParamType[object]
else:
    _ParamType = click.ParamType  # generic in newer versions only

CONTEXT = {
    "help_option_names": [],
    "auto_envvar_prefix": "PYFETCH",
}


NOTES = "pyfetch.cli.notes"
"""Where Click's context keeps what is to be said of words that were not needed."""


class GroupedOption(click.Option):
    """An option with the group of `--help` that it belongs to, and its help as Markdown."""

    def __init__(self, flags: tuple[str, ...], group: Group, text: str, **attributes: Any) -> None:
        super().__init__(flags, **attributes)
        self.group = group
        self.markdown = text


class TranslatingCommand(click.Command):
    """A command that understands words of other tools, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            from pyfetch.cli.translation import translated

            translation = translated(args, self.params)
            ctx.meta[NOTES] = translation.notes
            return super().parse_args(ctx, translation.arguments)


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


FILE_NAME = Parsed("file", str, completes="file")
"""The type of an option, or a SOURCE, that names a file."""


def _type_of(kind: Kind) -> click.ParamType[Any]:
    if isinstance(kind, Choice):
        return click.Choice([str(choice) for choice in kind.choices])
    completes = {"FILE": "file", "DIR": "dir"}.get(kind.metavar, "plain")
    return Parsed(kind.metavar.lower(), kind.parse, kind.split, completes)


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
        metavar=setting.metavar,
        multiple=setting.kind.several,
        default=None if setting.kind.several else _default_of(setting),
    )


_OF_SETTINGS = {name: _option(setting) for name, setting in SETTINGS.items() if setting.flags}


_SETTING_OF: dict[click.Option, Setting] = {
    option: SETTINGS[name] for name, option in _OF_SETTINGS.items()
}


def setting_of(option: click.Option) -> Setting | None:
    """The setting behind an option; None: it is of the command alone."""
    return _SETTING_OF.get(option)


def settings_from_options(values: dict[str, Any], hosts: HostTable = ()) -> Settings:
    """The settings that the options say, and those of hosts. Raises `UsageError`."""
    said: dict[str, Any] = {"hosts": hosts}
    for name, option in _OF_SETTINGS.items():
        value = values[str(option.name)]
        said[name] = not value if SETTINGS[name].negated else value
    return Settings(**said)


_OWN = (
    GroupedOption(
        ("-O", "--out"),
        Group.FILES,
        "Save the file of one URL under this name.",
        type=FILE_NAME,
        metavar="FILE",
    ),
    GroupedOption(
        ("--prune",),
        Group.FILES,
        "After the run, move the fetched files that the list does not name any more to"
        " `.pyfetch/pruned/`. It asks before.",
        is_flag=True,
    ),
    GroupedOption(("--yes",), Group.FILES, "Let `--prune` move them unasked.", is_flag=True),
    GroupedOption(
        ("--cleanup",),
        Group.FILES,
        "Remove the parts and the backups in DIR, list them, and fetch nothing.",
        is_flag=True,
    ),
    GroupedOption(
        ("--input-format",),
        Group.LISTS,
        "Read the list in this format: `lines`, `aria2`, `csv`, `tsv`, `jsonl`, `json`,"
        " `checksums`, `sitemap` or `metalink`. `auto` detects it by content and name.",
        type=click.Choice([str(choice) for choice in InputFormat]),
        default="auto",
        metavar="FORMAT",
    ),
    GroupedOption(
        ("--base",),
        Group.LISTS,
        "Complete relative URLs, and the names in `SHA256SUMS`, with this URL.",
        metavar="URL",
    ),
    GroupedOption(
        ("--url-column",),
        Group.LISTS,
        "Take the URL from this column or JSON key, not from `url`. In tables, its number will do.",
        metavar="NAME",
    ),
    GroupedOption(
        ("--skip-duplicates",),
        Group.LISTS,
        "Drop URLs that the list has had before.",
        is_flag=True,
    ),
    GroupedOption(
        ("--plan",),
        Group.LISTS,
        "Show what would be fetched, and ask no server.",
        is_flag=True,
    ),
    GroupedOption(
        ("--verify",),
        Group.CHECKS,
        "Compare the files in DIR with the state, and with `SHA256SUMS` there or as SOURCE. Fetch"
        " nothing.",
        is_flag=True,
    ),
    GroupedOption(
        ("--checksums",),
        Group.CHECKS,
        "Write the checksums of all files, as `sha256sum -c` reads them.",
        type=FILE_NAME,
        metavar="FILE",
    ),
    GroupedOption(
        ("--allow-failures",),
        Group.FAILURES,
        "Exit with status 0 if no more than this number, or this share (`5%`), fail.",
        type=Parsed("allowance", parse_allowance),
        metavar="N|P%",
    ),
    GroupedOption(
        ("--failed-to",),
        Group.FAILURES,
        "Write what failed as a list for another run.",
        type=FILE_NAME,
        metavar="FILE",
    ),
    GroupedOption(
        ("--format",),
        Group.OUTPUT,
        "Show results as table, TSV or JSON Lines.",
        type=click.Choice(["table", "tsv", "jsonl"]),
        metavar="table|tsv|jsonl",
        show_default="table on a terminal, else tsv",
    ),
    GroupedOption(
        ("--rows",),
        Group.OUTPUT,
        "Show all results, failures only (as they happen, not in the order of the list), or none.",
        type=click.Choice(["all", "failures", "none"]),
        metavar="all|failures|none",
        default="all",
    ),
    GroupedOption(
        ("--progress",),
        Group.OUTPUT,
        "Show bars, a line of JSON each second on standard error, or nothing. `auto`: bars on a"
        " terminal, unless `--quiet` is given.",
        type=click.Choice(["auto", "bar", "json", "none"]),
        metavar="auto|bar|json|none",
        default="auto",
    ),
    GroupedOption(
        ("--no-osc",),
        Group.OUTPUT,
        "Send no links and no progress for their tab to terminals that know these.",
        is_flag=True,
    ),
    GroupedOption(
        ("--unordered",),
        Group.OUTPUT,
        "Show results as they finish, not in the order of the list.",
        is_flag=True,
    ),
    GroupedOption(
        ("-q", "--quiet"),
        Group.OUTPUT,
        "Show failures only, on standard error. With `--format`, results too.",
        is_flag=True,
    ),
    GroupedOption(
        ("-v", "--verbose"),
        Group.OUTPUT,
        "Say more on standard error. Once: addresses, answers, waits, retries. Twice: heads, too.",
        count=True,
    ),
    GroupedOption(
        ("--log-file",),
        Group.OUTPUT,
        "Append to this file all that `-vv` would say.",
        metavar="FILE",
    ),
)

_GROUPS = [*Group]

OPTIONS = sorted(
    (*_OF_SETTINGS.values(), *_OWN),
    key=lambda option: (_GROUPS.index(option.group), len(min(option.opts, key=len)) > 2),
)
"""All options but those that answer and end, in the order of `--help`: by group, those of one
letter first."""
