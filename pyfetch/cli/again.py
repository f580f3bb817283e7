"""The command that tries again what has failed. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

from pyfetch.cli.output_options import OutputOptions
from pyfetch.cli.translation import translated
from pyfetch.settings import Settings
from pyfetch.text import masked

_LONGEST = 120
"""Characters of a command that is shown whole."""
_SUGGESTED = "failed.txt"
_BEFORE_SOURCES = "--"
_WITHOUT_VALUE = frozenset({"--prune", "--yes"})
_WITH_VALUE = frozenset({"--input-format"})
"""Options that must not be used with a list of what failed: all else would be pruned, and such a
list may have another format, which is recognised."""
_INDEX = "{index"


class Again(NamedTuple):
    """What to type to try again."""

    command: str
    why_whole: str = ""
    """Why it takes the whole list, if that needs to be said."""


def command_again(
    arguments: Sequence[str],
    parameters: Sequence[click.Parameter],
    settings: Settings,
    output: OutputOptions,
) -> Again:
    """The command line with what failed as its list, or with an option that writes that list.

    `arguments`: those of this run, which `parameters` read.

    An ellipsis stands for arguments that may hold a secret, or that are too long to be shown.
    Whether one does is asked of the settings: an option may be written in many ways.
    """
    words = translated(arguments, parameters).arguments
    options = words[: words.index(_BEFORE_SOURCES)]
    has_sources = len(words) > len(options) + 1
    why_whole = _why_whole(options, settings, output)
    failed_to = output.failed_to if why_whole is None else None
    if failed_to:
        options = [*_for_what_failed(options)]
    kept = shlex.join(options if failed_to else arguments)
    secrets = settings.headers, settings.user, settings.proxy, settings.store_option
    if any(secrets) or masked(kept) != kept:
        kept = "…"
    elif len(kept) > _LONGEST:
        rest = shlex.join(options)
        kept = f"… {rest}".rstrip() if len(rest) <= _LONGEST else "…"
    if failed_to:
        return Again(f"pyfetch {shlex.quote(failed_to)} {kept}")
    piped = "" if has_sources else "… | "
    if why_whole is not None:
        return Again(f"{piped}pyfetch {kept}", why_whole)
    writing = f"--failed-to {_SUGGESTED}"
    # Behind `--` it would be a SOURCE.
    kept = f"{writing} {kept}" if _BEFORE_SOURCES in arguments else f"{kept} {writing}"
    return Again(f"{piped}pyfetch {kept}", "without --failed-to, the whole list is looked at again")


def _for_what_failed(options: Sequence[str]) -> Iterator[str]:
    """The options without those that must not be used with a list of what failed."""
    rest = iter(options)
    for option in rest:
        if option in _WITH_VALUE:
            next(rest)
        elif option not in _WITHOUT_VALUE:
            yield option


def _why_whole(options: Sequence[str], settings: Settings, output: OutputOptions) -> str | None:
    """Why only the whole list will do; None: what failed will."""
    if not {"-O", "--out"}.isdisjoint(options):
        return ""  # the one URL is the list
    for option, file in (("--checksums", output.checksums), ("--pack-list", settings.pack_list)):
        if file is not None:
            return f"with the whole list: {option} writes what the list names"
    for option, text in (("--name", settings.name), ("--exec", settings.exec)):
        if text and _INDEX in text:
            return f"with the whole list: {{index}} in {option} is the place in it"
    return None
