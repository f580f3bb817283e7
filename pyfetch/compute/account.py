"""What a run that computes has done, and whether fetching or computing held it back."""

from __future__ import annotations

import threading

from pyfetch.compute.pool import Use

_LITTLE = 0.2
"""With less idle time than this, in parts of the whole, processes have had files to go on with."""


class Account:
    """Counts what is computed; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computed = 0
        """Files for which the task was run, whatever came of it."""
        self._known = 0
        """Files for which it was not, as what came of it is remembered."""

    def count(self, *, computed: int = 0, known: int = 0) -> None:
        """Count files that were computed, or for which that was not needed."""
        with self._lock:
            self._computed += computed
            self._known += known

    def summary(self, use: Use) -> str:
        """How many files were computed, in how many processes, why, and what held the run back."""
        known = f" ({self._known} known from before)" if self._known else ""
        if not self._computed:
            return f"computed 0{known}"
        processes = f"{use.most} process{'es' if use.most > 1 else ''} ({use.why})"
        if use.idle < _LITTLE:
            held = f"computing held the run back: processes worked {1 - use.idle:.0%} of the time"
        else:
            held = f"fetching held the run back: processes waited {use.idle:.0%} of the time"
        return f"computed {self._computed}{known} in {processes}; {held}"
