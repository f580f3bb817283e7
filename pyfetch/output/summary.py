"""The summary of a run: what became of how many URLs, counted as they finish."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pyfetch.models import Change, Failure, Outcome, Result
from pyfetch.output.failures import Failures
from pyfetch.units import format_seconds, format_size

if TYPE_CHECKING:
    from fractions import Fraction

_CHANGES = {Change.NEW: "new", Change.CHANGED: "changed", Change.SAME: "the same as before"}


class Summary:
    """Counts outcomes, failures, bytes and parts. One thread adds, any may read."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.changes: Counter[Change] = Counter()
        self.failures = Failures()
        self.interrupted = 0
        """URLs that were in progress when the run was stopped."""
        self.size = 0
        """Bytes of the bodies that were fetched, with what an earlier run had left of them."""
        self.resumed = 0
        """How many of these bytes an earlier run had left."""
        self.parts_kept = 0
        self.parts_size = 0
        """Bytes of the parts that are kept, to go on from."""

    def add(self, result: Result) -> None:
        """Count one result."""
        outcome = result.outcome
        self.outcomes[outcome] += 1
        if outcome is Outcome.FETCHED:
            self.size += result.size or 0
            self.resumed += result.resumed
            if result.change:
                self.changes[result.change] += 1
        elif outcome is Outcome.FAILED:
            self._add_failure(result)
        self.failures.saw(result)

    def _add_failure(self, result: Result) -> None:
        if result.kept:
            self.parts_kept += 1
            self.parts_size += result.kept
        if result.error is Failure.CANCELLED:
            self.interrupted += 1
        else:
            self.failures.add(result)

    @property
    def finished(self) -> int:
        """How many results there were."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        """How many URLs did not come, those that were interrupted included."""
        return self.outcomes[Outcome.FAILED]

    def within(self, number: int, fraction: Fraction | int) -> bool:
        """Whether at most this number has failed, or at most this fraction of all."""
        return self.failed <= number or self.failed <= fraction * self.finished

    def sentence(self, seconds: float, not_begun: int = 0) -> str:
        """`fetched 98, failed 2 (404 ×1, timeout ×1); 12.3 MB in 3.1 s, 4.0 MB/s`.

        `not_begun`: how many URLs of the list have no result.
        """
        outcomes = self.outcomes
        counts = [f"fetched {outcomes[Outcome.FETCHED]}{self._changes()}"]
        counts += [
            f"{outcome} {outcomes[outcome]}"
            for outcome in (Outcome.UNCHANGED, Outcome.SKIPPED)
            if outcomes[outcome]
        ]
        if self.failures.number:
            counts.append(f"failed {self.failures.number} ({self.failures.by_reason()})")
        if self.interrupted:
            counts.append(f"interrupted {self.interrupted}")
        if not_begun:
            counts.append(f"not begun {not_begun}")
        came = self.size - self.resumed
        resumed = f" ({format_size(self.resumed)} of them from before)" if self.resumed else ""
        rate = f", {format_size(came / seconds)}/s" if came > 0 and seconds > 0 else ""
        return (
            f"{', '.join(counts)}; {format_size(self.size)}{resumed}"
            f" in {format_seconds(seconds)}{rate}"
        )

    def kept(self) -> str:
        """What is kept of what did not come, as a clause; empty if nothing is."""
        if not self.parts_kept:
            return ""
        parts = "1 part" if self.parts_kept == 1 else f"{self.parts_kept} parts"
        return f"{parts} kept, {format_size(self.parts_size)}: run the same command again"

    def _changes(self) -> str:
        """How many of the fetched files are new: said where files had been there before."""
        outcomes, changes = self.outcomes, self.changes
        old = outcomes[Outcome.UNCHANGED] + outcomes[Outcome.SKIPPED]
        if not (changes[Change.CHANGED] or changes[Change.SAME] or (old and changes)):
            return ""
        said = [f"{changes[one]} {_CHANGES[one]}" for one in Change if changes[one]]
        return f" ({', '.join(said)})"
