"""`--prune`: ask, and move what the list does not name any more."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

import click

from pyfetch.cli.output_options import OutputOptions
from pyfetch.errors import UsageError
from pyfetch.inputs import Sources
from pyfetch.models import Failure, IfExists, Result
from pyfetch.settings import Settings
from pyfetch.storage.destination import home_of, lock_of, store_of
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.pruning import PRUNED_DIRECTORY, Pruned, prune
from pyfetch.storage.state import State
from pyfetch.storage.unnamed_files import UnnamedFiles
from pyfetch.text import escaped
from pyfetch.units import format_size

_SHOWN = 10
"""Files that are named before the question."""
_UNREADABLE = frozenset({Failure.INVALID_URL, Failure.UNSUPPORTED_SCHEME})


class Pruning:
    """What `--prune` does after one run. Raises `UsageError` where it makes no sense.

    `yes`: whether the user has agreed beforehand.
    """

    def __init__(self, settings: Settings, *, yes: bool) -> None:
        check_prunable(settings)
        if not yes and not _is_terminal():
            raise UsageError(
                "--prune asks before it moves files, and there is no terminal to ask on:"
                " add --yes, or see with --plan what it would move"
            )
        self._settings = settings
        self._yes = yes
        self._entries = 0
        self._unreadable = 0
        self._found: UnnamedFiles | None = None

    def show(self, result: Result) -> None:
        """Take note of what became of an entry."""
        self._entries += 1
        self._unreadable += is_unreadable(result)

    def look(self, state: State) -> None:
        """Find what the list has not named, at the end of a run that came to its end."""
        if self._entries and not self._unreadable:
            self._found = unnamed_files(self._settings, state)

    def finish(
        self, say: Callable[[str], None], options: OutputOptions, *, ended_well: bool
    ) -> None:
        """Ask, move the files, and say so. Raises `StoppedError`."""
        found = self._found
        if found is None or not ended_well:
            say(f"pyfetch: nothing is pruned: {self._why_not()}")
            return
        with closing(found):
            if found.changed and not options.quiet:
                say(f"pyfetch: {_files(found.changed)} changed since stay, though not in the list")
            if not found.number and not found.removed:
                return
            if found.number and not self._yes and not self._agreed(found, say):
                say("pyfetch: nothing is pruned, as you say")
                return
            number = 0
            for pruned in _pruned(self._settings, found):
                number += 1
                if options.verbose:
                    say(f"pyfetch: {pruned.path} is now {pruned.to}")
            if found.removed and not options.quiet:
                say(f"pyfetch: forgotten: the values of {_files(found.removed)} that are gone")
            if found.number and not options.quiet:
                say(f"pyfetch: pruned: {_files(number)} moved to {self._where}")
            if number < found.number:
                stays = f"{_files(found.number - number)} could not be moved"
                say(f"pyfetch: {stays}: changed meanwhile, or too long a key in {self._where}")

    @property
    def _where(self) -> str:
        return store_of(self._settings).final(f"{OWN_DIRECTORY}/{PRUNED_DIRECTORY}")

    def _why_not(self) -> str:
        if self._unreadable:
            records = "record" if self._unreadable == 1 else "records"
            return f"what {self._unreadable} {records} of the list would name is not known"
        return "the run did not come to its end" if self._entries else "the list names nothing"

    def _agreed(self, found: UnnamedFiles, say: Callable[[str], None]) -> bool:
        for file in islice(found, _SHOWN):
            say(f"  {file.path}")
        if found.number > _SHOWN:
            say(f"  and {found.number - _SHOWN} more")
        question = (
            f"The list does not name {_files(found.number)} ({format_size(found.size)})."
            f" Move to {escaped(self._where)}?"
        )
        try:
            return click.confirm(question, err=True)
        except click.Abort:  # the end of the input, or Ctrl-C
            return False


def unnamed_files(settings: Settings, state: State) -> UnnamedFiles:
    """The files that the list of a run has not named, or the objects. Raises `StoppedError`."""
    if not settings.in_bucket:
        return UnnamedFiles(state, home_of(settings))
    from pyfetch.storage.objects.object_pruning import is_as_fetched
    from pyfetch.storage.objects.object_store import ObjectStore

    home = home_of(settings)
    bucket = ObjectStore.of(settings, OutputDirectory(home)).bucket
    return UnnamedFiles(state, home, partial(is_as_fetched, bucket))


def _pruned(settings: Settings, found: UnnamedFiles) -> Iterator[Pruned]:
    home = home_of(settings)
    if not settings.in_bucket:
        return prune(home, found, settings.wait_lock)
    from pyfetch.storage.objects.object_pruning import prune_objects
    from pyfetch.storage.objects.object_store import ObjectStore

    store = ObjectStore.of(settings, OutputDirectory(home))
    return prune_objects(store, lock_of(settings, store), found, settings.wait_lock)


def check_prunable(settings: Settings) -> None:
    """Raise `UsageError` for settings with which it would not be known what is to be pruned."""
    for option, excludes in (
        ("--discard", settings.discard),
        ("--no-state", not settings.state),
        ("--pack (no pack is written to again)", settings.pack is not None),
        ("--if-exists rename", settings.if_exists is IfExists.RENAME),
    ):
        if excludes:
            raise UsageError(f"--prune and {option} exclude each other")


def check_list_is_whole(sources: Sources, failed_to: str | None) -> None:
    """Raise `UsageError` if a source is where failed records are written: it names not all."""
    if failed_to is not None and sources.has(Path(failed_to).resolve()):
        raise UsageError(
            f"--prune needs the whole list, and {failed_to} has only what failed (--failed-to):"
            " leave out --prune"
        )


def is_unreadable(result: Result) -> bool:
    """Whether this is the result of a record that could not be used, so what it names is not known.

    A URL that a server leads to was asked for first.
    """
    return result.error in _UNREADABLE and not result.attempts


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _files(number: int) -> str:
    return f"{number} {'file' if number == 1 else 'files'}"
