"""What becomes of a target between its attempts."""

from __future__ import annotations

from pyfetch.attempt import Finished
from pyfetch.models import Failure, HostSignal, Outcome, Result, Target
from pyfetch.scheduling.concurrency import WorkerLimit
from pyfetch.scheduling.hosts import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

NUMBER = 2_000
"""More than calls may be nested."""


def refused(target: Target, asked_wait: float | None) -> Finished:
    result = Result(
        target.index, target.url.text, Outcome.FAILED, status=503, error=Failure.HTTP, attempts=1
    )
    return Finished(result, HostSignal.PUSHED_BACK, asked_wait)


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
