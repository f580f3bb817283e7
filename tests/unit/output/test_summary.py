"""What a run came to, in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.models import Failure, Outcome, Result
from pyfetch.output.summary import Summary


def fetched(size: int | None = 0) -> Result:
    return Result(1, "http://host/", Outcome.FETCHED, size=size)


def failed(error: Failure) -> Result:
    return Result(1, "http://host/", Outcome.FAILED, error=error)


def other(outcome: Outcome, size: int) -> Result:
    return Result(1, "http://host/", outcome, size=size)


def summary(*results: Result) -> Summary:
    counted = Summary()
    for result in results:
        counted.add(result)
    return counted


@pytest.mark.parametrize(
    ("results", "seconds", "sentence"),
    [
        ([], 0.0, "fetched 0; 0 B in 0 ms"),
        ([], 2.0, "fetched 0; 0 B in 2.0 s"),
        ([fetched(12_300_000)], 3.1, "fetched 1; 12.3 MB in 3.1 s, 4.0 MB/s"),
        ([fetched(1000)], 0.0, "fetched 1; 1.0 kB in 0 ms"),
        ([fetched(None), fetched(0)], 1.0, "fetched 2; 0 B in 1.0 s"),
        (
            [other(Outcome.SKIPPED, 7), other(Outcome.UNCHANGED, 7), other(Outcome.SKIPPED, 7)],
            1.0,
            "fetched 0, unchanged 1, skipped 2; 0 B in 1.0 s",
        ),
        (
            [failed(Failure.HTTP), fetched(), failed(Failure.TIMEOUT), failed(Failure.TIMEOUT)],
            1.0,
            "fetched 1, failed 3 (timeout 2, http 1); 0 B in 1.0 s",
        ),
    ],
)
def test_the_sentence_says_what_there_was(
    results: list[Result], seconds: float, sentence: str
) -> None:
    assert summary(*results).sentence(seconds) == sentence


def test_only_bodies_that_were_fetched_count_as_bytes() -> None:
    truncated = Result(1, "http://h/", Outcome.FAILED, size=5, error=Failure.TRUNCATED)
    assert summary(fetched(3), fetched(4), other(Outcome.SKIPPED, 100), truncated).size == 7


@given(st.lists(st.sampled_from([fetched(), *map(failed, Failure), other(Outcome.SKIPPED, 1)])))
def test_every_result_is_counted_once(results: list[Result]) -> None:
    counted = summary(*results)
    assert counted.shown == len(results)
    assert counted.failed == counted.failures.total() == sum(r.failed for r in results)
