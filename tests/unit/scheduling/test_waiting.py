"""Who waits and for whom, in virtual time."""

from __future__ import annotations

import pytest

from pyfetch.activity import Activity, HostWait, combined_activity
from pyfetch.attempt import Finished
from pyfetch.models import Failure, HostSignal, Outcome, Result, Target
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

NOW = 1000.0
AT_ONCE = RetryPolicy(first_wait=0)


def jobs(*urls: str, limits: Limits | None = None, policy: RetryPolicy = AT_ONCE) -> Jobs:
    made = Jobs(HostQueues(limits or Limits(), policy), WorkerLimit(4), policy)
    for index, url in enumerate(urls, 1):
        made.add(Target(index, parse_url(url)))
    return made


def next_of(made: Jobs, now: float = NOW) -> Transfer:
    transfer = made.next(now)
    assert isinstance(transfer, Transfer)
    return transfer


def failed(
    transfer: Transfer,
    error: Failure,
    sign: HostSignal,
    status: int | None = None,
    asked_wait: float | None = None,
) -> Finished:
    target = transfer.target
    result = Result(
        target.index, str(target.url), Outcome.FAILED, status=status, error=error, attempts=1,
        detail="so",
    )  # fmt: skip
    return Finished(result, sign, asked_wait)


def test_a_host_that_pushed_back_is_paused_and_its_url_tries_again() -> None:
    made = jobs("http://a/1", "http://a/2", "http://a/3", "http://b/4")
    first = next_of(made)
    made.ended(first, failed(first, Failure.HTTP, HostSignal.PUSHED_BACK, 429, 18.0), NOW)
    assert next_of(made, NOW + 1).target.index == 4
    assert made.next(NOW + 1) is None
    activity = made.activity(NOW + 3)
    (paused,) = activity.paused
    assert (paused.origin, paused.reason, paused.targets) == ("http://a:80", "429", 2)
    assert paused.seconds == pytest.approx(15.0)
    assert activity.retries == 1
    assert list(activity.retry_in) == pytest.approx([15.0, 15.0])
    assert activity.held_back == 0
    assert made.activity(NOW + 19).retries == 0


def test_a_host_that_cannot_be_reached_says_so() -> None:
    made = jobs(*(f"http://a/{n}" for n in range(6)), policy=RetryPolicy(first_wait=8.0))
    begun = [next_of(made) for _ in range(3)]
    for transfer in begun:
        made.ended(transfer, failed(transfer, Failure.CONNECT, HostSignal.UNREACHED), NOW + 1)
    assert made.next(NOW + 1) is None
    (paused,) = made.activity(NOW + 1).paused
    assert (paused.reason, paused.targets) == ("not reached", 3)
    assert 0 < paused.seconds <= 8
    assert made.activity(NOW + 1).retries == 3


def test_urls_that_a_rate_holds_back_are_counted() -> None:
    made = jobs(*(f"http://a/{n}" for n in range(5)), limits=Limits(interval=1.0))
    next_of(made)
    assert made.next(NOW) is None
    assert made.activity(NOW).held_back == 4
    assert made.activity(NOW).paused == ()


def test_urls_that_a_rate_for_all_holds_back_are_counted() -> None:
    urls = (f"http://h{n}/" for n in range(5))
    made = jobs(*urls, limits=Limits(interval_of_all=1.0))
    next_of(made)
    assert made.activity(NOW + 0.5).held_back == 4
    assert made.activity(NOW + 1.5).held_back == 0


def test_what_waits_for_a_worker_alone_waits_for_nobody() -> None:
    made = jobs(*(f"http://a/{n}" for n in range(9)))
    for _ in range(4):
        next_of(made)
    assert made.next(NOW) is None
    assert made.activity(NOW) == Activity()


def test_bytes_of_running_and_of_ended_transfers_are_counted() -> None:
    made = jobs("http://a/1", "http://a/2")
    first, second = next_of(made), next_of(made)
    first.resumed, first.received = 100, 150
    second.received = 7
    made.ended(first, failed(first, Failure.TRUNCATED, HostSignal.NONE), NOW)
    assert made.activity(NOW).received == 57


def test_a_size_that_was_there_before_the_run_is_remembered_over_its_tries() -> None:
    """The second try goes on where the first one broke off: that is speed of this run."""
    made = jobs("http://a/1")
    first = next_of(made)
    assert first.assignment.resumed is None
    first.resumed, first.received = 211, 300
    made.ended(first, failed(first, Failure.TRUNCATED, HostSignal.NONE), NOW)
    second = next_of(made, NOW + 1)
    second.resumed = 300
    assert second.assignment.resumed == 211


def test_several_processes_are_shown_as_one() -> None:
    one = Activity(
        received=5, retries=1, retry_in=(3.0, 3.0), paused=(HostWait("http://a:80", 4, "429", 1),)
    )
    other = Activity(
        received=7, retries=2, retry_in=(1.0, 2.0), paused=(HostWait("http://a:80", 9, "503", 2),)
    )
    assert combined_activity([one, Activity(received=1), other]) == Activity(
        received=13, retries=3, retry_in=(1.0, 3.0), paused=(HostWait("http://a:80", 9, "503", 3),)
    )
