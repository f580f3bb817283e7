"""The README's table of options, made from the options themselves: `make docs`."""

from __future__ import annotations

from pathlib import Path

import click

from pyfetch.cli.command import command

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- options: made by `make docs` -->\n"
END = "<!-- end of options -->\n"


def option_table() -> str:
    """The table, in Markdown: one row an option, in the order of `--help`."""
    with command.make_context("pyfetch", [], resilient_parsing=True) as context:
        options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
        rows = [
            f"| {_flags(one, context)} | {_default(one, context)} | {_cell(_help(one))} |\n"
            for one in options
        ]
    return "| option | default | meaning |\n|---|---|---|\n" + "".join(rows)


def with_table(text: str) -> str:
    """The same text with this table in place of the one that it has."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"there is no line {BEGIN.strip()!r} with {END.strip()!r} after it")
    return before + BEGIN + "\n" + option_table() + "\n" + END + after


def _flags(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    flags = record[0].replace("[", "").replace("]", "") if record else ""
    return ", ".join(f"`{_cell(flag)}`" for flag in flags.split(", "))


def _default(option: click.Option, context: click.Context) -> str:
    default = option.get_default(context)
    if option.expose_value is False:
        return ""
    if isinstance(option.show_default, str):
        return option.show_default
    if option.is_flag or option.count:
        return "on" if default else "off"
    if isinstance(default, str):
        return f"`{_cell(default)}`"
    return f"{default:g}" if isinstance(default, int | float) else "none"


def _help(option: click.Option) -> str:
    return getattr(option, "markdown", None) or option.help or ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    README.write_text(with_table(README.read_text()))


if __name__ == "__main__":
    main()
