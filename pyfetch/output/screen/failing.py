"""Failures as they happen: a line for each whose row is not to be seen yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from textwrap import wrap

from rich.text import Text

from pyfetch.models import Failure, Result
from pyfetch.output.labels import label_of_url
from pyfetch.output.screen.cells import cut
from pyfetch.output.summary import sentence_about

_PATIENCE = 0.5
"""Seconds for which a failure waits for its row, which tells more."""
_LEAST_NAME = 12
_AT_ONCE = 10
"""Lines that may come in a burst."""
_PER_SECOND = 0.5
"""Lines a second beyond that, so that a list that fails as a whole does not flood the screen."""


class FailingNow:
    """Collects failures; those whose rows come at once need no line of their own.

    `failed` and `shown` are called by the thread of the results, `take` by the one that draws.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[int, tuple[float, Result]] = {}
        """By index: since when each waits for its row; the first one waits longest."""
        self._left_out = 0
        self._allowed = float(_AT_ONCE)
        self._allowed_at = clock()

    def failed(self, result: Result) -> None:
        """A URL has failed."""
        if result.error is not Failure.CANCELLED:
            self._waiting[result.index] = self._clock(), result

    def shown(self, result: Result) -> None:
        """Its row will be printed with the next frame."""
        self._waiting.pop(result.index, None)

    def take(self, width: int) -> list[Text]:
        """The lines to print now, on a terminal that is so wide."""
        now = self._clock()
        self._allowed = min(_AT_ONCE, self._allowed + (now - self._allowed_at) * _PER_SECOND)
        self._allowed_at = now
        lines = []
        for index, (since, result) in list(self._waiting.items()):
            if since + _PATIENCE > now:
                break
            if self._waiting.pop(index, None) is None:
                continue
            if self._allowed < 1:
                self._left_out += 1
                continue
            self._allowed -= 1
            lines.append(_line(result, width))
        if self._left_out and self._allowed >= 1:
            self._allowed -= 1
            lines.append(Text(f"failed: {self._left_out} more", "red"))
            self._left_out = 0
        return lines


def _line(result: Result, width: int) -> Text:
    """One failure; a long one in lines that break between words."""
    begin = f"failed: {result.index} "
    name = cut(label_of_url(result.url), max(_LEAST_NAME, width - len(begin) - 2))
    text = f"{begin}{name}: {sentence_about(result)}"
    pieces = wrap(
        text, width - 1, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return Text("\n".join(pieces), "red")
