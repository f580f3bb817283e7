"""Sizes, rates and times: parsed from text that people write, and formatted for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded where there is a fraction only
    from fractions import Fraction

_SIZE = r"(?i)\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:([kmgtp])(i?b)?|b)?\s*"
_PREFIXES = "kmgtp"


def parse_size(text: str) -> int:
    """Bytes in `10M`, `1.5GiB`, `300kB`, `12`.

    As in GNU coreutils: `K` and `KiB` are 1024 bytes, `KB` is 1000. Raises `ValueError`.
    """
    match = re.fullmatch(_SIZE, text)
    if not match:
        raise ValueError(f"{text!r} is no size (write it like 300, 10M, 1.5GiB or 20MB)")
    number, prefix, suffix = match.groups()
    base = 1000 if (suffix or "").lower() == "b" else 1024
    power = _PREFIXES.index(prefix.lower()) + 1 if prefix else 0
    if number.isdecimal():
        return int(number) * int(base**power)
    from fractions import Fraction

    return int(Fraction(number) * base**power)


_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_DURATION = rf"(?i)\s*(?:{_NUMBER}|(?:{_NUMBER}\s*(?:ms|min|m|sec|s|h|d)\s*)+)\s*"
_PART_OF_DURATION = rf"(?i){_NUMBER}\s*(ms|min|m|sec|s|h|d)?"
_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> float:
    """Seconds in `10`, `10s`, `500ms`, `5m`, `1h30m`, `2d`. Raises `ValueError`."""
    if not re.fullmatch(_DURATION, text):
        raise ValueError(f"{text!r} is no time (write it like 10, 500ms, 30s, 5m or 1h30m)")
    parts = re.findall(_PART_OF_DURATION, text)
    return float(sum(float(number) * _SECONDS[unit.lower() or "s"] for number, unit in parts))


_RATE = rf"\s*{_NUMBER}\s*/\s*(.+)"


def parse_rate(text: str) -> float:
    """Times a second, for `5/s`, `100/min`, `1000/h`, `1/10s`. Raises `ValueError`."""
    match = re.fullmatch(_RATE, text)
    try:
        number, per = match.groups() if match else ("", "")
        rate = float(number) / parse_duration(per if per[:1].isdigit() else f"1{per}")
    except (ValueError, ZeroDivisionError):
        rate = 0.0
    if not rate:
        raise ValueError(f"{text!r} is no rate (write it like 5/s, 100/min, 1000/h or 1/10s)")
    return rate


def parse_speed(text: str) -> int:
    """Bytes a second, for `10K/s` or `10K`. Raises `ValueError`."""
    try:
        return parse_size(re.sub(r"\s*/\s*s(?:ec)?\s*$", "", text, flags=re.IGNORECASE))
    except ValueError:
        raise ValueError(f"{text!r} is no speed (write it like 10K/s or 1.5MB/s)") from None


_SHARE = r"(\d+)|(\d+(?:\.\d*)?|\.\d+)\s*%"


def parse_allowance(text: str) -> tuple[int, Fraction | int]:
    """A number, or a fraction of all: (3, 0) for `3`, (0, 1/20) for `5%`. Raises `ValueError`."""
    match = re.fullmatch(_SHARE, text.strip())
    if not match or float(match[2] or 0) > 100:
        raise ValueError(f"{text!r} is neither a number nor a share (write it like 3 or 5%)")
    number, percent = match.groups()
    if number:
        return int(number), 0
    from fractions import Fraction

    return 0, Fraction(percent) / 100


def format_size(size: float) -> str:
    """A size in bytes for people, in decimal units: `999 B`, `1.5 kB`, `20.0 MB`."""
    if size < 999.5:
        return f"{size:.0f} B"
    power = 0
    while (size >= 999.95 or not power) and power < len(_PREFIXES):
        size /= 1000
        power += 1
    return f"{size:.1f} {' kMGTP'[power]}B"


def format_seconds(seconds: float) -> str:
    """A time in seconds for people: `45 ms`, `3.2 s`, `4:05`, `1:02:03`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_clock(seconds: float) -> str:
    """A time in whole seconds for people, where it changes as they look: `18 s`, `6:10`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else format_seconds(whole)
