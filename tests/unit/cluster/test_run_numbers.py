"""What holds for a whole run, divided among members, in virtual time."""

from __future__ import annotations

import math
import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.cluster.messages import RunBudget
from pyfetch.cluster.run_numbers import RunNumbers, run_limits
from pyfetch.scheduling.host_limits import Limits
from tests.support.examples import at_most


class Numbers:
    """The numbers of a run, and members that may be slow to hear of their parts."""

    def __init__(self, limits: Limits) -> None:
        self.now = 1000.0
        self.inboxes: dict[str, deque[RunBudget]] = {}
        self.parts: dict[str, RunBudget] = {}
        self.numbers: RunNumbers[str] = RunNumbers(
            limits, lambda member, told: self.inboxes[member].append(told)
        )

    def join(self, member: str) -> None:
        self.inboxes[member] = deque()
        self.numbers.joined(member)

    def hear(self, member: str) -> None:
        if self.inboxes[member]:
            part = self.parts[member] = self.inboxes[member].popleft()
            if part.serial:
                self.numbers.obeyed(member, part.serial, self.now)

    def settle(self) -> None:
        for _ in range(30):
            for member in list(self.inboxes):
                self.hear(member)
            self.now += 0.2
            self.numbers.wake(self.now)

    def rate(self) -> float:
        return sum(
            1 / part.interval for part in self.parts.values() if part.wait < math.inf
        )  # fmt: skip


def test_without_numbers_there_is_nothing_to_divide() -> None:
    assert run_limits(None, None) is None
    assert run_limits(2.0, None) == Limits(interval=0.5)


def test_members_get_equal_parts_that_add_up() -> None:
    run = Numbers(Limits(interval=0.1))
    for member in "abc":
        run.join(member)
    run.settle()
    assert sorted(1 / part.interval for part in run.parts.values()) == pytest.approx([3, 3, 4])


def test_who_does_not_use_its_part_gets_less() -> None:
    run = Numbers(Limits(limit_rate=10_000_000))
    run.join("a")
    run.join("b")
    run.settle()
    for _ in range(6):
        run.now += 1
        run.numbers.divide_again({"a": 1.0, "b": 0.0}.__getitem__, run.now)
        run.settle()
    assert (run.parts["a"].limit_rate or 0) > 9_000_000
    assert 0 < (run.parts["b"].limit_rate or 0) < 1_000_000


def test_parts_stay_as_they_are_while_all_use_theirs() -> None:
    run = Numbers(Limits(interval=0.01))
    run.join("a")
    run.join("b")
    run.settle()
    before = dict(run.parts)
    for _ in range(5):
        run.now += 1
        run.numbers.divide_again(lambda _: 1.0, run.now)
        run.settle()
    assert run.parts == before


def test_where_there_are_more_members_than_requests_a_second_some_have_nothing() -> None:
    run = Numbers(Limits(interval=0.5))
    for member in "abcd":
        run.join(member)
    run.settle()
    assert run.rate() == pytest.approx(2)
    assert [run.numbers.enough(member) > 0 for member in "abcd"] == [True, True, False, False]
    run.numbers.gone("a", run.now)
    del run.parts["a"], run.inboxes["a"]
    run.settle()
    assert run.rate() == pytest.approx(2)
    assert run.numbers.enough("c") > 0


@at_most(60)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_parts_are_never_more_than_the_whole_in_any_second(seed: int, rate: int) -> None:
    """Whatever members have heard of: what each was told within the last second adds up."""
    chance = random.Random(seed)
    run = Numbers(Limits(interval=1 / rate))
    told: dict[str, list[tuple[float, float]]] = {}
    for step in range(120):
        match chance.randrange(8):
            case 0 if len(run.inboxes) < 6:
                run.join(f"m{step}")
            case 1 if run.inboxes and chance.random() < 0.2:
                member = chance.choice(list(run.inboxes))
                del run.inboxes[member]
                run.parts.pop(member, None)
                run.numbers.gone(member, run.now)
            case 2:
                run.numbers.divide_again(lambda _: chance.random(), run.now)
            case 3 | 4:
                run.now += chance.choice((0.05, 0.4, 1.1))
                run.numbers.wake(run.now)
            case _ if run.inboxes:
                run.hear(chance.choice(list(run.inboxes)))
        for member, part in run.parts.items():
            may = 0.0 if part.wait == math.inf else 1 / part.interval
            told.setdefault(member, []).append((run.now, may))
        most = sum(
            max((may for at, may in parts if at > run.now - 0.99), default=0)
            for parts in told.values()
        )
        assert most <= rate + 1e-6
    run.settle()
    if run.inboxes:
        assert run.rate() == pytest.approx(rate)
