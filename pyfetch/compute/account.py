"""What a run that computes has done, and whether fetching or computing held it back."""

from __future__ import annotations

import threading
import time

from pyfetch.compute.pool import Use
from pyfetch.compute.process_number import ProcessNumber


class Account:
    """Counts what is computed, and measures how long fetching has waited for that.

    For any thread, but for `refused` and `went_on`: for one at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computed = 0
        """Files for which the task was run, whatever came of it."""
        self._known = 0
        """Files for which it was not, as what came of it is remembered."""
        self._refused_since: float | None = None
        """Since when transfers have been refused because computing lags."""
        self._refused = 0.0
        """Seconds for which they were refused before."""
        self._began = time.monotonic()
        self._seconds = 0.0

    def begin(self) -> None:
        """Note that the run begins."""
        self._began = time.monotonic()

    def end(self) -> None:
        """Note that the run has ended."""
        self.went_on()
        self._seconds = time.monotonic() - self._began

    def count(self, *, computed: int = 0, known: int = 0) -> None:
        """Count files that were computed, or for which that was not needed."""
        with self._lock:
            self._computed += computed
            self._known += known

    def refused(self) -> None:
        """Note that a transfer may not start, as computing lags."""
        if self._refused_since is None:
            self._refused_since = time.monotonic()

    def went_on(self) -> None:
        """Note that computing has gone on, so that transfers may start."""
        if self._refused_since is not None:
            self._refused += time.monotonic() - self._refused_since
            self._refused_since = None

    def summary(self, use: Use, number: ProcessNumber) -> str | None:
        """How many files were computed, in how many processes, why, and what held the run back."""
        if not self._seconds:
            return None
        known = f" ({self._known} known from before)" if self._known else ""
        if not self._computed:
            return f"computed 0{known}"
        processes = f"{use.most} process{'es' if use.most > 1 else ''} ({number.why})"
        waited = self._refused / self._seconds
        if waited >= use.idle:
            held = f"computing held the run back: fetching waited {waited:.0%} of the time"
        else:
            held = f"fetching held the run back: processes waited {use.idle:.0%} of the time"
        return f"computed {self._computed}{known} in {processes}; {held}"
