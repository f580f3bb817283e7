"""How far a run has come: how many URLs are finished, of how many."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pyfetch.activity import Activity
from pyfetch.output.summary import Summary
from pyfetch.transfer import Transfer


class RunProgress(Protocol):
    """What the bars show of a run."""

    @property
    def in_flight(self) -> list[Transfer]: ...
    @property
    def read(self) -> int: ...
    @property
    def input_ended(self) -> bool: ...
    def activity(self) -> Activity: ...


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a run has come."""

    finished: int
    failed: int
    interrupted: int
    total: int
    """How many URLs there are; 0 if nobody knows."""
    is_exact: bool
    """Whether that is more than a guess."""
    elapsed: float
    """Seconds since the run began."""


class RunCounts:
    """How far a run has come, as it is known at this moment."""

    def __init__(
        self, watched: RunProgress, summary: Summary, fraction_read: Callable[[], float | None]
    ) -> None:
        self._watched = watched
        self._summary = summary
        self._fraction_read = fraction_read
        self.began = time.monotonic()

    def now(self, now: float) -> Counts:
        """The counts; `now` is on the monotonic clock."""
        total, is_exact = self._total()
        summary = self._summary
        return Counts(
            finished=summary.finished,
            failed=summary.failed - summary.interrupted,
            interrupted=summary.interrupted,
            total=total,
            is_exact=is_exact,
            elapsed=now - self.began,
        )

    def _total(self) -> tuple[int, bool]:
        """How many entries there are, 0 if nobody knows; and whether that is exact."""
        read = self._watched.read
        if self._watched.input_ended:
            return read, True
        fraction = self._fraction_read()
        return (max(read, round(read / fraction)), False) if fraction and read else (0, False)
