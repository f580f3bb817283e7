"""Progress for programs: a JSON object a line on standard error, each second and at the end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from pyfetch.output.run_progress import Estimator, RunCounts, RunProgress
from pyfetch.output.summary import Summary
from pyfetch.system import daemon

EVERY = 1.0
"""Seconds between two lines."""
_LOOK_EVERY = 0.25
"""Seconds between two looks at what has come."""


class ProgressLines:
    """Writes the lines while it is entered."""

    def __init__(
        self,
        watched: RunProgress,
        counts: RunCounts,
        summary: Summary,
        write: Callable[[str], None],
    ) -> None:
        self._watched = watched
        self._counts = counts
        self._summary = summary
        self._write = write
        self._estimator = Estimator(counts.began)
        self._ended = threading.Event()
        self._ticker = daemon(self._tick, "progress")

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._ticker.join()
        self._write(self._line("end"))

    def _tick(self) -> None:
        due = time.monotonic() + EVERY
        while not self._ended.wait(_LOOK_EVERY):
            line = self._line("progress")
            if time.monotonic() >= due:
                due += EVERY
                self._write(line)

    def _line(self, event: str) -> str:
        now = time.monotonic()
        activity = self._watched.activity()
        running = self._watched.in_flight
        counts = self._counts.now(now)
        self._estimator.observe(now, activity.received, counts.finished, running)
        left = self._estimator.left(counts.total) if counts.total else None
        first, last = activity.retry_in
        values: dict[str, Any] = {
            "event": event,
            "elapsed": round(counts.elapsed, 3),
            "finished": counts.finished,
            "total": counts.total or None,
            "total_is_exact": counts.is_exact,
            "failed": counts.failed,
            "interrupted": counts.interrupted,
            "running": len(running),
            "received": activity.received,
            "rate": round(self._estimator.rate),
            "left": None if left is None else round(left, 1),
            "paused": [
                {
                    "origin": wait.origin,
                    "seconds": round(wait.seconds, 1),
                    "reason": wait.reason or None,
                    "urls": wait.targets,
                }
                for wait in activity.paused
            ],
            "retries": activity.retries,
            "retry_in": [round(first, 1), round(last, 1)] if activity.retries else None,
            "held_back": activity.held_back,
            "processes": activity.processes and activity.processes._asdict(),
        }
        if event == "end":
            values["reasons"] = self._summary.failures.reasons()
            values["outcomes"] = dict(self._summary.outcomes)
            values["changes"] = dict(self._summary.changes)
            values["hosts"] = [host._asdict() for host in self._watched.busy_hosts]
            values["size"] = self._summary.size
            values["parts_kept"] = self._summary.parts_kept
            values["parts_size"] = self._summary.parts_size
        return json.dumps(values)
