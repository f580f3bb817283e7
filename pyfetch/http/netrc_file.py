"""Netrc files: users and passwords by host, as curl reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

DEFAULT = "default"

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPE = re.compile(r"\\(.)")


class BadNetrc(ValueError):  # noqa: N818 - it says what the file is
    """A file is no netrc file. Its text names the line and shows nothing of it."""


@dataclass(slots=True)
class Entry:
    """User and password for a host."""

    user: str = ""
    password: str = field(default="", repr=False)


def parse_netrc(text: str) -> tuple[dict[str, Entry], Entry | None]:
    """Return the entries by host, in lower case, and the default entry.

    Of two entries for one host, the first counts. Raises `BadNetrc`.
    """
    hosts: dict[str, Entry] = {}
    default: Entry | None = None
    entry: Entry | None = None
    words = _words(text)
    for number, word in words:
        if word == DEFAULT:
            entry = Entry()
            default = default or entry
        elif word == "machine":
            entry = Entry()
            hosts.setdefault(_value(words, number).lower(), entry)
        elif word in ("login", "user", "account", "password") and entry:
            value = _value(words, number)
            if word == "password":
                entry.password = value
            elif word != "account":
                entry.user = value
            else:
                entry.user = entry.user or value
        else:
            raise BadNetrc(f"line {number} is no netrc")
    return hosts, default


def _value(words: Iterator[tuple[int, str]], number: int) -> str:
    found = next(words, None)
    if found is None:
        raise BadNetrc(f"line {number} is no netrc")
    return found[1]


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Each word and the number of its line, without comments and macros."""
    in_macro = False
    expects_value = False
    for number, line in enumerate(text.splitlines(), 1):
        if in_macro:
            in_macro = bool(line.strip())
            continue
        for match in _WORD.finditer(line):
            quoted, plain = match.groups()
            word = _ESCAPE.sub(r"\1", quoted if quoted is not None else plain)
            if not expects_value and word.startswith("#"):
                break
            if not expects_value and word == "macdef":
                in_macro = True
                break
            expects_value = not expects_value and word != DEFAULT
            yield number, word
