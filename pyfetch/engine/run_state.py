"""Whether a run goes on, the first error that it met, and its results."""

from __future__ import annotations

from collections.abc import Callable

from pyfetch.engine.results import ResultQueue
from pyfetch.models import Result


class RunState:
    """What the threads of a run share beside the jobs: plain attributes, so without a lock.

    `wake` wakes the thread of the run; it is called whenever that has to look anew.
    """

    def __init__(self, wake: Callable[[], None], *, fail_fast: bool) -> None:
        self.wake = wake
        self._fail_fast = fail_fast
        self.results = ResultQueue(wake)
        self.stopped = False
        """Whether nothing new may start."""
        self.abandoned = False
        """Whether nobody will read results any more."""
        self.error: BaseException | None = None
        """The error to raise after the results, if any."""

    def stop(self) -> None:
        """Start nothing new; for any thread and signal handlers."""
        self.stopped = True
        self.wake()

    def abandon(self) -> None:
        """Stop at once: nobody reads results any more."""
        self.abandoned = True
        self.stop()

    def fail(self, error: BaseException) -> None:
        """Stop the run because of this error; the first one is what the consumer gets."""
        self.error = self.error or error
        self.stop()

    def deliver(self, result: Result) -> None:
        """Hand a result to the consumer."""
        self.results.put(result)
        if self._fail_fast and result.failed:
            self.stop()
