"""Which failures may pass, and how long is waited."""

from __future__ import annotations

import random

from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.models import Failure, Outcome, Result
from pyfetch.scheduling.retry import RETRIED_STATUSES, RetryPolicy, retried_statuses
from tests.support.cases import cases

MAY_PASS = {Failure.DNS, Failure.CONNECT, Failure.TIMEOUT, Failure.TRUNCATED}

STATUSES = [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 529, 530]


class Bounds(random.Random):
    """A random source that gives the highest value, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.asked.append((a, b))
        return b


def ended(error: Failure | None, status: int | None = None) -> Result:
    outcome = Outcome.FAILED if error else Outcome.FETCHED
    return Result(1, "http://host/", outcome, status=status, error=error)


@cases("error", [failure for failure in Failure if failure is not Failure.HTTP])
def test_only_what_lies_on_the_way_may_pass(error: Failure) -> None:
    assert RetryPolicy().may_pass(ended(error)) is (error in MAY_PASS)


@cases("status", [200, 503])
@cases("error", [Failure.CHECKSUM, Failure.TOO_LARGE, Failure.TRUNCATED])
def test_a_status_counts_only_where_it_is_the_failure(error: Failure, status: int) -> None:
    assert RetryPolicy().may_pass(ended(error, status)) is (error is Failure.TRUNCATED)


@cases("status", STATUSES)
def test_a_status_that_speaks_of_the_moment_may_pass(status: int) -> None:
    assert RetryPolicy().may_pass(ended(Failure.HTTP, status))


def test_any_other_status_stays() -> None:
    policy = RetryPolicy()
    tried_again = {n for n in range(400, 600) if policy.may_pass(ended(Failure.HTTP, n))}
    assert tried_again == {*STATUSES}


def test_statuses_are_added_and_taken_away_in_turn() -> None:
    """The last word about one counts."""
    assert retried_statuses(()) == RETRIED_STATUSES
    assert retried_statuses((418, -500, -999)) == RETRIED_STATUSES - {500} | {418}
    assert retried_statuses((418, -418, -503, 503)) == RETRIED_STATUSES
    policy = RetryPolicy(statuses=retried_statuses((404, -503)))
    assert policy.may_pass(ended(Failure.HTTP, 404))
    assert not policy.may_pass(ended(Failure.HTTP, 503))
    assert not policy.may_pass(ended(Failure.CHECKSUM, 404))


def test_a_success_needs_no_other_attempt() -> None:
    assert not RetryPolicy().may_pass(ended(None, 200))


def test_the_ceiling_doubles_up_to_the_longest_wait() -> None:
    policy = RetryPolicy(retries=8, first_wait=0.5, longest_wait=10, randomness=Bounds())
    waits = [policy.wait(attempts) for attempts in range(1, 9)]
    assert waits == [0.5, 1, 2, 4, 8, 10, 10, 10]


def test_the_wait_is_drawn_from_zero_to_the_ceiling() -> None:
    bounds = Bounds()
    RetryPolicy(first_wait=1, randomness=bounds).wait(3)
    assert bounds.asked == [(0, 4)]


def test_waits_spread_over_the_whole_range() -> None:
    policy = RetryPolicy(first_wait=8, randomness=random.Random(7))
    waits = [policy.wait(1) or 0.0 for _ in range(1000)]
    assert 0 <= min(waits) < 0.1
    assert 7.9 < max(waits) <= 8
    assert 3.5 < sum(waits) / len(waits) < 4.5


def test_two_policies_do_not_wait_in_step() -> None:
    assert RetryPolicy().wait(1) != RetryPolicy().wait(1)


@given(
    attempts=st.integers(1, 10**9),
    first_wait=st.floats(0, 1e6),
    longest_wait=st.floats(0, 1e6),
    source=st.randoms(),
)
@example(attempts=2000, first_wait=1e6, longest_wait=60.0, source=Bounds())
def test_no_back_off_is_longer_than_the_longest_wait(
    attempts: int, first_wait: float, longest_wait: float, source: random.Random
) -> None:
    policy = RetryPolicy(10**9, first_wait, longest_wait, randomness=source)
    wait = policy.wait(attempts)
    assert wait is not None
    assert 0 <= wait <= longest_wait
    assert wait <= first_wait * 2.0 ** min(attempts - 1, 900)


@cases("retries", [0, 1, 3])
def test_it_is_given_up_after_the_retries(retries: int) -> None:
    policy = RetryPolicy(retries)
    assert [policy.wait(n) is None for n in range(1, retries + 3)] == [False] * retries + [True] * 2


def test_three_retries_within_seconds_are_the_default() -> None:
    policy = RetryPolicy(randomness=Bounds())
    assert [policy.wait(attempts) for attempts in range(1, 5)] == [1, 2, 4, None]
    assert RetryPolicy(retries=10, randomness=Bounds()).wait(10) == 60
    assert policy.refusal(600.0) == ""
    assert policy.refusal(600.5) != ""


def test_who_waits_for_no_server_still_waits_for_itself() -> None:
    policy = RetryPolicy(max_wait=0, randomness=Bounds())
    assert policy.wait(1) == 1
    assert policy.wait(1, 1.0) is None


def test_no_wait_at_all_may_be_asked_for() -> None:
    assert RetryPolicy(first_wait=0).wait(1) == 0


@given(asked=st.floats(0, 600), attempts=st.integers(1, 3), source=st.randoms())
def test_never_less_is_waited_than_the_server_asked_for(
    asked: float, attempts: int, source: random.Random
) -> None:
    wait = RetryPolicy(randomness=source).wait(attempts, asked)
    assert wait is not None
    assert asked <= wait <= asked + 1


def test_those_who_were_asked_to_wait_alike_do_not_come_back_at_once() -> None:
    policy = RetryPolicy(randomness=random.Random(7))
    assert len({policy.wait(3, 30.0) for _ in range(100)}) == 100


def test_a_server_that_asks_for_too_long_is_given_up_with_a_reason() -> None:
    policy = RetryPolicy(max_wait=600)
    assert policy.wait(1, 600.0) is not None
    assert policy.refusal(600.0) == ""
    assert policy.wait(1, 601.0) is None
    assert policy.refusal(601.0) == ("asked to wait 601 s, longer than the 600 s of --max-wait")


def test_a_server_that_asks_for_ever_is_given_up() -> None:
    asked = float("9" * 5000)
    assert RetryPolicy().wait(1, asked) is None
    assert RetryPolicy().refusal(asked).startswith("asked to wait inf s")


@cases("asked", [None, 0.0, 1.0])
def test_there_is_no_reason_where_nothing_is_refused(asked: float | None) -> None:
    assert RetryPolicy().refusal(asked) == ""
