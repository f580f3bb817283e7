"""One run, wired together: entries → names → engine → results in order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

from pyfetch.engine import Engine
from pyfetch.fetch import Fetch
from pyfetch.model import Entry, IfExists, Result, Settings, Target
from pyfetch.naming import file_name, numbered, tagged
from pyfetch.part import prepare, tidy
from pyfetch.retry import RetryPolicy
from pyfetch.state import Names
from pyfetch.transfer import Transfer
from pyfetch.window import Window, as_finished, in_order


class Batch:
    """A run over one input. `results` may be iterated once, by one thread."""

    def __init__(self, settings: Settings, *, ordered: bool = True) -> None:
        self._settings = settings
        self._put_in_order = in_order if ordered else as_finished
        self._window = Window()
        self._executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="pyfetch")
        self._names: Names | None = None
        self._engine = Engine(
            Fetch(settings),
            self._executor,
            workers=settings.workers,
            window=self._window,
            retry=RetryPolicy(settings.retries, settings.retry_wait),
            named=self._named,
            max_time=settings.max_time,
        )

    def results(self, entries: Iterable[Entry]) -> Iterator[Result]:
        """What becomes of each entry, as soon as it is known and its turn has come.

        Raises a `RunError` if the run cannot start or go on, after the results there are.
        """
        if self._settings.discard:
            yield from self._run(entries)
            return
        output_dir = Path(self._settings.output_dir)
        prepare(output_dir)
        with closing(Names()) as self._names:
            yield from self._run(entries)
        tidy(output_dir)

    def stop(self) -> None:
        """End the run soon, from any thread or a signal handler; `results` ends with what is."""
        self._engine.stop()

    @property
    def stopped(self) -> bool:
        return self._engine.stopped

    @property
    def in_flight(self) -> list[Transfer]:
        """What is running now; for any thread."""
        return self._engine.in_flight

    @property
    def read(self) -> int:
        """Entries that were read so far; the number of all once `input_ended`."""
        return self._engine.read

    @property
    def input_ended(self) -> bool:
        return self._engine.input_ended

    def _run(self, entries: Iterable[Entry]) -> Iterator[Result]:
        with closing(self._engine.run(entries)) as finished:
            try:
                yield from self._put_in_order(finished, self._window.shown)
            finally:
                # What still runs was told to stop, and ends by itself.
                self._executor.shutdown(wait=False, cancel_futures=True)

    def _named(self, target: Target) -> Target:
        """The target with the path that is its own: no other URL of the run has it."""
        if self._names is None:
            return target
        wanted = path = file_name(target.url)
        for attempt in count():
            if self._names.claim(path, target.url):
                break
            path = tagged(wanted, target.url, attempt)
        if self._settings.if_exists is IfExists.RENAME:
            taken = path
            for number in count(1):
                if not os.path.lexists(Path(self._settings.output_dir, path)):
                    break
                path = numbered(taken, number)
        return replace(target, path=path)
