"""`--plan`: what a run would do, found out without asking a server or changing the disk."""

from __future__ import annotations

import io
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Self, TextIO

from pyfetch.cli.main import imports_done
from pyfetch.cli.output_options import OutputOptions
from pyfetch.cli.run import SourceSpec
from pyfetch.cli.signals import ReaderWatch
from pyfetch.errors import StoppedError
from pyfetch.facts import Known
from pyfetch.inputs.targets import as_settings_say
from pyfetch.models import Entry, Failure, Result, Target, TargetError
from pyfetch.output.plan import Action, PlanJsonLines, Planned, PlanSink, PlanTsv
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.destination import reach_bucket, store_of
from pyfetch.storage.existing import is_as_its_task_left_it, is_ours
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.paths import PathAllocator
from pyfetch.storage.state import STATE_FILE, State
from pyfetch.text import escaped
from pyfetch.urls import masked_url

if TYPE_CHECKING:
    from pyfetch.computed import LeftFile

_COUNTED_IN_MEMORY = 4096

_IF_THERE = {
    IfExists.REFRESH: Action.REFRESH,
    IfExists.REPLACE: Action.REPLACE,
    IfExists.SKIP: Action.SKIP,
    IfExists.RENAME: Action.FETCH,
}


class Planner:
    """Plans one input, in flat memory, with a copy of the state that is removed at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = store_of(settings)
        if not settings.pack:  # else nothing but the state is looked at
            reach_bucket(settings, self._store)
        self._directory = self._store.directory
        file = self._directory.path / OWN_DIRECTORY / STATE_FILE
        knows = settings.state and not settings.discard
        self._state = State.copy_of(file) if knows else State(None)
        self._names = PathAllocator(settings, self._state, self._store, lasting=settings.state)
        self._left: Callable[[Target, str], LeftFile | None] = lambda *_: None
        if settings.computes:
            self._left = left_by_tasks(settings, self._state)
        self._seen = _Seen()
        self.actions: Counter[Action] = Counter()
        self.renamed = 0
        """How many entries get another name because theirs is taken."""
        self._entries = self._unreadable = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self._state), closing(self._seen), closing(self._directory):
            pass

    def of(self, entry: Entry) -> Planned:
        """What a run would do with this entry after those before it."""
        self._entries += 1
        self._unreadable += isinstance(entry, Result)
        planned = self._of(entry)
        self.actions[planned.action] += 1
        self.renamed += planned.instead_of is not None
        return planned

    def unnamed(self) -> Iterator[Planned]:
        """The files that `--prune` would move after the entries so far."""
        if self._unreadable or not self._entries:
            return
        from pyfetch.cli.prune import unnamed_files  # loaded for --prune only

        with closing(unnamed_files(self._settings, self._state)) as files:
            for file in files:
                self.actions[Action.PRUNE] += 1
                final = self._store.final(file.path)
                yield Planned(None, masked_url(file.url), Action.PRUNE, final)

    def hosts(self) -> Iterator[tuple[str, int]]:
        """The origins and how many requests each would get, the most first."""
        return self._seen.hosts()

    def _of(self, entry: Entry) -> Planned:
        if isinstance(entry, Result):
            return Planned(
                entry.index, entry.url, Action.FAIL, error=entry.error, detail=entry.detail
            )
        url = str(entry.url)
        final = instead_of = None
        try:
            if self._settings.discard:
                action = Action.FETCH
            else:
                path, known = self._names.of(entry, in_use=self._seen.has)
                final = self._store.final(path)
                action = self._action(entry, path, known)
                wanted = self._names.wanted(entry)
                if path != wanted and self._names.home(entry)[0] != wanted:
                    instead_of = self._store.final(wanted)
        except TargetError as error:
            return Planned(entry.index, url, Action.FAIL, final, None, error.failure, error.detail)
        if action is not Action.SKIP:
            self._seen.host(entry.origin)
        return Planned(entry.index, url, action, final, instead_of)

    def _action(self, target: Target, path: str, known: Known) -> Action:
        final = self._store.final(path)
        found = self._store.look(path, known, self._settings.if_exists)
        status = found.status
        earlier = not self._seen.add(path)
        policy = self._settings.if_exists
        known = known._replace(left=self._left(target, path) if known.facts else None)
        stays = policy in (IfExists.REFRESH, IfExists.SKIP) and is_as_its_task_left_it(known, found)
        if stays and not earlier:
            return Action.CHECK if target.checksum else _IF_THERE[policy]
        if status is None and not earlier:
            return Action.FETCH
        if policy is IfExists.FAIL:
            raise TargetError(Failure.EXISTS, f"{final} exists already")
        if target.checksum and policy in (IfExists.REFRESH, IfExists.SKIP):
            return Action.CHECK
        if earlier or status is None or policy in (IfExists.REPLACE, IfExists.RENAME):
            return _IF_THERE[policy]
        if known.left and known.left.is_file(status.st_size, status.st_mtime_ns):
            return Action.REPLACE  # another task has changed it
        if policy is IfExists.SKIP and not known.of_other_url:
            return Action.SKIP
        if not is_ours(known, status, time.time()):
            return Action.BACK_UP
        return Action.REPLACE if known.of_other_url else Action.REFRESH


def left_by_tasks(settings: Settings, state: State) -> Callable[[Target, str], LeftFile | None]:
    """Returns what tells what a task has left of the file that a target has at a path."""
    from pyfetch.compute.task import task_from

    task, computed = task_from(settings), state.computed()
    assert task  # noqa: S101 - the settings want one

    def left(target: Target, path: str) -> LeftFile | None:
        return computed.left(path, task.identity(target), keeps=settings.keep)

    return left


class _Seen:
    """The paths and hosts planned so far: in a database, since there may be millions."""

    def __init__(self) -> None:
        self._hosts: Counter[str] = Counter()
        from pyfetch.database import temporary_database  # loading SQLite takes milliseconds

        self._database = temporary_database(
            "path (path TEXT PRIMARY KEY)", "host (origin TEXT PRIMARY KEY, number INTEGER)"
        )

    def add(self, path: str) -> bool:
        """Note this path. Returns whether it is new."""
        query = "INSERT OR IGNORE INTO path VALUES (?)"
        return self._database.execute(query, (path,)).rowcount > 0

    def has(self, path: str) -> bool:
        query = "SELECT 1 FROM path WHERE path = ?"
        return self._database.execute(query, (path,)).fetchone() is not None

    def host(self, origin: str) -> None:
        self._hosts[origin] += 1
        if len(self._hosts) >= _COUNTED_IN_MEMORY:
            self._write_hosts()

    def hosts(self) -> Iterator[tuple[str, int]]:
        self._write_hosts()
        query = "SELECT origin, number FROM host ORDER BY number DESC, origin"
        yield from self._database.execute(query)

    def close(self) -> None:
        self._database.close()

    def _write_hosts(self) -> None:
        self._database.executemany(
            "INSERT INTO host VALUES (?, ?)"
            " ON CONFLICT (origin) DO UPDATE SET number = number + excluded.number",
            self._hosts.items(),
        )
        self._hosts.clear()


_HOSTS_SHOWN = 20


def show_plan(spec: SourceSpec, settings: Settings, options: OutputOptions) -> int:
    """Show what a run would do. Returns the exit status; raises `RunError`."""
    imports_done()
    out = sys.stdout or io.StringIO()
    sources = spec.sources()
    shown = bool(options.format) or not options.quiet
    if options.prune:
        from pyfetch.cli.prune import check_prunable

        check_prunable(settings)
    with Planner(settings) as planner:
        try:
            sink = _sink(out, options.format or ("table" if out.isatty() else "tsv"))
            for entry in as_settings_say(sources, settings):
                planned = planner.of(entry)
                if shown:
                    sink.show(planned)
            for planned in planner.unnamed() if options.prune else ():
                if shown:
                    sink.show(planned)
            out.flush()
        except BrokenPipeError:
            return ReaderWatch.EXIT_STATUS
        except OSError as error:
            raise StoppedError(f"cannot write the plan: {error.strerror}") from error
        if not options.quiet and sys.stderr:
            for line in _summary(planner, sources.duplicates):
                sys.stderr.write(f"pyfetch: {escaped(line)}\n")
        return int(planner.actions[Action.FAIL] > 0)


def _sink(out: TextIO, form: str) -> PlanSink:
    if form == "table":
        from pyfetch.output.screen.consoles import console_on  # loads rich
        from pyfetch.output.screen.table import PlanRows

        return PlanRows(console_on(out))
    return PlanTsv(out) if form == "tsv" else PlanJsonLines(out)


def _summary(planner: Planner, duplicates: int) -> list[str]:
    counts = [f"{action} {number}" for action, number in planner.actions.most_common()]
    if planner.renamed:
        counts.append(f"{planner.renamed} beside the name that they want, which is taken")
    if duplicates:
        counts.append(f"{duplicates} duplicates dropped")
    hosts = planner.hosts()
    lines = [f"{number:>7} {origin}" for origin, number in islice(hosts, _HOSTS_SHOWN)]
    more = sum(1 for _ in hosts)
    if more:
        lines.append(f"        and {more} hosts more")
    return [f"plan: {', '.join(counts) or 'nothing to do'}", *lines]
