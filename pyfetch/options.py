"""The command line's vocabulary: types of values, and options in groups."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pyfetch.headers import parse_header
from pyfetch.settings import AUTO, LEAST, LONGEST, MOST_PROCESSES, MOST_WORKERS
from pyfetch.units import parse_allowance, parse_rate, parse_size, parse_speed

if TYPE_CHECKING:
    SizeType = click.ParamType[int]
    SecondsType = click.ParamType[float]
    HeaderType = click.ParamType[tuple[str, str]]
    RateType = click.ParamType[float]
    WorkersType = click.ParamType[int | str]
    AllowanceType = click.ParamType[tuple[int, Fraction]]
else:
    SizeType = SecondsType = HeaderType = click.ParamType
    RateType = WorkersType = AllowanceType = click.ParamType  # generic in newer versions only

Command = TypeVar("Command", bound=Callable[..., Any])

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "auto_envvar_prefix": "PYFETCH",
    "max_content_width": 100,
    "show_default": True,
}


class Size(SizeType):
    """A number of bytes: `300`, `10M`, `1.5GiB`; without `zero`, above 0."""

    name = "size"

    def __init__(self, *, zero: bool = True) -> None:
        self._least = 0 if zero else 1

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        try:
            size = parse_size(value)
            if size < self._least:
                raise ValueError(f"{value!r} is nothing")
            return size
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Seconds(SecondsType):
    """A time in seconds; without `zero`, above 0."""

    name = "seconds"

    def __init__(self, *, zero: bool = False) -> None:
        self._least = 0 if zero else LEAST

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            seconds = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        if not self._least <= seconds <= LONGEST:
            self.fail(f"{value} is not between {self._least:g} and {LONGEST:g}", param, ctx)
        return seconds


class Rate(RateType):
    """How often a second: `5/s`, `100/min`."""

    name = "rate"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_rate(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Speed(SizeType):
    """Bytes in a second: `10K/s`."""

    name = "speed"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_speed(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _NumberOrAuto(WorkersType):
    most: int

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        if value == AUTO or isinstance(value, int):
            return value
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= self.most):
            message = f"{value!r} is neither {AUTO} nor a number from 1 to {self.most}"
            self.fail(message, param, ctx)
        return int(value)


class WorkersNumber(_NumberOrAuto):
    """A number of workers, or `auto`."""

    name = "workers"
    most = MOST_WORKERS


class ProcessesNumber(_NumberOrAuto):
    """A number of processes, or `auto`."""

    name = "processes"
    most = MOST_PROCESSES


class Allowance(AllowanceType):
    """How many may fail: a number, or a share of all as `5%`."""

    name = "allowance"

    def convert(
        self,
        value: str | tuple[int, Fraction],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, Fraction]:
        if isinstance(value, tuple):
            return value
        try:
            return parse_allowance(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Header(HeaderType):
    """A field of a request: `Name: value` (RFC 9110, section 5)."""

    name = "header"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Several in one environment variable stand on lines of their own."""
        return [line for line in rv.splitlines() if line.strip()]

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        try:
            return parse_header(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
