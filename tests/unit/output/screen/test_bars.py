"""What stands below the rows, at three widths."""

from __future__ import annotations

import pytest

from pyfetch.activity import IDLE, Activity, HostWait, Processes
from pyfetch.output.run_progress import Counts, Estimator
from pyfetch.output.screen.bars import BarStyle, transfer_lines, waiting_lines, whole_line
from pyfetch.timing import Phase
from pyfetch.transfer import Transfer
from tests.support.cases import cases
from tests.support.transfers import transfer

MB = 1_000_000
WIDTHS = pytest.mark.parametrize("width", [40, 56, 79, 80, 100, 200])


def look(width: int) -> BarStyle:
    return BarStyle(width, 24)


def watched(one: Transfer, rate: int, finished: int = 0) -> Estimator:
    """An estimator that has seen this transfer for two seconds, the last bytes being there."""
    estimator = Estimator(0.0)
    received = one.received
    for second in (0, 1, 2):
        one.received = received - rate * (2 - second)
        estimator.observe(second, rate * second, finished, [one])
    return estimator


def counts(**changed: int) -> Counts:
    values = {"finished": 37, "failed": 0, "interrupted": 0, "total": 40} | changed
    return Counts(**values, is_exact=True, elapsed=12.0)


def line_of(one: Transfer, estimator: Estimator, width: int) -> str:
    (line,) = transfer_lines([one], estimator, look(width))
    assert line.cell_len < width
    return line.plain


@WIDTHS
def test_a_large_file_shows_its_name_percent_rate_and_time_left(width: int) -> None:
    """At 40 columns name and percent: rate and time left of one file are those of the run."""
    large = transfer("https://example.org/images/debian-12.iso", 100 * MB, 400 * MB)
    estimator = watched(large, 3 * MB)
    line = line_of(large, estimator, width)
    assert "debian-12.iso" in line
    assert " 25 %" in line
    if width >= 56:
        assert line.endswith("3.0 MB/s 1:40 left")
    whole = whole_line(counts(finished=0, total=1), estimator, look(width)).plain
    assert "0/1" in whole
    assert whole.endswith("3.0 MB/s, 1:40 left" if width < 100 else "12 s elapsed, 1:40 left")


@cases(("width", "least"), [(80, 20), (200, 110)])
def test_a_bar_uses_the_width_there_is(width: int, least: int) -> None:
    half = transfer("http://h/short", 50, 100)
    line = line_of(half, watched(half, 10), width)
    done, missing = line.count("━"), line.count("─")
    assert done + missing >= least
    assert abs(done - missing) <= 1


@WIDTHS
def test_a_part_that_goes_on_says_where_it_began(width: int) -> None:
    """First in place of the rate, which is not known yet; on a wide screen beside it."""
    part = transfer("http://h/x.iso", 212 * MB, 400 * MB, resumed=211 * MB)
    line = line_of(part, Estimator(0.0), width)
    if width >= 56:
        assert "resumed at 211.0 MB" in line
    if width == 200:
        assert "resumed at 211.0 MB" in line_of(part, watched(part, MB), width)


@WIDTHS
def test_what_has_brought_nothing_says_what_it_waits_for(width: int) -> None:
    for phase in Phase:
        waiting = transfer("http://h/x", 0, None)
        waiting.enter(phase)
        assert f"{phase}…" in line_of(waiting, Estimator(0.0), width)


@WIDTHS
def test_without_a_length_the_bytes_that_came_are_shown(width: int) -> None:
    unknown = transfer("http://h/x", 3_000_000, None)
    assert "3.0 MB" in line_of(unknown, watched(unknown, 1000), width)


@WIDTHS
def test_failures_alone_are_red(width: int) -> None:
    half = transfer("http://h/x", 50, 100)
    estimator = watched(half, 10)
    lines = [
        *transfer_lines([half], estimator, look(width)),
        *waiting_lines(Activity(retries=1, retry_in=(1, 1)), look(width)),
        whole_line(counts(interrupted=2), estimator, look(width)),
    ]
    assert not any("red" in str(span.style) for line in lines for span in line.spans)
    failed = whole_line(counts(failed=5), estimator, look(width))
    assert [
        failed.plain[span.start : span.end] for span in failed.spans if span.style == "red"
    ] == ["5 failed"]


@WIDTHS
def test_the_whole_run_fits_into_one_line(width: int) -> None:
    slow = transfer("http://h/slow", 10 * MB, 1_120 * MB)
    estimator = watched(slow, 3 * MB, finished=37)
    line = whole_line(counts(failed=5), estimator, look(width)).plain
    assert line.endswith("37/40, 5 failed, 3.0 MB/s, 6:10 left") or width >= 100
    assert len(line) <= width - 1


def test_elapsed_and_left_are_told_apart() -> None:
    line = whole_line(counts(total=0), Estimator(0.0), look(80)).plain
    assert line.endswith("37 finished, 0 B/s, 12 s elapsed")


@cases(
    ("activity", "lines"),
    [
        (IDLE, []),
        (
            Activity(paused=(HostWait("https://example.org:443", 18.2, "429", 3),)),
            ["example.org paused 18 s (429), 3 URLs wait"],
        ),
        (Activity(retries=3, retry_in=(5.0, 5.0)), ["3 URLs try again in 5 s"]),
        (Activity(retries=1, retry_in=(0.2, 0.2)), ["1 URL tries again in 1 s"]),
        (Activity(retries=3, retry_in=(2.0, 9.0)), ["3 URLs try again in 2 s to 9 s"]),
        (Activity(held_back=12), ["12 URLs held back by --rate"]),
        (
            Activity(slowed=(HostWait("http://h:8080", 0.25, "", 3),)),
            ["h:8080 takes 4 requests/s"],
        ),
        (Activity(processes=Processes(0, 0, 0)), []),
        (Activity(processes=Processes(12, 0, 3)), ["12 processes, 3 idle"]),
        (Activity(processes=Processes(1, 1, 0)), ["1 process, 1 starting"]),
        (
            Activity(held_back=3, computing=1, processes=Processes(4, 2, 1)),
            ["3 URLs held back by --rate", "4 processes, 2 starting, 1 idle", "computing 1 file"],
        ),
        (Activity(computing=1), ["computing 1 file"]),
        (Activity(computing=2, to_compute=6), ["computing 2 files, 6 more fetched"]),
        (
            Activity(held_back=3, computing=2, to_compute=1),
            ["3 URLs held back by --rate", "computing 2 files, 1 more fetched"],
        ),
    ],
)
def test_who_waits_is_said_and_for_whom(activity: Activity, lines: list[str]) -> None:
    assert [line.plain for line in waiting_lines(activity, look(80))] == lines


@WIDTHS
def test_many_that_wait_take_four_lines(width: int) -> None:
    paused = tuple(HostWait(f"http://host-{n}.example.org:80", 9, "429", 1) for n in range(9))
    activity = Activity(paused=paused, retries=2, retry_in=(1.0, 1.0), held_back=5)
    lines = waiting_lines(activity, look(width))
    assert len(lines) == 4
    assert all(line.cell_len < width for line in lines)
    assert [line.plain for line in lines[1:]] == [
        "and 8 more hosts wait",
        "2 URLs try again in 1 s",
        "5 URLs held back by --rate",
    ]


def test_a_bar_is_full_when_all_is_there_and_the_last_second_is_a_second() -> None:
    nearly = transfer("http://h/x", 999, 1000)
    line = line_of(nearly, watched(nearly, 400), 80)
    assert "━─" in line
    assert line.endswith(" 1 s left")


def test_a_terminal_without_unicode_gets_bars_of_ascii() -> None:
    half = transfer("http://h/x", 50, 100)
    (line,) = transfer_lines([half], Estimator(0.0), BarStyle(80, 24, ascii_only=True))
    assert line.plain.isascii()
    assert "##--" in line.plain
