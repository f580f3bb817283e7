"""A command line with other tools' words, translated to pyfetch's own options.

Loaded only when Click has met a word that it does not know.
"""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple

import click

from pyfetch.cli.aliases import ALIASES, BY_VALUE, DONE_ANYWAY, GLUED, INSTEAD
from pyfetch.cli.spelling import near


class Translation(NamedTuple):
    """What to parse in place of the command line."""

    arguments: list[str]
    notes: list[str]
    """What to tell the user: these words were not needed."""


class Word(NamedTuple):
    """An option of another tool."""

    takes_value: bool
    arguments: Callable[[str], list[str]]
    """What it becomes, from its value. Raises `ValueError` that says what to do instead."""
    note: str = ""
    """Why it is not needed; empty if it is translated."""


def translated(arguments: Iterable[str], options: Iterable[click.Parameter]) -> Translation:
    """The same command line in the words of `options`.

    Raises `click.UsageError` for a word that says something which pyfetch does in another way, and
    for one that nobody knows.
    """
    return _Translator(_own_words(options)).translate(arguments)


@cache
def foreign_words() -> dict[str, Word]:
    """All words of other tools, by the flag that is typed."""
    words: dict[str, Word] = {}
    for flags, text in ALIASES.items():
        words |= _words(flags, _filled_in(text))
    for flags, become in BY_VALUE.items():
        words |= _words(flags, become)
    for flags, note in DONE_ANYWAY.items():
        words |= _words(flags, lambda _: [], note)
    for flags, sentence in INSTEAD.items():
        words |= _words(flags, _refusal(sentence))
    return words


def _words(flags: str, become: Callable[[str], list[str]], note: str = "") -> dict[str, Word]:
    return {
        flag.removesuffix("="): Word(flag.endswith("="), become, note) for flag in flags.split()
    }


def _filled_in(template: str) -> Callable[[str], list[str]]:
    return lambda value: [part.replace("VALUE", value) for part in shlex.split(template)]


def _refusal(sentence: str) -> Callable[[str], list[str]]:
    def refuse(_: str) -> list[str]:
        raise ValueError(sentence)

    return refuse


def _own_words(options: Iterable[click.Parameter]) -> dict[str, bool]:
    """Each flag of our own options, and whether it takes a value."""
    return {
        flag: not (option.is_flag or option.count)
        for option in options
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }


class _Translator:
    def __init__(self, own: Mapping[str, bool]) -> None:
        self._own = own
        self._foreign = foreign_words()
        self._options: list[str] = []
        self._sources: list[str] = []
        self._notes: dict[str, list[str]] = {}
        """By note, the words that it is about."""
        self._rest: deque[str] = deque()

    def translate(self, arguments: Iterable[str]) -> Translation:
        self._rest.extend(arguments)
        while self._rest:
            argument = self._rest.popleft()
            if argument == "--":
                self._sources.extend(self._rest)
                break
            if argument == "-" or not argument.startswith("-"):
                self._sources.append(argument)
            else:
                self._option(argument)
        notes = [f"{', '.join(words)}: {note}" for note, words in self._notes.items()]
        return Translation([*self._options, "--", *self._sources], notes)

    def _option(self, argument: str) -> None:
        flag, equals, value = argument.partition("=")
        if flag in self._own or flag in self._foreign:
            if len(flag) > 2 or not equals:
                self._take(flag, value if equals else None)
                return
        elif argument.startswith("--"):
            raise _unknown(flag, {*self._own, *self._foreign})
        self._letters(argument)

    def _letters(self, argument: str) -> None:
        """Take one letter after the other (`-sSL`), up to one that takes the rest as its value."""
        for pattern, sentence in GLUED.items():
            found = re.fullmatch(pattern, argument)
            if found:
                raise click.UsageError(f"{argument}: {sentence(found[1])}")
        for place, letter in enumerate(argument[1:], 2):
            flag, rest = f"-{letter}", argument[place:]
            if flag not in self._own and flag not in self._foreign:
                raise _unknown(flag if len(argument) == 2 else f"{flag} (in {argument})", ())
            if self._takes_value(flag) and rest:
                self._take(flag, rest)
                return
            self._take(flag, None)

    def _takes_value(self, flag: str) -> bool:
        if flag in self._own:
            return self._own[flag]
        return self._foreign[flag].takes_value

    def _take(self, flag: str, value: str | None) -> None:
        if self._takes_value(flag) and value is None:
            if not self._rest:
                raise click.UsageError(f"{flag} needs a value")
            value = self._rest.popleft()
        if flag in self._own:
            if value is None:
                self._options.append(flag)
            elif self._own[flag]:
                self._options += [flag, value]
            else:
                self._options.append(f"{flag}={value}")  # Click says what is wrong with it
            return
        word = self._foreign[flag]
        become = _tell(flag, lambda: word.arguments(value or ""))
        if value not in (None, "true") and not word.takes_value:
            raise click.UsageError(f"{flag} takes no value, such as {value!r}: {word.note}")
        if become[:1] == ["--"]:
            self._sources += become[1:]
        else:
            self._options += become
        if word.note:
            self._notes.setdefault(word.note, []).append(flag)


def _tell(flag: str, become: Callable[[], list[str]]) -> list[str]:
    """What a word becomes; a `ValueError` becomes an error of the command line."""
    try:
        return become()
    except ValueError as error:
        text = str(error)
        raise click.UsageError(text if text.startswith(flag) else f"{flag}: {text}") from None


def _unknown(flag: str, known: Iterable[str]) -> click.UsageError:
    words = (word.removeprefix("--") for word in known if word.startswith("--"))
    meant = " or ".join(f"--{word}" for word in near(flag.removeprefix("--"), words))
    hint = f" (did you mean {meant}?)" if meant else ""
    return click.UsageError(f"there is no option {flag}{hint}; pyfetch --help lists all")
