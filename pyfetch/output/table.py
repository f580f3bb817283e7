"""Results, and the entries of a plan, as rows of a table."""

from __future__ import annotations

from collections import deque
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pyfetch.models import Outcome, Result
from pyfetch.output.cells import fitted, shown_url
from pyfetch.output.plan import Action, Planned
from pyfetch.text import escaped
from pyfetch.units import format_seconds, format_size

_STYLES = {
    Outcome.FETCHED: "green",
    Outcome.UNCHANGED: "cyan",
    Outcome.SKIPPED: "cyan",
    Outcome.FAILED: "red",
}
_LEAST = 12


class Table:
    """One row for each result, below a heading that is printed with the first.

    With `batched`, rows wait for `flush`: to print above the bars, these must be redrawn, which
    for each row would take longer than the transfer.
    """

    def __init__(self, console: Console, *, batched: bool = False) -> None:
        self._console = console
        self._batched = batched
        self._rows: deque[Text] = deque()
        self._headed = False

    def show(self, result: Result) -> None:
        if not self._headed:
            self._headed = True
            self._rows.append(self._heading())
        self._rows.append(self._row(result))
        if not self._batched:
            self.flush()

    def flush(self) -> None:
        """Print the waiting rows. May be called from any thread."""
        rows = []
        while self._rows:
            rows.append(self._rows.popleft())
        if rows:
            self._console.print(Text("\n").join(rows), no_wrap=True, crop=False, soft_wrap=True)

    def _widths(self) -> tuple[int, int]:
        """Widths, in cells, of the columns for the URL and for the path."""
        # The last cell of a line stays empty: some terminals wrap after it.
        left = max(self._console.width - 1 - _FIXED, 2 * _LEAST)
        url = left * 11 // 20
        return url, left - url

    def _heading(self) -> Text:
        url, path = self._widths()
        line = _fixed("#", "status", "size", "time", "speed") + " " + fitted("URL", url)
        return Text(line + " " + fitted("saved as", path).rstrip(), style="bold", end="")

    def _row(self, result: Result) -> Text:
        url, path = self._widths()
        size = "-" if result.size is None else format_size(result.size)
        fetched = result.outcome is Outcome.FETCHED
        speed = "-"
        if fetched and result.size and result.elapsed > 0:
            speed = f"{format_size(result.size / result.elapsed)}/s"
        took = format_seconds(result.elapsed) if result.attempts else "-"
        status = str(result.status or "-")
        line = Text(end="")
        line.append(_fixed(str(result.index), status, size, took, speed))
        line.stylize(_STYLES[result.outcome], _NUMBER + 1, _NUMBER + 1 + _STATUS)
        line.append(" " + fitted(shown_url(result.url), url) + " ")
        if result.error:
            # Never shortened, since it says what to do: a long one gets lines of its own.
            reason = escaped(f"{result.error}: {result.detail}")
            if cell_len(reason) > path:
                room = max(self._console.width - 1 - len(_INDENT), _LEAST)
                reason = "".join(f"\n{_INDENT}{piece}" for piece in wrap(reason, room))
            line.append(reason, "red")
        else:
            line.append(*self._ending(result, path))
        return line

    def _ending(self, result: Result, width: int) -> tuple[str, str]:
        where = result.path or "(discarded)"
        if result.outcome is not Outcome.FETCHED:
            where = f"{result.outcome}: {where}"
        return fitted(where, width).rstrip(), "dim" if result.path is None else ""


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
        row = Text(f"{planned.index:>{_NUMBER}} ")
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
