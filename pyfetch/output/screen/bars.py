"""Lines for the running transfers, for who waits, and for the whole run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from pyfetch.activity import Activity, HostWait, Processes
from pyfetch.output.labels import label_of_url
from pyfetch.output.run_progress import Counts, Estimator, Pace
from pyfetch.output.screen.cells import cut_middle, cut_start, labels, padded, widest, width_of
from pyfetch.transfer import Transfer
from pyfetch.units import format_clock, format_size

_NARROW = 56
"""Columns below which a transfer has its name and its percent, and no more."""
_BARS = 80
"""Columns from which on there is room for a bar and the size beside rate and time."""
_WIDE = 100
_PERCENT = 17
"""Cells of `100 % of 400.0 MB`."""
_RATE, _LEFT = 10, 12
_NARROW_FIGURE = 11
_MEDIUM_FIGURES = 9 + 1 + _RATE + 1 + _LEFT
_LEAST_BAR = 12
_RESUMED = 23
_SPARE = 4
"""Cells at the end of the last line that stay free."""
MOST_WAITS = 4
"""Lines for who waits, at most."""


@dataclass(frozen=True, slots=True)
class BarStyle:
    """How it is drawn."""

    width: int
    """Columns of the screen."""
    height: int
    ascii_only: bool = False
    """Whether the terminal has nothing beyond ASCII."""


def transfer_lines(running: Sequence[Transfer], pace: Estimator, style: BarStyle) -> list[Text]:
    """One line for each of these transfers."""
    targets = [transfer.target for transfer in running]
    if style.width < _BARS:
        wide = style.width >= _NARROW
        names = labels(targets, style.width - 2 - (_MEDIUM_FIGURES if wide else _NARROW_FIGURE))
        narrow = [
            _medium_figures(each, pace.pace(each)) if wide else _narrow_figure(each)
            for each in running
        ]
        return [Text(f"{name} {figure}") for name, figure in zip(names, narrow, strict=True)]
    resumed = style.width >= _WIDE + 2 * _RESUMED and any(each.resumed for each in running)
    figures = _PERCENT + _RATE + _LEFT + 4 + (_RESUMED if resumed else 0)
    left = style.width - 1 - figures
    name_width = max(8, min(widest(targets), left - 1 - _LEAST_BAR, left * 2 // 3))
    lines = []
    for name, each in zip(labels(targets, name_width), running, strict=True):
        line = Text(f"{name} ")
        part = min(1.0, each.received / each.size) if each.size else 0.0
        line.append(bar(part, left - name_width - 1, style))
        line.append(f" {_figures(each, pace.pace(each), resumed=resumed)}")
        lines.append(line)
    return lines


def bar(part: float, width: int, style: BarStyle) -> Text:
    """A bar of `width` cells, of which this part is done."""
    done, missing = ("#", "-") if style.ascii_only else ("━", "─")
    cells = int(part * width)  # rounded down: a bar that is full is done
    text = Text(done * cells, "cyan")
    return text.append(missing * (width - cells), "dim")


def waiting_lines(activity: Activity, style: BarStyle) -> list[Text]:
    """Who waits, and for whom, how many processes fetch, and what is computed."""
    width = style.width - 1
    hosts = [_paused(wait, width) for wait in activity.paused]
    hosts += [f"{_host(wait)} takes {1 / wait.seconds:.2g} requests/s" for wait in activity.slowed]
    urls = [_retries(activity)] if activity.retries else []
    if activity.held_back:
        urls.append(f"{_urls(activity.held_back)} held back by --rate")
    room = MOST_WAITS - len(urls)
    if len(hosts) > room:
        hosts[room - 1 :] = [f"and {len(hosts) - room + 1} more hosts wait"]
    lines = [Text(cut_middle(wait, width), "yellow") for wait in hosts + urls]
    if activity.processes and activity.processes.number:
        lines.append(Text(cut_middle(_processes(activity.processes), width), "dim"))
    if activity.computing or activity.to_compute:
        lines.append(Text(cut_middle(_computing(activity), width), "magenta"))
    return lines


def whole_line(counts: Counts, estimator: Estimator, style: BarStyle) -> Text:
    """One line for the whole run: what is finished, how fast, and for how long still."""
    figures = _whole_figures(counts, estimator, style)
    width = style.width - _SPARE - figures.cell_len
    if width < _LEAST_BAR:
        figures.truncate(style.width - 1, overflow="ellipsis")
        return figures
    line = bar(estimator.fraction(counts.total), width, style)
    return line.append(" ").append(figures)


def _whole_figures(counts: Counts, estimator: Estimator, style: BarStyle) -> Text:
    total = f"/{'' if counts.is_exact else '~'}{counts.total}" if counts.total else " finished"
    parts = [Text(f"{counts.finished}{total}")]
    if counts.failed:
        parts.append(Text(f"{counts.failed} failed", "red"))
    if counts.interrupted:
        parts.append(Text(f"{counts.interrupted} interrupted", "yellow"))
    parts.append(Text(f"{format_size(estimator.rate)}/s"))
    left = estimator.left(counts.total) if counts.total else None
    if left is None or style.width >= _WIDE:
        parts.append(Text(f"{format_clock(counts.elapsed)} elapsed"))
    if left is not None:
        parts.append(Text(f"{format_clock(max(1, left))} left"))
    figures = Text(", ").join(parts)
    figures.stylize("bold")
    return figures


def _narrow_figure(transfer: Transfer) -> str:
    figure = f"{transfer.phase}…" if not transfer.received else _progress(transfer)
    return f"{figure:>{_NARROW_FIGURE}}"


def _medium_figures(transfer: Transfer, pace: Pace) -> str:
    if not transfer.received:
        return f"{transfer.phase}…"
    if transfer.resumed and pace.rate is None:
        return f"{_progress(transfer):>9} resumed at {format_size(transfer.resumed)}"
    return f"{_progress(transfer):>9} {_speed(pace)}".rstrip()


def _progress(transfer: Transfer) -> str:
    """Percent, or bytes where the size is not known."""
    return f"{_percent(transfer)} %" if transfer.size else format_size(transfer.received)


def _speed(pace: Pace) -> str:
    """Rate and time left, in columns."""
    rate = "" if pace.rate is None else f"{format_size(pace.rate)}/s"
    left = "" if pace.left is None else f"{format_clock(max(1, pace.left))} left"
    return f"{rate:>{_RATE}} {padded(left, _LEFT)}"


def _figures(transfer: Transfer, pace: Pace, *, resumed: bool) -> str:
    """Percent and size, rate, and time left; or what it waits for."""
    since = f"resumed at {format_size(transfer.resumed)}" if transfer.resumed else ""
    behind = f" {since:<{_RESUMED - 1}}" if resumed else ""
    if not transfer.received:
        return f"{transfer.phase + '…':<{_PERCENT}}"
    size = format_size(transfer.received)
    if transfer.size:
        size = f"{_percent(transfer):>3} % of {format_size(transfer.size):>8}"
    if since and pace.rate is None and not resumed:
        return f"{size:>{_PERCENT}}  {since}"
    return f"{size:>{_PERCENT}} {_speed(pace)}{behind}".rstrip()


def _percent(transfer: Transfer) -> int:
    """In percent, rounded down: 100 is whole."""
    return min(100, transfer.received * 100 // transfer.size) if transfer.size else 0


def _paused(wait: HostWait, width: int) -> str:
    """The host, for how long, why, and who waits: from the end on, what there is room for."""
    why = f" ({wait.reason})" if wait.reason else ""
    pause = f" paused {format_clock(max(1, wait.seconds))}{why}"
    text = f"{_host(wait)}{pause}, {_wait(wait.targets)}"
    if width_of(text) <= width:
        return text
    return cut_start(_host(wait), max(1, width - len(pause))) + pause


def _processes(processes: Processes) -> str:
    """`12 processes, 2 starting, 3 idle`."""
    counts = ((processes.starting, "starting"), (processes.idle, "idle"))
    more = "".join(f", {number} {state}" for number, state in counts if number)
    return f"{processes.number} {'process' if processes.number == 1 else 'processes'}{more}"


def _computing(activity: Activity) -> str:
    number = activity.computing
    files = "file" if number == 1 else "files"
    behind = f", {activity.to_compute} more fetched" if activity.to_compute else ""
    return f"computing {number} {files}{behind}"


def _retries(activity: Activity) -> str:
    first, last = (format_clock(max(1, seconds)) for seconds in activity.retry_in)
    when = first if first == last else f"{first} to {last}"
    tries = "tries" if activity.retries == 1 else "try"
    return f"{_urls(activity.retries)} {tries} again in {when}"


def _host(wait: HostWait) -> str:
    return label_of_url(wait.origin)


def _urls(number: int) -> str:
    return f"{number} URL" if number == 1 else f"{number} URLs"


def _wait(number: int) -> str:
    return f"{_urls(number)} {'waits' if number == 1 else 'wait'}"
