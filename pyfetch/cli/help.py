"""`-h`, which fits on one screen, and `--help`, which has everything: as text for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

import click

from pyfetch.cli import aliases, manual
from pyfetch.cli.manual import OptionText

_WIDEST = 100
_SCREEN = 80
"""Columns that `-h` is made for."""
_NARROW = 60
"""Columns below which a text stands under what it explains, not beside it."""
_WIDEST_TERM = 24


def one_screen(options: Iterable[click.Parameter]) -> str:
    """The use, the options that people need most, and examples: 23 lines of 80 columns.

    On a narrower terminal the lines are shorter, and more.
    """
    texts = {flag.split()[0]: text for text in manual.option_texts(options) for flag in text.flags}
    rows = [
        (", ".join(texts[flag].flags), texts[flag].first_sentence.replace("`", ""))
        for flag in manual.FIFTEEN
    ]
    width = shutil.get_terminal_size().columns
    if width < _SCREEN:
        use = [f"Usage: {manual.USE}", _filled(manual.SOURCE, width)]
        sections = [_section("Options", rows, width), _section("Examples", manual.EXAMPLES, width)]
        return "\n".join([*use, *sections, "All options: pyfetch --help"])
    lines = [f"Usage: {manual.USE}   (all options: pyfetch --help)", manual.SOURCE]
    lines += [f"  {flags:<{_WIDEST_TERM + 1}} {text}" for flags, text in rows]
    longest = max(len(command) for command, _ in manual.EXAMPLES)
    lines += ["", *(f"  {command:<{longest}}  {what}" for command, what in manual.EXAMPLES)]
    return "\n".join(lines)


def everything(options: Iterable[click.Parameter]) -> str:
    """All options in their groups, examples, variables and exit statuses, for this terminal."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    blocks = [f"Usage: {manual.USE}"]
    blocks += [_filled(paragraph, width) for paragraph in manual.DESCRIPTION]
    groups: dict[str, list[OptionText]] = {}
    for text in manual.option_texts(options):
        groups.setdefault(text.group, []).append(text)
    for name, texts in groups.items():
        blocks.append(
            _section(name, [(", ".join(one.flags), one.text_and_default) for one in texts], width)
        )
    blocks.append(_filled(manual.UNITS, width))
    blocks.append(_filled(f"{manual.ALIASES}: {aliases.LISTED}.", width))
    blocks.append(_section("Examples", manual.EXAMPLES, width))
    blocks.append(_section("Environment", manual.ENVIRONMENT, width))
    blocks.append(_section("Exit status", manual.EXIT_STATUSES, width))
    readme = manual.readme()
    blocks.append(f"More: man pyfetch{f', {readme}' if readme else ''}")
    return "\n\n".join(blocks)


def _section(name: str, rows: Iterable[tuple[str, str]], width: int) -> str:
    rows = list(rows)
    indent = min(max(len(term) for term, _ in rows), _WIDEST_TERM) + 4
    if width < _NARROW:
        indent = 6
    return "\n".join([f"{name}:", *(_row(term, text, indent, width) for term, text in rows)])


def _row(term: str, text: str, indent: int, width: int) -> str:
    lines = textwrap.wrap(
        text.replace("`", ""), width - 1 - indent, break_long_words=False, break_on_hyphens=False
    )
    if len(term) + 4 > indent:
        return "\n".join([f"  {term}", *(f"{' ' * indent}{line}" for line in lines)])
    first, *rest = lines
    return "\n".join([f"  {term:<{indent - 2}}{first}", *(f"{' ' * indent}{one}" for one in rest)])


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text.replace("`", ""), width - 1, break_on_hyphens=False)
