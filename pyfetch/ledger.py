"""Which name each target gets, and what is known and noted of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Protocol

from pyfetch.fetch import Attempt
from pyfetch.model import Known, Target
from pyfetch.naming import PathComponent, file_name, numbered, tagged
from pyfetch.settings import IfExists, Settings
from pyfetch.state import State

COMMIT_EVERY = 0.05
"""Seconds after which what was noted is written at the latest."""


class Ledger(Protocol):
    """What the engine tells of its targets, all in its own thread."""

    def named(self, target: Target) -> Target:
        """The target with a path that is its own; asked for each, in input order."""
        ...

    def starting(self, target: Target) -> Target:
        """The target with what is known of it now; asked before each attempt."""
        ...

    def finished(self, target: Target, attempt: Attempt) -> None:
        """Told once, when a target is done."""
        ...

    def commit_due(self) -> float | None:
        """When `commit` is due, on the engine's clock; None if there is nothing to write."""
        ...

    def commit(self) -> None:
        """Write what was noted."""
        ...


class NoLedger:
    """For a run that keeps no files."""

    def named(self, target: Target) -> Target:
        return target

    def starting(self, target: Target) -> Target:
        return target

    def finished(self, target: Target, attempt: Attempt) -> None:
        pass

    def commit_due(self) -> float | None:
        return None

    def commit(self) -> None:
        pass


class FileLedger:
    """For a run that keeps files. `lasting`: whether the state outlives the run."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        *,
        lasting: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output_dir = Path(settings.output_dir)
        self._policy = settings.if_exists
        self._state = state
        self._lasting = lasting
        self._clock = clock
        self._open: dict[str, int] = {}  # path → targets that are named and not finished
        self._noted: set[str] = set()  # of these, what was noted since they were named
        self._claimed = False
        self._due: float | None = None

    def named(self, target: Target) -> Target:
        wanted = file_name(target.url)
        tags = (tagged(wanted, target.identity, attempt) for attempt in count())
        path, known = self._first_own(target, chain([wanted], tags))
        if self._policy is IfExists.RENAME:
            numbers = (numbered(path, number) for number in count(1))
            free = (name for name in chain([path], numbers) if self._is_free(name))
            path, known = self._first_own(target, (n for n in free if n not in self._open))
        self._open[path] = self._open.get(path, 0) + 1
        return replace(target, path=path, known=known)

    def _first_own(
        self, target: Target, names: Iterable[PathComponent]
    ) -> tuple[PathComponent, Known]:
        """The first of endless names that is no other URL's, and what is known of it."""
        return next(
            (name, known) for name in names if (known := self._claim(name, target)) is not None
        )

    def starting(self, target: Target) -> Target:
        if target.path is None:
            return target
        if self._claimed:
            # A file may appear only when it is on disk whose it is.
            self.commit()
        if target.path in self._noted:  # by the same URL, earlier in this list
            known = self._claim(target.path, target)
            return replace(target, known=known or Known())
        return target

    def finished(self, target: Target, attempt: Attempt) -> None:
        path = target.path
        if path is None:
            return
        self._open[path] -= 1
        if not self._open[path]:
            del self._open[path]
            self._noted.discard(path)
        if attempt.facts:
            self._state.record(path, attempt.result.status, attempt.facts)
            if path in self._open:
                self._noted.add(path)
        elif attempt.result.failed and target.known.facts is None:
            self._state.ended_without_a_file(path)
        else:
            return
        self._due = self._due or self._clock() + COMMIT_EVERY

    def commit_due(self) -> float | None:
        return self._due

    def commit(self) -> None:
        self._state.commit()
        self._claimed = False
        self._due = None

    def _claim(self, path: str, target: Target) -> Known | None:
        known = self._state.claim(path, target.identity, lambda: self._is_free(path))
        self._claimed = self._claimed or self._state.uncommitted
        if known is not None and not self._lasting:
            return Known(known.facts, placed_by_us=True)  # the user said so: by time alone
        return known

    def _is_free(self, path: str) -> bool:
        return not os.path.lexists(self._output_dir / path)
