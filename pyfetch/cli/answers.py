"""Options that answer at once and end: `-h`, `--help`, `--version`, `--completion`."""

from __future__ import annotations

from typing import Any

import click

from pyfetch import __version__
from pyfetch.cli.click_types import GroupedOption
from pyfetch.settings import Group


def _answer(context: click.Context, text: str) -> None:
    click.echo(text)
    context.exit()


def _one_screen(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from pyfetch.cli.help import one_screen

        _answer(context, one_screen(context.command.params))


def _everything(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from pyfetch.cli.help import everything

        _answer(context, everything(context.command.params))


def _version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        _answer(context, f"pyfetch {__version__}")


def _completion(context: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell and not context.resilient_parsing:
        from click.shell_completion import get_completion_class

        script = get_completion_class(shell)
        assert script is not None  # noqa: S101 - Click knows each of the choices
        _answer(context, script(context.command, {}, "pyfetch", "_PYFETCH_COMPLETE").source())


def _option(*flags: str, text: str, **attributes: Any) -> GroupedOption:
    return GroupedOption(
        flags,
        Group.HELP,
        text,
        is_eager=True,
        expose_value=False,
        show_default=False,
        allow_from_autoenv=False,
        **attributes,
    )


ANSWERS = (
    _option("-h", text="Show the use on one screen.", is_flag=True, callback=_one_screen),
    _option("--help", text="Show all options.", is_flag=True, callback=_everything),
    _option("-V", "--version", text="Show the version.", is_flag=True, callback=_version),
    _option(
        "--completion",
        text="Print what makes this shell complete options and files.",
        type=click.Choice(["bash", "zsh", "fish"]),
        metavar="bash|zsh|fish",
        callback=_completion,
    ),
)
