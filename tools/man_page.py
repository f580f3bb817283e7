"""The man page, made from the options and from what `--help` says: `make docs`.

Not made by click-man, which knows neither our groups, examples, variables and exit statuses nor
where a help text has code in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from pyfetch import __version__
from pyfetch.cli import manual
from pyfetch.cli.command import command

MAN_PAGE = Path(__file__).parents[1] / "man" / "pyfetch.1"


def man_page() -> str:
    """The page, in troff with the macros of man(7)."""
    lines = [
        f'.TH PYFETCH 1 "" "pyfetch {__version__}" "User Commands"',
        *_section("NAME", [f"pyfetch \\- {_text(manual.NAME)}"]),
        *_section("SYNOPSIS", [_text(f"`{manual.USE}`")]),
        *_section("DESCRIPTION", _paragraphs(manual.DESCRIPTION)),
        *_section("OPTIONS", []),
    ]
    for name, options in groupby(manual.option_texts(command.params), lambda one: one.group):
        lines.append(f'.SS "{_text(name)}"')
        for option in options:
            lines += _item(", ".join(option.flags), option.text_and_default)
    known = f"{manual.ALIASES}: {manual.LISTED}."
    lines += _section("UNITS", [_text(manual.UNITS)])
    lines += _section("OPTIONS OF OTHER TOOLS", [_text(known)])
    lines += _section("EXAMPLES", _items(manual.EXAMPLES))
    lines += _section("ENVIRONMENT", _items(manual.ENVIRONMENT))
    lines += _section("FILES", _items(manual.FILES))
    lines += _section("EXIT STATUS", _items(manual.EXIT_STATUSES))
    lines += _section("SEE ALSO", [_text("curl(1), wget(1), and share/doc/pyfetch/README.md")])
    return "\n".join(lines) + "\n"


def _section(name: str, lines: Iterable[str]) -> list[str]:
    return [f'.SH "{name}"', *lines]


def _paragraphs(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in (".PP", _text(text))]


def _items(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for term, text in rows for line in _item(term, text)]


def _item(term: str, text: str) -> list[str]:
    return [".TP", _text(f"`{term}`"), _text(text)]


def _text(text: str) -> str:
    """Markdown as troff: what stands between backticks is bold. No line begins with a dot."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    escaped = escaped.replace("~", r"\(ti").replace("^", r"\(ha").replace("…", r"\&...")
    bold = re.sub("`([^`]*)`", r"\\fB\1\\fR", escaped)
    return rf"\&{bold}" if bold.startswith(".") else bold


def main() -> None:
    MAN_PAGE.parent.mkdir(exist_ok=True)
    MAN_PAGE.write_text(man_page())


if __name__ == "__main__":
    main()
