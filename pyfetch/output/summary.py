"""The summary of a run: counts of its results, in one line."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pyfetch.models import Failure, Outcome, Result
from pyfetch.units import format_seconds, format_size

if TYPE_CHECKING:
    from fractions import Fraction


class Summary:
    """Counts outcomes, failures and fetched bytes."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.failures: Counter[Failure] = Counter()
        self.size = 0
        """Bytes of the bodies that were fetched."""

    def add(self, result: Result) -> None:
        self.outcomes[result.outcome] += 1
        if result.error:
            self.failures[result.error] += 1
        if result.outcome is Outcome.FETCHED:
            self.size += result.size or 0

    @property
    def shown(self) -> int:
        """How many results there were."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        return self.outcomes[Outcome.FAILED]

    def within(self, number: int, fraction: Fraction | int) -> bool:
        """Whether at most this number has failed, or at most this fraction of all."""
        return self.failed <= number or self.failed <= fraction * self.shown

    def sentence(self, seconds: float) -> str:
        """`fetched 98, failed 2 (http 1, timeout 1); 12.3 MB in 3.1 s, 4.0 MB/s`."""
        counts = [
            f"{outcome} {self.outcomes[outcome]}"
            for outcome in Outcome
            if self.outcomes[outcome] or outcome is Outcome.FETCHED
        ]
        if self.failures:
            reasons = (f"{failure} {number}" for failure, number in self.failures.most_common())
            counts[-1] += f" ({', '.join(reasons)})"
        rate = f", {format_size(self.size / seconds)}/s" if self.size and seconds > 0 else ""
        return f"{', '.join(counts)}; {format_size(self.size)} in {format_seconds(seconds)}{rate}"
