"""Results, and the entries of a plan, as rows of a table."""

from __future__ import annotations

from collections import deque
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pyfetch.models import Change, Failure, Outcome, Result
from pyfetch.output.labels import label_of_url, shown_url
from pyfetch.output.plan import Action, Planned
from pyfetch.output.result_lines import value_text
from pyfetch.output.screen.cells import cut, cut_end, fitted, padded, width_of
from pyfetch.output.summary import reason_of
from pyfetch.text import escaped
from pyfetch.units import format_seconds, format_size
from pyfetch.urls import is_url

_STYLES = {
    Outcome.FETCHED: "green",
    Outcome.UNCHANGED: "cyan",
    Outcome.SKIPPED: "cyan",
    Outcome.FAILED: "red",
}
_LEAST = 12
_NARROW = 60
"""Columns below which a row has no times, and the name alone."""
_NARROW_WITH_VALUES = 80
"""The same where there are values, which a narrow row has in place of the name."""


class Table:
    """One row for each result, below a heading that is printed with the first.

    With `batched`, rows wait for `take`: to print above the bars, these must be redrawn, which
    for each row would take longer than the transfer. With `links`, paths are links; with
    `values`, there is a column for what a function has returned. `gone` stands for a path that
    there is not.
    """

    def __init__(
        self,
        console: Console,
        *,
        batched: bool = False,
        links: bool = False,
        values: bool = False,
        gone: str = "(discarded)",
    ) -> None:
        self._console = console
        self._batched = batched
        self._links = links
        self._values = values
        self._gone = gone
        self._results: deque[Result] = deque()
        self._headed = False
        self._width = console.width

    def show(self, result: Result) -> None:
        self._results.append(result)
        if self._batched:
            return
        rows = self.take()
        self._console.print(Text("\n").join(rows), no_wrap=True, crop=False, soft_wrap=True)

    def take(self) -> list[Text]:
        """The rows to print now. May be called from any thread."""
        rows = []
        self._width = self._console.width
        if self._results and not self._headed:
            self._headed = True
            rows.append(self._heading())
        while self._results:
            rows.append(self._row(self._results.popleft()))
        return rows

    @property
    def _is_narrow(self) -> bool:
        return self._width < (_NARROW_WITH_VALUES if self._values else _NARROW)

    def _widths(self) -> tuple[int, int, int]:
        """Widths, in cells, of the columns for the URL, the path and the value."""
        # The last cell of a line stays empty: some terminals wrap after it.
        left = self._width - 1 - _FIXED
        value = max((left - 1) // 3, _LEAST) if self._values else 0
        left = max(left - value - self._values, 2 * _LEAST)
        url = left * (10 if self._values else 11) // 20
        return url, left - url, value

    def _heading(self) -> Text:
        if self._is_narrow:
            line = f"{'#':>{_NUMBER}} {'status':>{_STATUS}} {'size':>{_SIZE}} "
            line += "value" if self._values else "saved as"
            return Text(line, style="bold", end="")
        url, path, _ = self._widths()
        line = _fixed("#", "status", "size", "time", "speed") + " " + fitted("URL", url)
        line += " " + fitted("saved as", path) + " value" * self._values
        return Text(line.rstrip(), style="bold", end="")

    def _row(self, result: Result) -> Text:
        if self._is_narrow:
            return self._narrow_row(result)
        url, path, value = self._widths()
        size = "-" if result.size is None else format_size(result.size)
        speed = "-"
        came = result.received
        if result.outcome is Outcome.FETCHED and came > 0 and result.elapsed > 0:
            speed = f"{format_size(came / result.elapsed)}/s"
        took = format_seconds(result.elapsed) if result.attempts else "-"
        status = str(result.status or "-")
        line = Text(end="")
        line.append(_fixed(str(result.index), status, size, took, speed))
        line.stylize(_style(result), _NUMBER + 1, _NUMBER + 1 + _STATUS)
        line.append(" " + _url_cell(result.url, url) + " ")
        if result.error:
            # Never shortened, since it says what to do: a long one gets lines of its own.
            reason = reason_of(result)
            if cell_len(reason) > path + value:
                reason = "".join(f"\n{_INDENT}{piece}" for piece in self._wrapped(reason))
            line.append(reason, _style(result))
        else:
            ending = self._ending(result, path)
            line.append(ending)
            if self._values:
                line.append(" " * (path - ending.cell_len + 1) + self._value(result, value))
        return line

    def _narrow_row(self, result: Result) -> Text:
        """Number, status, size and name; a reason stands below."""
        size = "-" if result.size is None else format_size(result.size)
        line = Text(end="")
        line.append(f"{result.index:>{_NUMBER}} {result.status or '-':>{_STATUS}} {size:>{_SIZE}} ")
        line.stylize(_style(result), _NUMBER + 1, _NUMBER + 1 + _STATUS)
        width = max(_LEAST, self._width - 1 - len(line))
        if not result.error:
            if self._values:
                return line.append(self._value(result, width))
            return line.append(self._ending(result, width))
        line.append(cut(label_of_url(result.url), width))
        reason = reason_of(result)
        pieces = "".join(f"\n{_INDENT}{piece}" for piece in self._wrapped(reason))
        return line.append(pieces, _style(result))

    def _value(self, result: Result, width: int) -> str:
        return cut_end(escaped(value_text(result)), width)

    def _wrapped(self, reason: str) -> list[str]:
        room = max(self._width - 1 - len(_INDENT), _LEAST)
        return wrap(reason, room, break_long_words=False, break_on_hyphens=False)

    def _ending(self, result: Result, width: int) -> Text:
        """Where the file is, and what has become of it if it is not simply new."""
        where = result.file or self._gone
        word = ""
        if result.outcome is not Outcome.FETCHED:
            word = f"{result.outcome}: "
        elif result.change is Change.CHANGED:
            word = "changed: "
        style = "dim" if result.file is None else ""
        if self._links and result.path and not is_url(result.file or ""):
            style = f"link {result.path.absolute().as_uri()}"
        path = cut(escaped(where), max(_LEAST, width - len(word)))
        return Text(word).append(path, style)


def _style(result: Result) -> str:
    """The colour of a result: red is for failures alone."""
    return "yellow" if result.error is Failure.CANCELLED else _STYLES[result.outcome]


def _url_cell(url: str, width: int) -> str:
    """A URL as it stands in the list, or what it is called where that is too long."""
    text = escaped(shown_url(url))
    return padded(text if width_of(text) <= width else cut(label_of_url(url), width), width)


class PlanRows:
    """One row for each entry of a plan, below a heading that is printed with the first."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._headed = False

    def show(self, planned: Planned) -> None:
        left = max(self._console.width - 1 - _NUMBER - _ACTION - 3, 2 * _LEAST)
        url = left * 11 // 20
        if not self._headed:
            self._headed = True
            heading = f"{'#':>{_NUMBER}} {'action':<{_ACTION}} {fitted('URL', url)} goes to"
            self._print(Text(heading, style="bold"))
        row = Text(f"{planned.index or '-':>{_NUMBER}} ")
        row.append(f"{planned.action:<{_ACTION}}", _ACTION_STYLES.get(planned.action, ""))
        row.append(f" {fitted(shown_url(planned.url), url)} ")
        if planned.error:
            row.append(escaped(f"{planned.error}: {planned.detail}"), "red")
        else:
            row.append(fitted(planned.path or "(discarded)", left - url).rstrip())
            if planned.instead_of:
                row.append(f"\n{_INDENT}{escaped(planned.instead_of)} is another URL's", "yellow")
        self._print(row)

    def _print(self, row: Text) -> None:
        self._console.print(row, no_wrap=True, crop=False, soft_wrap=True)


_ACTION = 7
_ACTION_STYLES = {Action.FETCH: "green", Action.REPLACE: "green", Action.FAIL: "red"}
_INDENT = " " * 6
_NUMBER, _STATUS, _SIZE, _TIME, _SPEED = 5, 6, 8, 7, 10
_FIXED = _NUMBER + _STATUS + _SIZE + _TIME + _SPEED + 6


def _fixed(number: str, status: str, size: str, time: str, speed: str) -> str:
    return (
        f"{number:>{_NUMBER}} {status:>{_STATUS}} {size:>{_SIZE}} {time:>{_TIME}} {speed:>{_SPEED}}"
    )
