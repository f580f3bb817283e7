"""Results and the error of a run, on their way to the thread that iterates them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pyfetch.engine.mailbox import Mailbox
from pyfetch.models import Result
from pyfetch.value import Value

_ENOUGH = 64
"""Results for which the consumer is woken at once, while many come."""
CAPACITY = 1024
"""Back-pressure: while this many results wait for the consumer, no new attempt is started."""


class _End(Value):
    """There are no more results."""

    error: BaseException | None


class ResultQueue:
    """Results for the consumer. One thread iterates them; the other methods are for any thread.

    `put` never blocks, so attempts in flight can always end. But no new attempt may be started
    while the queue `is_full`.
    """

    def __init__(self, has_room: Callable[[], None]) -> None:
        # Nobody waits for the consumer, unless the queue gets full.
        self._mailbox: Mailbox[Result | _End] = Mailbox(enough=_ENOUGH)
        self._has_room = has_room
        """Called by the consumer when the queue was found full and is no longer."""
        self._put = self._consumed = 0
        self._met_full = False

    def put(self, result: Result) -> None:
        """Add a result. Callers must take turns: only one at a time."""
        self._put += 1
        self._mailbox.put(result)

    def end(self, error: BaseException | None) -> None:
        """End the iteration, after the results so far, with this error if there is one."""
        self._mailbox.put(_End(error))

    def is_full(self) -> bool:
        """Whether no new attempt may start because too many results wait.

        If so, `has_room` will be called later.
        """
        if self._put - self._consumed < CAPACITY:
            return False
        self._met_full = True
        # The consumer may have made its own check between the two lines above.
        return self._put - self._consumed >= CAPACITY

    def take_all(self, pausing: Callable[[], None]) -> Iterator[Result]:
        """Yield all results. Raises the error that the run ended with.

        `pausing` is called each time before this waits for more results.
        """
        while True:
            pausing()
            for item in self._mailbox.take(None):
                if isinstance(item, _End):
                    if item.error:
                        raise item.error
                    return
                yield item
                self._consumed += 1
                if self._met_full and self._put - self._consumed <= CAPACITY // 2:
                    self._met_full = False
                    self._has_room()


class RunState:
    """Whether a run goes on, its first error, and its results. For any thread, without a lock.

    `wake` wakes the thread of the run.
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
        self.finished = self.failed = 0
        """URLs that are finished, and how many of these failed; callers take turns."""

    def stop(self) -> None:
        """Let nothing new start; for any thread and for signal handlers."""
        self.stopped = True
        self.wake()

    def abandon(self) -> None:
        """Stop at once: nobody reads results any more."""
        self.abandoned = True
        self.stop()

    def fail(self, error: BaseException) -> None:
        """Stop the run because of this error; the consumer gets the first one."""
        self.error = self.error or error
        self.stop()

    def deliver(self, result: Result) -> None:
        """Give a result to the consumer."""
        self.results.put(result)
        self.finished += 1
        if result.failed:
            self.failed += 1
            if self._fail_fast:
                self.stop()


def in_order(results: Iterable[Result], shown: Callable[[Result], None]) -> Iterator[Result]:
    """Yield results in input order, each as soon as all results before it have been yielded.

    `shown` is called when the consumer asks for the next result. If `results` ends early or raises
    an error, the results that are left are yielded first, in order and with gaps.
    """
    held: dict[int, Result] = {}
    due = 1
    error = None
    try:
        for result in results:
            if result.index == due:
                yield result
                shown(result)
                due += 1
            else:
                held[result.index] = result
            while due in held:
                shown_now = held.pop(due)
                yield shown_now
                shown(shown_now)
                due += 1
    except Exception as caught:  # raised after the results that are left
        error = caught
    for index in sorted(held):
        yield held[index]
        shown(held.pop(index))
    if error:
        raise error


def as_finished(results: Iterable[Result], shown: Callable[[Result], None]) -> Iterator[Result]:
    """Yield results in completion order. `shown` is as for `in_order`."""
    for result in results:
        yield result
        shown(result)
