"""A number that is divided among members, and the limits that a part of it stands for."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.cluster.divided_budget import DividedBudget, PartChanged, whole_shares
from pyfetch.cluster.host_parts import budget_of, part_of, units_of
from pyfetch.scheduling.host_limits import Limits
from tests.support.examples import at_most


def test_what_one_gives_up_goes_to_another_once_it_has_confirmed_that() -> None:
    budget = DividedBudget[str](5)
    budget.give_all("a")
    assert budget.settle() == [PartChanged("a", 5, 0, 0)]
    budget.divide({"a": 1, "b": 1})
    (smaller,) = budget.settle()
    assert (smaller.member, smaller.units, smaller.before) == ("a", 3, 5)
    assert budget.told("b") == 0
    budget.confirmed("a", smaller.serial)
    assert budget.settle() == [PartChanged("b", 2, 0, 0)]
    assert budget.in_force == 5


def test_an_earlier_confirmation_counts_for_nothing() -> None:
    budget = DividedBudget[str](4)
    budget.give_all("a")
    budget.settle()
    budget.divide({"a": 3, "b": 1})
    (first,) = budget.settle()
    budget.divide({"a": 1, "b": 3})
    (second,) = budget.settle()
    budget.confirmed("a", first.serial)
    assert budget.settle() == []
    budget.confirmed("a", second.serial)
    assert [change.member for change in budget.settle()] == ["b"]


def test_shares_are_whole_and_add_up() -> None:
    assert whole_shares(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}
    assert whole_shares(3, {"a": 100, "b": 0, "c": 0}) == {"a": 1, "b": 1, "c": 1}
    assert whole_shares(10, {"a": 0, "b": 0}) == {"a": 5, "b": 5}


class Members:
    """Members that hear of their parts, and confirm them, at some time."""

    def __init__(self, units: int) -> None:
        self.budget = DividedBudget[int](units)
        self.inboxes: dict[int, deque[PartChanged[int]]] = {}
        self.outbox: deque[tuple[int, int]] = deque()
        self.uses: dict[int, int] = {}
        self.born = 0
        for _ in range(4):
            self.bear()

    def bear(self) -> None:
        self.born += 1
        self.inboxes[self.born], self.uses[self.born] = deque(), 0

    def die(self, member: int) -> None:
        self.budget.gone(member)
        del self.inboxes[member], self.uses[member]
        self.bear()

    def hear(self, member: int) -> None:
        if self.inboxes[member]:
            change = self.inboxes[member].popleft()
            self.uses[member] = change.units
            if change.serial:
                self.outbox.append((member, change.serial))

    def confirm(self) -> None:
        if self.outbox:
            self.budget.confirmed(*self.outbox.popleft())

    def settle(self) -> None:
        for change in self.budget.settle():
            self.inboxes[change.member].append(change)


@at_most(100)
@given(st.integers(0, 2**32), st.integers(1, 9))
def test_what_members_may_use_is_never_more_than_the_whole(seed: int, units: int) -> None:
    """Whenever messages arrive and members die; and in the end all of it is used."""
    chance = random.Random(seed)
    members = Members(units)
    for _ in range(80):
        member = chance.choice(list(members.inboxes))
        match chance.randrange(5):
            case 0:
                chosen = chance.sample(list(members.inboxes), min(4, chance.randint(0, units)))
                members.budget.divide({each: chance.random() for each in chosen})
            case 1:
                members.confirm()
            case 2 if chance.random() < 0.1:
                members.die(member)
            case _:
                members.hear(member)
        members.settle()
        assert sum(members.uses.values()) <= units
        assert members.budget.in_force <= units
    members.budget.give_all(member := next(iter(members.inboxes)))
    for _ in range(20):
        members.settle()
        for each in members.inboxes:
            members.hear(each)
        members.confirm()
    for _ in range(80):
        members.confirm()
        members.settle()
        members.hear(member)
    assert members.uses[member] == units


@pytest.mark.parametrize(
    ("limits", "units"),
    [
        (Limits(8), 8),
        (Limits(interval=1 / 5), 5),
        (Limits(interval=60.0), 1),
        (Limits(6, interval=0.1), 6),
        (Limits(limit_rate=1000), 1),
        (Limits(limit_rate=1_000_000), 15),
    ],
)
def test_limits_are_divided_into_whole_numbers(limits: Limits, units: int) -> None:
    assert units_of(limits) == units
    assert part_of(limits, units, units) is limits
    one = part_of(limits, 1, units)
    assert (one.per_host or 0) * units <= (limits.per_host or 0)
    assert one.per_host != 0
    if limits.interval and units > 1:
        assert one.interval >= limits.interval * units * 0.999
        assert 1 / one.interval == pytest.approx(round(1 / one.interval))
    assert (one.limit_rate or 0) * units <= (limits.limit_rate or 0)


def test_a_budget_without_parts_lets_nothing_begin() -> None:
    assert budget_of("http://a:80", 3, Limits(8), 0, 8).per_host == 0
    assert budget_of("http://a:80", 3, Limits(interval=0.5), 2, 2).interval == 0.5
