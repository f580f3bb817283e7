"""Kinds of values that settings have: how each is read from text, checked, and shown.

A kind knows nothing of the setting that uses it: its messages go on after the setting's name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Literal, cast

from pyfetch.units import parse_duration, parse_rate, parse_size, parse_speed

AUTO: Literal["auto"] = "auto"
"""In place of a number: pyfetch finds out which is best."""
LONGEST_TIME = 31_536_000.0
"""The longest time that may be set, in seconds: a year."""
SHORTEST_TIME = 0.001
"""The shortest time that may be set where it has to be above 0, in seconds."""
MOST_WORKERS = 1024
MOST_PROCESSES = 64
MOST_CPUS = 1024
_MOST_BYTES = 2**63 - 1
_LONGEST_SHOWN = 80


class Kind:
    """A kind of values; this one is any text."""

    metavar = "TEXT"
    several = False
    """Whether an option of this kind may be repeated: its value is then a tuple."""

    def parse(self, text: str) -> Any:
        """The value that a user wrote on the command line. Raises `ValueError`."""
        return text

    def split(self, text: str) -> list[str]:
        """Several values in one environment variable: there are blanks between them."""
        return text.split()

    def check(self, value: object) -> Any:
        """The value in the one form that the program uses.

        Raises `ValueError`, whose text goes on after the setting's name, or `UsageError`.
        """
        if not isinstance(value, str):
            raise ValueError(f"must be text, not {shown(value)}")
        return value

    def masked(self, value: object) -> str:
        """The value as a log may show it, without secrets."""
        return repr(value)


class Number(Kind):
    """A number within bounds, both of them included."""

    def __init__(
        self,
        least: float,
        most: float,
        from_text: Callable[[str], float | str],
        metavar: str,
        whole: bool = True,
        or_auto: bool = False,
    ) -> None:
        self.least = least
        self.most = most
        self.from_text = from_text
        self.metavar = metavar
        self.whole = whole
        self.or_auto = or_auto

    @property
    def has_unit(self) -> bool:
        """Whether text may say it with a unit."""
        return self.from_text is not _integer

    def parse(self, text: str) -> Any:
        """A number, or `auto` where that is allowed."""
        return AUTO if self.or_auto and text == AUTO else self.check(self.from_text(text))

    def check(self, value: object) -> Any:
        """The same number."""
        if self.or_auto and isinstance(value, str) and value == AUTO:
            return AUTO
        types = int if self.whole else (int, float)
        is_number = isinstance(value, types) and not isinstance(value, bool)
        if is_number and self.least <= cast("float", value) <= self.most:
            return value
        kind = f"{AUTO} or " * self.or_auto + ("a whole number" if self.whole else "a number")
        raise ValueError(f"must be {kind} from {self.least:g} to {self.most:g}, not {shown(value)}")


def _integer(text: str) -> int | str:
    """The number, or the same text, which `check` refuses with the bounds."""
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdigit() and len(digits) < _LONGEST_SHOWN
    return int(text) if is_number else text


def count(least: int, most: int) -> Number:
    """A whole number."""
    return Number(least, most, _integer, "N")


def count_or_auto(least: int, most: int) -> Number:
    """A whole number or `auto`."""
    return Number(least, most, _integer, f"N|{AUTO}", or_auto=True)


TRANSFERS = count(1, MOST_WORKERS)
"""How many transfers may run at once."""
TRIES = count(0, 1_000_000)
"""How often something is tried again."""
SECONDS = Number(0, LONGEST_TIME, parse_duration, "TIME", whole=False)
"""A time: `10` or `10s`, `500ms`, `5m`, `1h30m`."""
SECONDS_ABOVE_ZERO = Number(SHORTEST_TIME, LONGEST_TIME, parse_duration, "TIME", whole=False)
SIZE = Number(0, _MOST_BYTES, parse_size, "SIZE")
"""A number of bytes: `300`, `10M`, `1.5GiB`."""
SIZE_ABOVE_ZERO = Number(1, _MOST_BYTES, parse_size, "SIZE")
SPEED = Number(0, _MOST_BYTES, parse_speed, "SPEED")
"""Bytes in a second: `10K/s` or `10K`."""
SPEED_ABOVE_ZERO = Number(1, _MOST_BYTES, parse_speed, "SPEED")
RATE = Number(1 / LONGEST_TIME, 1_000_000, parse_rate, "RATE", whole=False)
"""How often in a second: `5/s`, `100/min`, `1/10s`."""
TEXT = Kind()


class Flag(Kind):
    """On or off."""

    def check(self, value: object) -> bool:
        """The same: nothing but a boolean counts as one."""
        if not isinstance(value, bool):
            raise ValueError(f"must be True or False, not {shown(value)}")
        return value


FLAG = Flag()


class YesOrNo(Kind):
    """On or off, which the command line has to say in a word."""

    metavar = "yes|no"

    def parse(self, text: str) -> bool:
        """The truth of this word."""
        return self.check(text)

    def check(self, value: object) -> bool:
        """A boolean."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value in ("yes", "no"):
            return value == "yes"
        raise ValueError(f"must be yes or no, not {shown(value)}")


YES_OR_NO = YesOrNo()


class Function(Kind):
    """The name of a function of Python, or, of a program, the function itself."""

    metavar = "FUNCTION"

    def check(self, value: object) -> Any:
        """The same; whether there is such a function is seen where it is needed."""
        if isinstance(value, str) or callable(value):
            return value
        raise ValueError(f"must be the name of a function, or a function, not {shown(value)}")

    def masked(self, value: object) -> str:
        """Its name."""
        return repr(value) if isinstance(value, str) else str(getattr(value, "__qualname__", "…"))


FUNCTION = Function()


ENCRYPTED = "tls://"
"""Addresses of schedulers that are talked to over TLS begin so."""


class Cluster(Kind):
    """The address of a Dask cluster, or, of a program, a client of one."""

    metavar = "ADDRESS"

    def check(self, value: object) -> Any:
        """The same; whether there is such a cluster is seen where it is needed."""
        if not isinstance(value, str):
            if hasattr(value, "scheduler_info") and hasattr(value, "submit"):
                return value
            raise ValueError(f"must be an address or a Dask client, not {shown(value)}")
        kind, _, rest = value.partition(":")
        number = rest if kind == "local" and rest.isascii() and rest.isdecimal() else ""
        if kind in ("tcp", "tls") and rest.startswith("//") and len(rest) > len("//"):
            return value
        if number and 1 <= int(number) <= MOST_PROCESSES:
            return value
        raise ValueError(
            "must be tcp://HOST:PORT, tls://HOST:PORT or local:N with a number from 1 to"
            f" {MOST_PROCESSES}, not {shown(value)}"
        )

    def masked(self, value: object) -> str:
        """Its address; of a client, what it is."""
        return repr(value) if isinstance(value, str) else type(value).__name__


CLUSTER = Cluster()


class FilePath(Kind):
    """A path, which is kept as text."""

    def __init__(self, metavar: str) -> None:
        self.metavar = metavar

    def check(self, value: object) -> str:
        """The path as text."""
        path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        if not isinstance(path, str) or "\0" in path:
            raise ValueError(f"must be a path, not {shown(value)}")
        return path


FILE = FilePath("FILE")
DIRECTORY = FilePath("DIR")


class Choice(Kind):
    """One member of an enumeration, or its text."""

    def __init__(self, choices: type[StrEnum]) -> None:
        self.choices = choices
        self.metavar = "|".join(choices)

    def parse(self, text: str) -> StrEnum:
        """The member with this text."""
        return self.check(text)

    def check(self, value: object) -> StrEnum:
        """The member."""
        if isinstance(value, str) and value in list(self.choices):
            return self.choices(value)
        raise ValueError(f"must be one of {', '.join(self.choices)}, not {shown(value)}")

    def masked(self, value: object) -> str:
        """Its text."""
        return repr(str(value))


def shown(value: object) -> str:
    """A wrong value for a message: its `repr`, shortened, or its type where that fails."""
    try:
        text = repr(value)
    except Exception:  # any object may be given, and an integer can be too long to be shown
        return f"of type {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def items(value: object) -> tuple[object, ...] | None:
    """The items of a collection; None for what is none, and for text or bytes."""
    if isinstance(value, str | bytes | bytearray) or not isinstance(value, Iterable):
        return None
    return tuple(value)


class Texts(Kind):
    """One text or several, each of which `is_one` allows."""

    several = True
    wanted: str
    """What each has to be, as a clause."""

    def is_one(self, text: str) -> bool:
        """Whether this may be one of them."""
        raise NotImplementedError

    def parse(self, text: str) -> str:
        """One of them."""
        return self.check(text)[0]

    def check(self, value: object) -> tuple[str, ...]:
        """One text or several, as a tuple."""
        texts = (value,) if isinstance(value, str) else items(value)
        for one in texts if texts is not None else (value,):
            if not (isinstance(one, str) and self.is_one(one)):
                raise ValueError(f"must be {self.wanted}, not {shown(one)}")
        return cast("tuple[str, ...]", texts)
