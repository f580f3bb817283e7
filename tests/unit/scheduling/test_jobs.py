"""What becomes of a target between its attempts."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pyfetch.attempt import Finished, NotMade
from pyfetch.models import Failure, HostSignal, Outcome, Result, Target
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.in_flight import StallDetector
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

NUMBER = 2_000
"""More than calls may be nested."""


def refused(target: Target, asked_wait: float | None) -> Finished:
    result = Result(
        target.index, target.url.text, Outcome.FAILED, status=503, error=Failure.HTTP, attempts=1
    )
    return Finished(result, HostSignal.PUSHED_BACK, asked_wait)


@pytest.mark.slow
def test_thousands_of_targets_of_a_host_that_is_given_up_turn_to_their_mirrors() -> None:
    """All of them wait for another attempt when their host asks for too long a wait."""
    policy = RetryPolicy()
    jobs = Jobs(HostQueues(Limits(), policy), WorkerLimit(NUMBER), policy)
    for index in range(1, NUMBER + 1):
        mirrors = (parse_url(f"http://b/{index}"),)
        jobs.add(Target(index, parse_url(f"http://a/{index}"), mirrors=mirrors))
    for _ in range(NUMBER):
        assert isinstance(jobs.next(0.0), Transfer)
    for begun in jobs.in_flight.snapshot():
        last = begun.target.index == NUMBER
        assert jobs.ended(begun, refused(begun.target, 86400.0 if last else None), 1.0) is None
    asked = set()
    for _ in range(NUMBER):
        transfer = jobs.next(100.0)
        assert isinstance(transfer, Transfer)
        asked.add(transfer.assignment.url.text)
    assert asked == {f"http://b/{index}" for index in range(1, NUMBER + 1)}


def tries_of(lengths: Iterable[int], retries: int = 3, *, seconds: float = 1.0) -> int:
    """How often a target is tried of which the tries get so far, one after the other."""
    policy = RetryPolicy(retries, first_wait=0)
    jobs = Jobs(HostQueues(Limits(), policy), WorkerLimit(1), policy, stalls=StallDetector(30, 10))
    jobs.add(Target(1, parse_url("http://a/1")))
    now, resumed = 0.0, 0
    for number, length in enumerate(lengths, 1):
        transfer = jobs.next(now)
        assert isinstance(transfer, Transfer)
        transfer.resumed, transfer.received = resumed, length
        resumed = length
        now += seconds
        cut = transfer.target.as_failed(Failure.TRUNCATED, "cut", transfer.assignment.number)
        if jobs.ended(transfer, Finished(cut, HostSignal.ANSWERED), now):
            return number
    raise AssertionError("it was never given up")


def test_tries_begin_anew_while_a_transfer_makes_progress() -> None:
    progress = [500 * number for number in range(1, 21)]
    assert tries_of(progress + [progress[-1]] * 10) == 20 + 3
    assert tries_of([500, 500, 500, 1000, 1000, 1000, 1000, 1000, 1000]) == 4 + 3


def test_only_growth_beyond_the_longest_length_so_far_is_progress() -> None:
    """A server that cannot continue a part sends its beginning again and again."""
    assert tries_of([900, 500, 800, 700, 600, 100]) == 4


def test_a_try_that_brings_next_to_nothing_for_its_time_is_no_progress() -> None:
    """Else one that drips for a minute would begin anew a thousand times."""
    assert tries_of([100, 200, 300, 400, 500, 600], seconds=60.0) == 4


def test_progress_ends_after_a_thousand_tries() -> None:
    assert tries_of(range(500, 10**6, 500)) == 1000 + 2


def test_no_retries_means_none_even_after_progress() -> None:
    assert tries_of([500, 1000], retries=0) == 1


def test_an_attempt_that_could_not_be_made_is_made_again_by_fewer_at_once() -> None:
    jobs = Jobs(HostQueues(), WorkerLimit(4), RetryPolicy(retries=0))
    for index in range(1, 5):
        jobs.add(Target(index, parse_url(f"http://a/{index}")))
    transfers = [jobs.next(0.0) for _ in range(4)]
    first, second, *others = transfers
    for transfer in (first, second):
        assert isinstance(transfer, Transfer)
        failed = transfer.target.as_failed(Failure.CONNECT, "Too many open files", 1)
        assert jobs.ended(transfer, NotMade(Finished(failed)), 1.0) is None
    assert jobs.workers.limit == 2
    assert jobs.next(5.0) is None, "the two others are at work"
    for transfer in others:
        assert isinstance(transfer, Transfer)
        assert jobs.ended(transfer, served(transfer), 5.0)
    again = [jobs.next(5.0) for _ in range(2)]
    assert [each.assignment.number for each in again if isinstance(each, Transfer)] == [1, 1]


def test_what_never_can_be_made_fails_in_the_end() -> None:
    jobs = Jobs(HostQueues(), WorkerLimit(4), RetryPolicy(retries=0))
    jobs.add(Target(1, parse_url("http://a/1")))
    now, done = 0.0, None
    while done is None:
        assert now < 3600
        now += 1.0
        transfer = jobs.next(now)
        assert isinstance(transfer, Transfer)
        failed = transfer.target.as_failed(Failure.CONNECT, "Too many open files", 1)
        done = jobs.ended(transfer, NotMade(Finished(failed)), now)
    assert done.attempt.result.detail == "Too many open files"


def served(transfer: Transfer) -> Finished:
    target = transfer.target
    result = Result(target.index, target.url.text, Outcome.FETCHED, status=200, attempts=1)
    return Finished(result, HostSignal.ANSWERED)
