"""The command line's vocabulary: types of values, and options in groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pyfetch.headers import parse_header
from pyfetch.settings import AUTO, LEAST, LONGEST, MOST_PROCESSES, MOST_WORKERS
from pyfetch.text import parse_allowance, parse_rate, parse_size, parse_speed

if TYPE_CHECKING:
    _ParamType = click.ParamType[object]
else:
    _ParamType = click.ParamType  # generic in newer versions only

Command = TypeVar("Command", bound=Callable[..., Any])

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "auto_envvar_prefix": "PYFETCH",
    "max_content_width": 100,
    "show_default": True,
}


class Parsed(_ParamType):
    """What one of our functions reads from text; its `ValueError` says what is wrong."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """The value; one that is no text is a default, and is what it should be."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _ParsedLines(Parsed):
    def split_envvar_value(self, rv: str) -> list[str]:
        """Several in one environment variable stand on lines of their own."""
        return [line for line in rv.splitlines() if line.strip()]


def _size_above_zero(text: str) -> int:
    size = parse_size(text)
    if not size:
        raise ValueError(f"{text!r} is nothing")
    return size


def _seconds(least: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is no number of seconds") from None
        if not least <= seconds <= LONGEST:
            raise ValueError(f"{text} is not between {least:g} and {LONGEST:g}")
        return seconds

    return parse


def _number_or_auto(most: int) -> Callable[[str], int | str]:
    def parse(text: str) -> int | str:
        if text == AUTO:
            return AUTO
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
            raise ValueError(f"{text!r} is neither {AUTO} nor a number from 1 to {most}")
        return int(text)

    return parse


SIZE = Parsed("size", parse_size)
"""A number of bytes: `300`, `10M`, `1.5GiB`."""
SIZE_ABOVE_ZERO = Parsed("size", _size_above_zero)
SPEED = Parsed("speed", parse_speed)
"""Bytes in a second: `10K/s`."""
SECONDS = Parsed("seconds", _seconds(0))
SECONDS_ABOVE_ZERO = Parsed("seconds", _seconds(LEAST))
RATE = Parsed("rate", parse_rate)
"""How often a second: `5/s`, `100/min`."""
WORKERS = Parsed("workers", _number_or_auto(MOST_WORKERS))
PROCESSES = Parsed("processes", _number_or_auto(MOST_PROCESSES))
ALLOWANCE = Parsed("allowance", parse_allowance)
"""How many may fail: a number, or a share of all as `5%`."""
HEADER = _ParsedLines("header", parse_header)
"""A field of a request: `Name: value` (RFC 9110, section 5)."""


class _Grouped(click.Option):
    group = ""


class GroupedCommand(click.Command):
    """A command whose `--help` shows its options below the names of their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record:
                groups.setdefault(getattr(param, "group", "Other"), []).append(record)
        for name in sorted(groups, key="Other".__eq__):
            with formatter.section(name):
                formatter.write_dl(groups[name])


def group(name: str) -> Callable[..., Callable[[Command], Command]]:
    """What declares the options of one group, as `click.option` does."""

    class OfGroup(_Grouped):
        group = name

    def option(*declarations: str, **attributes: Any) -> Callable[[Command], Command]:
        return click.option(*declarations, cls=OfGroup, **attributes)

    return option
