"""The parameters of the command, most of them made from the settings, and how they are parsed."""

from __future__ import annotations

from typing import Any

import click

from pyfetch.cli.click_types import GroupedOption, Parsed
from pyfetch.cli.own_options import OWN_OPTIONS
from pyfetch.errors import UsageError
from pyfetch.settings import (
    SETTINGS,
    ContradictionError,
    Group,
    HostTable,
    Setting,
    Settings,
)
from pyfetch.settings.kinds import Choice, Flag, Kind

CONTEXT = {
    "help_option_names": [],
    "auto_envvar_prefix": "PYFETCH",
}


ARGUMENTS = "pyfetch.cli.arguments"
"""Where Click's context keeps the command line as it was typed."""
NOTES = "pyfetch.cli.notes"
"""Where Click's context keeps what is to be said of words that were not needed."""


class TranslatingCommand(click.Command):
    """A command that understands words of other tools, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = tuple(args)
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            from pyfetch.cli.translation import translated

            translation = translated(args, self.params)
            ctx.meta[NOTES] = translation.notes
            return super().parse_args(ctx, translation.arguments)


def _type_of(kind: Kind) -> click.ParamType[Any]:
    if isinstance(kind, Choice):
        return click.Choice([str(choice) for choice in kind.choices])
    completes = {"FILE": "file", "DIR": "dir"}.get(kind.metavar, "plain")
    return Parsed(kind.metavar.lower(), kind.parse, kind.split, completes)


def _default_of(setting: Setting) -> object:
    is_choice = isinstance(setting.kind, Choice) and setting.default is not None
    return str(setting.default) if is_choice else setting.default


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
    try:
        return Settings(**said)
    except ContradictionError as error:
        raise UsageError(error.in_options()) from None


_GROUPS = [*Group]

OPTIONS = sorted(
    (*_OF_SETTINGS.values(), *OWN_OPTIONS),
    key=lambda option: (_GROUPS.index(option.group), len(min(option.opts, key=len)) > 2),
)
"""All options but those that answer and end, in the order of `--help`: by group, those of one
letter first."""
