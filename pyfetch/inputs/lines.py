"""Numbered lines from blocks of bytes, in bounded memory, each as soon as it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pyfetch.inputs.stream import BOM

MAX_LINE = 64 * 1024
"""Longest line of a plain list that is read as one, in bytes, its end not counted."""


class Line(NamedTuple):
    number: int
    """From 1."""
    content: bytes
    """Without its end; of a line that is too long, no more than its first byte."""
    too_long: bool = False


def numbered_lines(blocks: Iterable[bytes], longest: int = MAX_LINE) -> Iterator[Line]:
    """Lines without their ends; a byte order mark is no part of the first one."""
    number = 1
    rest = b""
    too_long = False
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield _line(number, line, longest, too_long)
            too_long = False
            number += 1
        if len(rest.removesuffix(b"\r")) > longest:
            too_long, rest = True, rest[:1]
    if rest or too_long:
        yield _line(number, rest, longest, too_long)


def _line(number: int, content: bytes, longest: int, too_long: bool) -> Line:
    content = content.removesuffix(b"\r")
    if number == 1:
        content = content.removeprefix(BOM)
    if too_long or len(content) > longest:
        return Line(number, content[:1], too_long=True)
    return Line(number, content)
