"""Failures as they happen, with the time passed in."""

from __future__ import annotations

from pyfetch.models import Failure, Outcome, Result
from pyfetch.output.screen.failing import FailingNow


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def failed(index: int, error: Failure = Failure.DNS) -> Result:
    url = f"http://host/{index}"
    return Result(index, url, Outcome.FAILED, error=error, detail="no such name")


def lines(failing: FailingNow) -> list[str]:
    return [line.plain for line in failing.take(80)]


def test_a_failure_whose_row_must_wait_has_a_line_at_once() -> None:
    """Its row comes when all URLs before it are done, which may take hours."""
    clock = Clock()
    failing = FailingNow(clock)
    failing.failed(failed(37))
    assert lines(failing) == []
    clock.now = 0.5
    assert lines(failing) == ["failed: 37 host/37: dns: no such name"]
    clock.now = 9
    assert lines(failing) == []


def test_a_failure_whose_row_comes_at_once_has_no_line() -> None:
    clock = Clock()
    failing = FailingNow(clock)
    failing.failed(failed(1))
    failing.shown(failed(1))
    clock.now = 1
    assert lines(failing) == []


def test_an_interrupted_url_is_no_failure() -> None:
    clock = Clock()
    failing = FailingNow(clock)
    failing.failed(failed(1, Failure.CANCELLED))
    clock.now = 1
    assert lines(failing) == []


def test_a_list_that_fails_as_a_whole_does_not_flood_the_screen() -> None:
    clock = Clock()
    failing = FailingNow(clock)
    for index in range(1, 1001):
        failing.failed(failed(index))
    clock.now = 1
    assert len(lines(failing)) == 10
    clock.now = 3
    assert lines(failing) == ["failed: 990 more"]
