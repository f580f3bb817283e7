"""How far a batch is, for programs: a snapshot, and a thread that shows one now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Self

from pyfetch.output.run_progress import Growth
from pyfetch.run import Run
from pyfetch.system import daemon

EVERY = 0.25
"""Seconds between two calls of `on_progress`."""


class Progress(NamedTuple):
    """How far a batch is at one moment."""

    finished: int
    """URLs that are finished, the failed ones included, whether their results were taken or not."""
    failed: int
    total: int | None
    """How many URLs there are; None while the input goes on."""
    bytes: int
    """That have come over the network, of finished and of running transfers."""
    rate: float
    """Bytes a second, over the last five seconds."""
    in_flight: int
    """Transfers that run now."""


class Watch:
    """Watches a run. `look` may be called by any thread."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        """Held while the rate is computed."""
        self._received = Growth(time.monotonic(), 0)

    def look(self) -> Progress:
        """Return how far the run is now."""
        run = self._run
        counts = run.finished
        received = run.activity().received
        with self._lock:
            self._received.add(time.monotonic(), received)
            rate = self._received.rate()
        return Progress(
            counts.finished,
            counts.failed,
            run.read if run.input_ended else None,
            received,
            rate,
            len(run.in_flight),
        )


class Ticker:
    """Calls a function with the progress of a run, in a thread of its own, while it is entered.

    At the end, the thread that leaves calls it once more. Where the function raises an error, it
    is called no more, and the error is raised at the end.
    """

    def __init__(self, watch: Watch, show: Callable[[Progress], object]) -> None:
        self._watch = watch
        self._show = show
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = daemon(self._tick, "progress")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if kind is None and self._error:
            raise self._error
        if not self._error:
            self._show(self._watch.look())

    def _tick(self) -> None:
        try:
            while not self._ended.wait(EVERY):
                self._show(self._watch.look())
        except BaseException as error:  # raised at the end
            self._error = error
