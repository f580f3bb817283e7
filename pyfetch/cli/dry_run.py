"""What a run would do, found out without asking a server or changing anything on disk."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Self

from pyfetch.cli.display import Show
from pyfetch.cli.run import Listed
from pyfetch.cli.signals import ReaderWatch
from pyfetch.errors import StoppedError
from pyfetch.models import Action, Entry, Failure, Planned, Result, Target, TargetError
from pyfetch.output.plan import plan_sink
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.filesystem import OWN_DIRECTORY, file_status, way_to
from pyfetch.storage.paths import PathAllocator
from pyfetch.storage.state import STATE_FILE, State
from pyfetch.system import temporary_database
from pyfetch.text import escaped

_COUNTED_IN_MEMORY = 4096


_WHERE_A_FILE_IS = {
    IfExists.REFRESH: Action.REFRESH,
    IfExists.REPLACE: Action.REPLACE,
    IfExists.SKIP: Action.SKIP,
    IfExists.RENAME: Action.FETCH,
}


class Plan:
    """The plan for one input, in flat memory. Its state is a copy that is gone at the end."""

    def __init__(self, settings: Settings) -> None:
        self._output_dir = Path(settings.output_dir)
        self._settings = settings
        file = self._output_dir / OWN_DIRECTORY / STATE_FILE
        knows = settings.state and not settings.discard
        self._state = State.copy_of(file) if knows else State(None)
        self._names = PathAllocator(settings, self._state, lasting=settings.state)
        self._seen = _Seen()
        self.actions: Counter[Action] = Counter()
        self.renamed = 0
        """How many get another name because theirs is taken."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self._state), closing(self._seen):
            pass

    def of(self, entry: Entry) -> Planned:
        """What would become of this entry, those before it considered."""
        planned = self._of(entry)
        self.actions[planned.action] += 1
        self.renamed += planned.instead_of is not None
        return planned

    def hosts(self) -> Iterator[tuple[str, int]]:
        """The origins that would be asked and how often, most often first."""
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
                path, _ = self._names.of(entry, in_use=self._seen.has)
                final = str(self._output_dir / path)
                action = self._action(entry, path)
                wanted = self._names.wanted(entry)
                if path != wanted and self._names.home(entry)[0] != wanted:
                    instead_of = str(self._output_dir / wanted)
        except TargetError as error:
            return Planned(entry.index, url, Action.FAIL, final, None, error.failure, error.detail)
        if action is not Action.SKIP:
            self._seen.host(entry.origin)
        return Planned(entry.index, url, action, final, instead_of)

    def _action(self, target: Target, path: str) -> Action:
        final = self._output_dir / path
        way_to(self._output_dir, path)
        earlier = not self._seen.add(path)
        if file_status(final) is None and not earlier:
            return Action.FETCH
        policy = self._settings.if_exists
        if policy is IfExists.FAIL:
            raise TargetError(Failure.EXISTS, f"{final} is there")
        if target.checksum and policy in (IfExists.REFRESH, IfExists.SKIP):
            return Action.CHECK
        return _WHERE_A_FILE_IS[policy]


class _Seen:
    """Paths and hosts that the plan has had, on disk where they are many."""

    def __init__(self) -> None:
        self._hosts: Counter[str] = Counter()
        self._database = temporary_database(
            "path (path TEXT PRIMARY KEY)", "host (origin TEXT PRIMARY KEY, number INTEGER)"
        )

    def add(self, path: str) -> bool:
        """Whether this path is new."""
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


def plan(listed: Listed, settings: Settings, show: Show) -> int:
    """Show what a run would do. Returns the exit status; raises `RunError`."""
    out = sys.stdout or io.StringIO()
    sources = listed.sources()
    with Plan(settings) as planned:
        try:
            sink = plan_sink(out, show.format or ("table" if out.isatty() else "tsv"))
            for entry in sources:
                one = planned.of(entry)
                if not show.quiet or show.format:
                    sink.show(one)
            out.flush()
        except BrokenPipeError:
            return ReaderWatch.EXIT_STATUS
        except OSError as error:
            raise StoppedError(f"cannot write the plan: {error.strerror}") from error
        if not show.quiet and sys.stderr:
            for line in _summary(planned, sources.duplicates):
                sys.stderr.write(f"pyfetch: {escaped(line)}\n")
        return int(planned.actions[Action.FAIL] > 0)


def _summary(planned: Plan, duplicates: int) -> list[str]:
    counts = [f"{action} {number}" for action, number in planned.actions.most_common()]
    if planned.renamed:
        counts.append(f"{planned.renamed} beside the name that they want, which is taken")
    if duplicates:
        counts.append(f"{duplicates} duplicates dropped")
    hosts = planned.hosts()
    lines = [f"{number:>7} {origin}" for origin, number in islice(hosts, _HOSTS_SHOWN)]
    more = sum(1 for _ in hosts)
    if more:
        lines.append(f"        and {more} hosts more")
    return [f"plan: {', '.join(counts) or 'nothing to do'}", *lines]
