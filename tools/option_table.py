"""The table in docs/options.md, made from the options themselves: `make docs`."""

from __future__ import annotations

from pathlib import Path

from pyfetch.cli.command import command
from pyfetch.cli.manual import OptionText, option_texts

PAGE = Path(__file__).parents[1] / "docs" / "options.md"
BEGIN = "<!-- options: made by `make docs` -->\n"
END = "<!-- end of options -->\n"


def option_table() -> str:
    """The table, in Markdown: one row an option, in the order of `--help`."""
    rows = [
        f"| {_flags(one)} | {_cell(one.default)} | {_cell(one.text)} |\n"
        for one in option_texts(command.params)
    ]
    return "| option | default | meaning |\n|---|---|---|\n" + "".join(rows)


def with_table(text: str) -> str:
    """The same text with this table in place of the one that it has."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"there is no line {BEGIN.strip()!r} with {END.strip()!r} after it")
    return before + BEGIN + "\n" + option_table() + "\n" + END + after


def _flags(option: OptionText) -> str:
    return ", ".join(f"`{_cell(flag)}`" for flag in option.flags)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    PAGE.write_text(with_table(PAGE.read_text()))


if __name__ == "__main__":
    main()
