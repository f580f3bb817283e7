"""What a run hands to the thread that iterates it: its results, in order or not, and its error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pyfetch.engine.mailbox import Mailbox
from pyfetch.models import Result

_ENOUGH = 64
"""Results for which the consumer is woken at once, while many come."""
CAPACITY = 1024
"""Results that may wait for the consumer before no new attempt is started."""


class _End(NamedTuple):
    """There are no more results."""

    error: BaseException | None


class ResultQueue:
    """`put`, `end` and `is_full` are for any thread; one thread iterates, and may be slow.

    `put` never blocks: attempts that are in flight can always end. But no new ones may be
    started while the queue `is_full`.
    """

    def __init__(self, has_room: Callable[[], None]) -> None:
        # Nobody waits for the consumer, unless the queue gets full.
        self._mailbox: Mailbox[Result | _End] = Mailbox(enough=_ENOUGH)
        self._has_room = has_room
        """Called by the consumer when somebody has met a full queue and it is one no more."""
        self._put = self._consumed = 0
        self._met_full = False

    def put(self, result: Result) -> None:
        """Add a result. Callers must take turns: only one at a time."""
        self._put += 1
        self._mailbox.put(result)

    def end(self, error: BaseException | None) -> None:
        """Let the iteration end after the results that there are, with this error."""
        self._mailbox.put(_End(error))

    def is_full(self) -> bool:
        """Whether so many results wait that no new attempt may start.

        If so, `has_room` will be called later.
        """
        if self._put - self._consumed < CAPACITY:
            return False
        self._met_full = True
        # The consumer may have come past its own check between the two lines above.
        return self._put - self._consumed >= CAPACITY

    def take_all(self, pausing: Callable[[], None]) -> Iterator[Result]:
        """Yield all results. Raises the error that the run ended with.

        `pausing` is called each time before more results are waited for.
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


def in_order(results: Iterable[Result], shown: Callable[[Result], None]) -> Iterator[Result]:
    """Yield results in input order, each as soon as all before it have come.

    `shown` is called when the consumer comes back after a result. If `results` ends early
    or raises an error, the results that have come are yielded, with gaps, before that.
    """
    held: dict[int, Result] = {}
    due = 1
    error = None
    try:
        for result in results:
            held[result.index] = result
            while due in held:
                shown_now = held.pop(due)
                yield shown_now
                shown(shown_now)
                due += 1
    except Exception as caught:  # raised after the results that have come
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
