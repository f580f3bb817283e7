"""What a run came to: its sentence, and what failed in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyfetch.models import Change, Failure, Outcome, Result
from pyfetch.output.summary import Summary
from tests.support.cases import cases


def fetched(
    size: int | None = 0, change: Change | None = Change.NEW, *, resumed: int = 0
) -> Result:
    return Result(1, "http://host/", Outcome.FETCHED, size=size, change=change, resumed=resumed)


def failed(
    error: Failure,
    detail: str = "why",
    *,
    index: int = 1,
    url: str = "http://host/",
    status: int | None = None,
    kept: int = 0,
) -> Result:
    return Result(index, url, Outcome.FAILED, error=error, detail=detail, status=status, kept=kept)


def http(status: int, index: int = 1, url: str = "http://host/") -> Result:
    return failed(Failure.HTTP, f"{status} No", index=index, url=url, status=status)


def other(outcome: Outcome, size: int) -> Result:
    return Result(1, "http://host/", outcome, size=size)


def summary(*results: Result) -> Summary:
    counted = Summary()
    for result in results:
        counted.add(result)
    return counted


@cases(
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
            [http(404), fetched(), failed(Failure.TIMEOUT), http(404), http(500)],
            1.0,
            "fetched 1, failed 4 (404 ×2, timeout ×1, 500 ×1); 0 B in 1.0 s",
        ),
        (
            [failed(Failure.CONNECT, "connection failed: Connection refused; not tried again: so")],
            1.0,
            "fetched 0, failed 1 (connection refused ×1); 0 B in 1.0 s",
        ),
        (
            [fetched(), failed(Failure.CANCELLED), failed(Failure.CANCELLED), http(404)],
            1.0,
            "fetched 1, failed 1 (404 ×1), interrupted 2; 0 B in 1.0 s",
        ),
        (
            [fetched(5_000_000, resumed=3_000_000)],
            1.0,
            "fetched 1; 5.0 MB (3.0 MB of them from before) in 1.0 s, 2.0 MB/s",
        ),
        (
            [fetched(), fetched(change=Change.CHANGED), other(Outcome.UNCHANGED, 1)],
            1.0,
            "fetched 2 (1 new, 1 changed), unchanged 1; 0 B in 1.0 s",
        ),
        (
            [fetched(), other(Outcome.UNCHANGED, 1)],
            1.0,
            "fetched 1 (1 new), unchanged 1; 0 B in 1.0 s",
        ),
        (
            [fetched(change=Change.SAME)],
            1.0,
            "fetched 1 (1 the same as before); 0 B in 1.0 s",
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


def test_parts_that_are_kept_are_counted_and_what_to_do_is_said() -> None:
    three = [failed(Failure.CANCELLED, kept=4_000_000) for _ in range(2)]
    three.append(failed(Failure.TIMEOUT, kept=3_000_000))
    assert summary(*three).kept() == "3 parts kept, 11.0 MB: run the same command again"
    assert summary(http(404)).kept() == ""


def test_the_first_ten_failures_are_told_with_their_sentence_in_the_order_of_the_list() -> None:
    failures = summary(*(http(404, index=30 - n, url=f"http://h/{30 - n}") for n in range(12)))
    *told, more = failures.failures.told()
    assert told[0] == "    19 http://h/19: 404 No"
    assert [int(line.split()[0]) for line in told] == list(range(19, 29))
    assert more.strip() == "and 2 more"


def test_a_long_url_is_told_by_its_name() -> None:
    url = "https://bucket/dump.gz?X-Amz-Credential=" + "x" * 100
    (told,) = summary(http(403, url=url)).failures.told()
    assert told.strip() == "1 bucket/dump.gz: 403 No"


def test_hosts_are_counted_where_that_says_more() -> None:
    """Not where all URLs are of one host, nor where each failure has another."""
    bad = [http(404, url=f"http://bad/{n}") for n in range(3)]
    good = Result(1, "http://good/", Outcome.FETCHED)
    assert summary(*bad).failures.by_host() == ""
    assert summary(good, *bad).failures.by_host() == "bad ×3"
    each = [http(404, url=f"http://h{n}/") for n in range(3)]
    assert summary(*each).failures.by_host() == ""


def test_lines_that_are_no_urls_are_of_no_host() -> None:
    lines = [failed(Failure.INVALID_URL, url=f"page/{n % 2}") for n in range(9)]
    bad = [http(404, url=f"http://bad/{n}") for n in range(3)]
    assert summary(*lines).failures.by_host() == ""
    assert summary(*lines, *bad).failures.by_host() == ""
    good = Result(1, "http://good/", Outcome.FETCHED)
    assert summary(*lines, good, *bad).failures.by_host() == "bad ×3"


def test_many_reasons_and_hosts_take_one_line() -> None:
    counted = summary(*(http(400 + n, url=f"http://h{n % 20}/") for n in range(60)))
    assert counted.failures.by_reason().endswith("others ×54")
    assert counted.failures.by_host().count("×") == 6


@given(st.lists(st.sampled_from([fetched(), *map(failed, Failure), other(Outcome.SKIPPED, 1)])))
def test_every_result_is_counted_once(results: list[Result]) -> None:
    counted = summary(*results)
    assert counted.finished == len(results)
    assert counted.failed == sum(r.failed for r in results)
    assert counted.failed == counted.failures.number + counted.interrupted
    assert sum(counted.failures.reasons().values()) == counted.failures.number


def test_a_reason_is_one_line_and_a_long_one_is_told_by_its_beginning_and_end() -> None:
    short, long = "exit status 9:\n  no\tend", "exit status 1: " + "word\n" * 900 + "no such codec"
    counted = summary(failed(Failure.EXEC, short), failed(Failure.EXEC, long, index=2))
    first, second = counted.failures.told()
    assert first == "     1 http://host/: exec: exit status 9: no end"
    assert second.startswith("     2 http://host/: exec: exit status 1: word word")
    assert second.endswith("word word no such codec")
    assert len(second) < 650
