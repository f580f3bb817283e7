"""How far the reading goes ahead of the showing, and in which order is shown."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.engine.read_ahead import (
    LIGHT,
    MOST_BYTES,
    WIDEST_FOR_A_WORKER,
    ReadAhead,
    size_of,
)
from pyfetch.engine.results import as_finished, in_order
from pyfetch.errors import StoppedError
from pyfetch.models import Entry, Outcome, Result, Target
from pyfetch.urls import parse_url
from tests.support.cases import cases

LONGEST = 5.0
"""Seconds after which a thread in a test has hung."""

Put = Callable[[Iterable[Result], Callable[[Result], None]], Iterator[Result]]

orders = st.integers(0, 30).flatmap(lambda n: st.permutations(range(1, n + 1)))


class WouldBlockError(Exception):
    pass


class Condition(threading.Condition):
    """One that tells instead of blocking."""

    def wait(self, timeout: float | None = None) -> bool:
        raise WouldBlockError


class Reader:
    """Reads ahead as far as its window lets it."""

    def __init__(self, size: int, widest: int | None = None) -> None:
        with patch("threading.Condition", Condition):
            self.window = ReadAhead(size, widest)
        self.unshown = 0

    def read(self) -> bool:
        """Whether one more may be read without waiting."""
        try:
            assert self.window.acquire()
        except WouldBlockError:
            return False
        self.unshown += 1
        return True

    def read_ahead(self) -> int:
        while self.read():
            pass
        return self.unshown

    def show(self) -> None:
        self.window.shown(result(1))
        self.unshown -= 1


def result(index: int) -> Result:
    return Result(index, "http://host/", Outcome.FETCHED)


class Counted:
    """Results in this order, that knows how many were taken and how many shown."""

    def __init__(self, order: list[int]) -> None:
        self.order = order
        self.taken = 0
        self.shown = 0

    def __iter__(self) -> Iterator[Result]:
        for index in self.order:
            self.taken += 1
            yield result(index)

    def show(self, _: Result) -> None:
        self.shown += 1


@cases("size", [1, 2, 7, 8, 9, 16, 100])
def test_as_many_as_its_size_are_read_ahead_and_no_more(size: int) -> None:
    assert Reader(size).read_ahead() == size


@given(size=st.integers(1, 40), steps=st.lists(st.booleans(), max_size=200))
def test_never_more_than_its_size_are_unshown(size: int, steps: list[bool]) -> None:
    reader = Reader(size)
    for read in steps:
        if read:
            reader.read()
        elif reader.unshown:
            reader.show()
        assert reader.unshown <= size


@given(st.integers(1, 200), st.integers(1, 500))
def test_a_reader_goes_on_when_all_is_shown(size: int, rounds: int) -> None:
    reader = Reader(size)
    for _ in range(rounds):
        assert reader.read()
        reader.show()


def test_a_window_that_gives_too_little_work_widens_up_to_its_widest() -> None:
    reader = Reader(16, widest=20)
    for width in (16, 18, 20, 20):
        assert reader.read_ahead() == width
        reader.window.widen()


def test_a_window_for_very_many_workers_widens_beyond_that() -> None:
    reader = Reader(8, widest=12)
    for _ in range(100):
        reader.read_ahead()
        reader.window.widen(workers=2)
    assert reader.read_ahead() == 2 * WIDEST_FOR_A_WORKER


def test_a_window_does_not_widen_while_there_is_room() -> None:
    reader = Reader(16)
    for _ in range(5):
        reader.window.widen()
    assert reader.read_ahead() == 16


def test_a_window_that_was_widened_shrinks_again() -> None:
    reader = Reader(16, widest=64)
    for _ in range(30):
        reader.read_ahead()
        reader.window.widen()
    assert reader.read_ahead() == 64
    for _ in range(64):
        reader.show()
    assert reader.read_ahead() == 16


@given(st.integers(1, 200))
def test_room_is_given_back_before_all_is_shown(size: int) -> None:
    reader = Reader(size)
    reader.read_ahead()
    for _ in range(max(1, size // 4)):
        reader.show()
    assert reader.read()


def test_a_reader_in_a_thread_reads_all_and_never_too_far_ahead() -> None:
    size, total = 16, 2000
    window = ReadAhead(size)
    entries: queue.SimpleQueue[int] = queue.SimpleQueue()
    shown = 0
    ahead = []

    def read_all() -> None:
        for number in range(total):
            window.acquire()
            ahead.append(number + 1 - shown)
            entries.put(number)

    reader = threading.Thread(target=read_all, daemon=True)
    reader.start()
    for number in range(total):
        assert entries.get(timeout=LONGEST) == number
        shown += 1
        window.shown(result(1))
    reader.join(LONGEST)
    assert len(ahead) == total
    assert max(ahead) <= size


def test_a_closed_window_lets_nothing_be_read() -> None:
    window = ReadAhead(2)
    assert window.acquire()
    window.close()
    assert not window.acquire()


def test_who_waits_at_a_window_goes_on_when_it_closes() -> None:
    window = ReadAhead(1)
    window.acquire()
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(window.acquire()), daemon=True).start()
    window.close()
    assert answers.get(timeout=LONGEST) is False


@given(orders)
def test_results_come_in_input_order(order: list[int]) -> None:
    indexes = [r.index for r in in_order(map(result, order), lambda _: None)]
    assert indexes == sorted(order)


@given(orders)
@example([3, 1, 2])
def test_each_result_comes_as_soon_as_all_before_it_are_there(order: list[int]) -> None:
    results = Counted(order)
    for shown in in_order(results, results.show):
        needed = max(order.index(index) for index in range(1, shown.index + 1)) + 1
        assert results.taken == needed


@cases("put", [in_order, as_finished])
def test_nothing_is_taken_before_a_result_is_asked_for(put: Put) -> None:
    results = Counted([1, 2])
    put(results, results.show)
    assert results.taken == 0


@given(orders)
def test_where_results_end_early_what_has_come_is_given_with_gaps(order: list[int]) -> None:
    came = order[: len(order) // 2]
    results = Counted(came)
    assert [r.index for r in in_order(results, results.show)] == sorted(came)
    assert results.shown == len(came)


@cases("came", [[2], [1, 3], [5, 1, 3]])
def test_where_results_end_in_an_error_what_has_come_is_given_before_it(came: list[int]) -> None:
    def results() -> Iterator[Result]:
        yield from map(result, came)
        raise StoppedError("disk full")

    given_out: list[int] = []
    with pytest.raises(StoppedError, match="disk full"):
        given_out.extend(r.index for r in in_order(results(), lambda _: None))
    assert given_out == sorted(came)


def test_a_result_is_shown_when_the_consumer_comes_back() -> None:
    results = Counted([2, 1, 4])
    assert [results.shown for _ in in_order(results, results.show)] == [0, 1, 2]
    assert results.shown == 3


def test_without_order_results_come_as_they_finish() -> None:
    results = Counted([3, 1, 2])
    came = [(r.index, results.taken, results.shown) for r in as_finished(results, results.show)]
    assert came == [(3, 1, 0), (1, 2, 1), (2, 3, 2)]
    assert results.shown == 3


def target(index: int, size: int) -> Target:
    """A target about which the list says so many bytes."""
    return Target(index, parse_url("http://h/"), input={"x": ["a" * size]})


def test_what_is_read_ahead_is_bounded_in_bytes() -> None:
    """However few entries those are; and each that is shown makes room again, in any order."""
    reader = Reader(1000)
    numbers = []
    for number in range(1, 1001):
        if not reader.read():
            break
        reader.window.add(target(number, 1_000_000))
        numbers.append(number)
    assert len(numbers) == -(-MOST_BYTES // 1_000_100)
    reader.window.shown(result(numbers[-1]))
    assert reader.read()


def test_one_entry_larger_than_the_bound_is_read() -> None:
    reader = Reader(10)
    assert reader.read()
    reader.window.add(target(1, 2 * MOST_BYTES))
    assert not reader.read()
    reader.window.shown(result(1))
    assert reader.read()


@cases(
    ("entry", "least"),
    [
        (target(1, 100_000), 100_000),
        (Target(1, parse_url("http://h/"), input={"x": [{}] * 10_000}), 640_000),
        (Target(1, parse_url("http://h/" + "x" * 60_000)), 60_000),
        (Target(1, parse_url("http://h/"), headers=(("A", "b" * 9000),)), 9000),
        (Result(1, "h", Outcome.FAILED, detail="x" * 5000), 5000),
    ],
)
def test_the_size_of_an_entry_is_that_of_all_its_texts(entry: Entry, least: int) -> None:
    assert least <= size_of(entry) < 2 * least + 1000


def test_the_size_of_a_usual_entry_is_too_small_to_count() -> None:
    assert size_of(Target(1, parse_url("https://example.org/a/b/c.zip"), input={"n": 1})) <= LIGHT
