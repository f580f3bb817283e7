"""Which name each target gets, and what is known and noted of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Protocol

from pyfetch.fetch import Attempt
from pyfetch.model import IfExists, Known, Settings, Target
from pyfetch.naming import file_name, numbered, tagged
from pyfetch.state import State

COMMIT_EVERY = 0.05
"""Seconds after which what was noted is written at the latest."""


class Ledger(Protocol):
    """What the engine tells of its targets, all in its own thread."""

    def named(self, target: Target) -> Target:
        """The target with a path that is its own; asked for each, in input order."""
        ...

    def starting(self, target: Target) -> Target:
        """The target with what is known of it; asked before each attempt."""
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
        self._claimed = False
        self._due: float | None = None

    def named(self, target: Target) -> Target:
        wanted = path = file_name(target.url)
        for attempt in count():
            if self._claim(path, target):
                break
            path = tagged(wanted, target.identity, attempt)
        if self._policy is IfExists.RENAME:
            taken = path
            for number in count(1):
                if self._is_free(path) and self._claim(path, target):
                    break
                path = numbered(taken, number)
        return replace(target, path=path)

    def starting(self, target: Target) -> Target:
        if target.path is None:
            return target
        if self._claimed:
            # A file may appear only when it is on disk whose it is.
            self.commit()
        known = self._state.known(target.path)
        if not self._lasting:
            known = Known(known.facts, placed_by_us=True)  # the user said so: by time alone
        return replace(target, known=known)

    def finished(self, target: Target, attempt: Attempt) -> None:
        if attempt.facts and target.path is not None:
            self._state.record(target.path, attempt.result.status, attempt.facts)
            self._due = self._due or self._clock() + COMMIT_EVERY

    def commit_due(self) -> float | None:
        return self._due

    def commit(self) -> None:
        self._state.commit()
        self._claimed = False
        self._due = None

    def _claim(self, path: str, target: Target) -> bool:
        is_mine = self._state.claim(path, target.identity, lambda: self._is_free(path))
        self._claimed = self._claimed or self._state.uncommitted
        return is_mine

    def _is_free(self, path: str) -> bool:
        return not os.path.lexists(self._output_dir / path)
