"""Failures as they happen: a line for each whose row is not to be seen yet."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.text import Text

from pyfetch.models import Failure, Result
from pyfetch.output.failures import sentence_about
from pyfetch.output.labels import label_of_url

_AT_ONCE = 10
"""Lines that may come in a burst."""
_PER_SECOND = 0.5
"""Lines a second beyond that, so that a list that fails as a whole does not flood the screen."""


class FailingNow:
    """Collects failures; those whose rows come within the same frame need no line of their own.

    `failed` and `shown` are called by the thread of the results, `take` by the one that draws.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[int, Result] = {}
        self._left_out = 0
        self._allowed = float(_AT_ONCE)
        self._allowed_at = clock()

    def failed(self, result: Result) -> None:
        """A URL has failed."""
        if result.error is not Failure.CANCELLED:
            self._waiting[result.index] = result

    def shown(self, result: Result) -> None:
        """Its row will be printed with the next frame."""
        self._waiting.pop(result.index, None)

    def take(self) -> list[Text]:
        """The lines to print now."""
        now = self._clock()
        self._allowed = min(_AT_ONCE, self._allowed + (now - self._allowed_at) * _PER_SECOND)
        self._allowed_at = now
        lines = []
        for index in list(self._waiting):
            result = self._waiting.pop(index, None)
            if result is None:
                continue
            if self._allowed < 1:
                self._left_out += 1
                continue
            self._allowed -= 1
            lines.append(failure_line(result))
        if self._left_out and self._allowed >= 1:
            self._allowed -= 1
            lines.append(Text(f"failed: {self._left_out} more", "red"))
            self._left_out = 0
        return lines


def failure_line(result: Result) -> Text:
    """One failure, as a line."""
    text = f"failed: {result.index} {label_of_url(result.url)}: {sentence_about(result)}"
    return Text(text, "red")
