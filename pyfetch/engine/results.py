"""Results on their way from the threads of a run to the thread that iterates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pyfetch.engine.mailbox import Mailbox
from pyfetch.models import Result

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
        self._mailbox: Mailbox[Result | _End] = Mailbox()
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
