"""How fast a run is and how long it will take, with the time passed in."""

from __future__ import annotations

import pytest

from pyfetch.attempt import Assignment
from pyfetch.models import Target
from pyfetch.output.run_progress import Estimator
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

MB = 1_000_000


def running(index: int = 1, size: int | None = None, resumed: int = 0) -> Transfer:
    transfer = Transfer(Assignment.first_of(Target(index, parse_url(f"http://h/{index}"))))
    transfer.size, transfer.resumed, transfer.received = size, resumed, resumed
    return transfer


def test_the_rate_does_not_fall_when_a_file_ends() -> None:
    """Bytes of finished files count for as long as those of running ones."""
    estimator = Estimator(0.0)
    first = running(1, size=2 * MB)
    for second in (1, 2):
        first.received = second * MB
        estimator.observe(second, second * MB, 0, [first])
    estimator.observe(2.1, 2 * MB, 1, [running(2)])
    assert estimator.rate == pytest.approx(MB / 1.05)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    estimator = Estimator(0.0)
    for second in range(1, 11):
        estimator.observe(second, second * MB, 0, [])
    for second in range(11, 20):
        estimator.observe(second, 10 * MB, 0, [])
    assert estimator.rate == 0


def test_what_was_there_before_is_no_speed() -> None:
    """A part that goes on at 211 MB has not brought 211 MB in a second."""
    estimator = Estimator(0.0)
    resumed = running(1, size=400 * MB, resumed=211 * MB)
    for second in (0, 1, 2, 3):
        resumed.received = (211 + 3 * second) * MB
        estimator.observe(second, 3 * second * MB, 0, [resumed])
    pace = estimator.pace(resumed)
    assert pace.rate == pytest.approx(3 * MB)
    assert estimator.rate == pytest.approx(3 * MB)
    assert pace.left == pytest.approx(180 / 3)
    assert estimator.left(1) == pytest.approx(180 / 3)


def test_one_slow_file_in_front_decides_how_long_it_takes() -> None:
    """Though 39 of 40 files came at once, the first one needs six minutes more."""
    estimator = Estimator(0.0)
    slow = running(1, size=60 * MB)
    for tenth in range(1, 41):
        slow.received = tenth * 15_000
        estimator.observe(tenth / 10, slow.received + 10 * MB, 39, [slow])
    assert estimator.left(40) == pytest.approx((60 * MB - 600_000) / 150_000, rel=0.01)


def test_files_that_have_not_begun_are_as_large_as_those_before() -> None:
    estimator = Estimator(0.0)
    estimator.observe(1.0, MB, 10, [])
    estimator.observe(2.0, 2 * MB, 20, [])
    assert estimator.left(120) == pytest.approx(10)


def test_files_that_need_no_bytes_are_counted() -> None:
    """Where all are unchanged, how many are checked in a second is all that tells."""
    estimator = Estimator(0.0)
    estimator.observe(2.0, 0, 20, [])
    assert estimator.left(120) == pytest.approx(10)


def test_while_none_is_finished_files_are_as_large_as_those_that_run() -> None:
    estimator = Estimator(0.0)
    half = running(1, size=2 * MB)
    for second in (1, 2):
        half.received = second * MB // 2
        estimator.observe(second, half.received, 0, [half])
    assert estimator.left(3) == pytest.approx((MB + 2 * 2 * MB) / (MB / 2))


def test_nothing_is_guessed_before_anything_came() -> None:
    estimator = Estimator(0.0)
    estimator.observe(1.0, 0, 0, [running(1, size=10)])
    assert estimator.left(10) is None


def test_a_transfer_that_begins_anew_has_no_rate_below_zero() -> None:
    estimator = Estimator(0.0)
    transfer = running(1, size=MB)
    for second, received in enumerate([0, 500_000, 0, 1000, 2000]):
        transfer.received = received
        estimator.observe(second, 502_000, 0, [transfer])
    assert estimator.pace(transfer).rate == pytest.approx(1000)


def test_a_part_of_a_running_file_counts_as_done() -> None:
    estimator = Estimator(0.0)
    half = running(2, size=100)
    half.received = 50
    estimator.observe(1.0, 50, 1, [half])
    assert estimator.fraction(2) == pytest.approx(0.75)
