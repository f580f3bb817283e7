"""The options that are no settings of a run: what to read, write and show, and what to answer."""

from __future__ import annotations

import sys
from typing import Any

import click

from pyfetch import __version__
from pyfetch.cli.click_types import FILE_NAME, GroupedOption, Parsed
from pyfetch.settings import Group, InputFormat
from pyfetch.units import parse_allowance

OWN_OPTIONS = (
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
        "Move fetched files that the list no longer names to `.pyfetch/pruned/`, after the run."
        " On a terminal, it asks before; elsewhere it needs `--yes`.",
        is_flag=True,
    ),
    GroupedOption(
        ("--yes",), Group.FILES, "Let `--prune` move files without a question.", is_flag=True
    ),
    GroupedOption(
        ("--cleanup",),
        Group.FILES,
        "Remove the unfinished parts and the backups in DIR, and list them. Nothing is fetched.",
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
        "Check the files in DIR against the state, and against `SHA256SUMS` in DIR or as SOURCE."
        " Nothing is fetched.",
        is_flag=True,
    ),
    GroupedOption(
        ("--report",),
        Group.OUTPUT,
        "Write a page (HTML) that shows why the run took as long as it did, and what failed.",
        type=FILE_NAME,
        metavar="FILE",
    ),
    GroupedOption(
        ("--report-from",),
        Group.OUTPUT,
        "Make such a page from the results of `--format jsonl`. SOURCE is the file to write.",
        type=FILE_NAME,
        metavar="FILE",
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
        "Send terminals no links (OSC 8) and no progress for their tab (OSC 9;4).",
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
        type=FILE_NAME,
        metavar="FILE",
    ),
)
"""Options of a run."""


def _answer(context: click.Context, text: str) -> None:
    click.echo(text)
    context.exit()


def _one_screen(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from pyfetch.cli.manual import one_screen

        _answer(context, one_screen(context.command.params))


def _everything(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from pyfetch.cli.manual import everything

        _answer(context, everything(context.command.params))


def _version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        text = f"pyfetch {__version__}"
        if set(sys.argv[1:]) & {"-v", "--verbose", "-vv", "-vV", "-Vv"}:
            from pyfetch.cli.versions import versions

            text = "\n".join([text, *versions()])
        _answer(context, text)


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
    _option(
        "-V",
        "--version",
        text="Show the version; with `-v`, what fetches, and how.",
        is_flag=True,
        callback=_version,
    ),
    _option(
        "--completion",
        text="Print what makes this shell complete options and files.",
        type=click.Choice(["bash", "zsh", "fish"]),
        metavar="bash|zsh|fish",
        callback=_completion,
    ),
)
"""Options that answer at once, and end."""
