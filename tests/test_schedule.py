"""Which target may start now, in virtual time."""

from __future__ import annotations

from collections.abc import Sized
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyfetch.model import Target
from pyfetch.schedule import Schedule

NOW = 1000.0
LATER = 1e9


def at(index: int, origin: str = "a", path: str | None = None) -> Target:
    return Target(index, f"http://{origin}/{index}", origin, path)


def holding(*targets: Target) -> Schedule:
    schedule = Schedule()
    for target in targets:
        schedule.add(target)
    return schedule


def started(schedule: Schedule, now: float = NOW) -> list[int]:
    """The indexes of all that may start now, in the order in which they start."""
    indexes = []
    while target := schedule.next(now):
        indexes.append(target.index)
    return indexes


def traces(schedule: Schedule) -> int:
    """How many things a schedule remembers, of whatever kind."""
    return sum(len(kept) for kept in vars(schedule).values() if isinstance(kept, Sized))


def test_an_empty_schedule_has_nothing_to_start_and_nothing_to_wait_for() -> None:
    schedule = Schedule()
    assert len(schedule) == 0
    assert schedule.next(NOW) is None
    assert schedule.wake_at() is None


def test_targets_of_a_host_start_in_input_order() -> None:
    assert started(holding(at(3), at(1), at(2))) == [1, 2, 3]


def test_of_all_hosts_the_smallest_index_starts_first() -> None:
    schedule = holding(at(4, "b"), at(1, "a"), at(3, "c"), at(2, "b"), at(5, "a"))
    assert started(schedule) == [1, 2, 3, 4, 5]


def test_a_target_that_has_started_waits_no_more() -> None:
    schedule = holding(at(1), at(2, "b"))
    assert len(schedule) == 2
    schedule.next(NOW)
    assert len(schedule) == 1
    assert started(schedule) == [2]
    assert len(schedule) == 0


def test_a_paused_host_does_not_hold_back_others() -> None:
    schedule = holding(at(1, "a"), at(2, "b"), at(3, "a"), at(4, "c"))
    schedule.pause("a", NOW + 10)
    assert started(schedule) == [2, 4]
    assert len(schedule) == 2


def test_a_pause_ends_at_its_time() -> None:
    schedule = holding(at(1), at(2))
    schedule.pause("a", NOW + 10)
    assert started(schedule) == []
    assert schedule.wake_at() == NOW + 10
    assert started(schedule, NOW + 9.999) == []
    assert started(schedule, NOW + 10) == [1, 2]


def test_a_pause_holds_for_targets_that_come_during_it() -> None:
    schedule = Schedule()
    schedule.pause("a", NOW + 10)
    schedule.add(at(1))
    assert started(schedule) == []
    assert started(schedule, NOW + 10) == [1]


@pytest.mark.parametrize("pauses", [(10, 5), (5, 10), (10, 10), (5, 10, 7)])
def test_the_longest_pause_holds(pauses: tuple[int, ...]) -> None:
    schedule = holding(at(1))
    for seconds in pauses:
        schedule.pause("a", NOW + seconds)
    assert started(schedule, NOW + 5) == []
    assert started(schedule, NOW + 9) == []
    assert started(schedule, NOW + 10) == [1]


def test_a_host_may_be_paused_again() -> None:
    schedule = holding(at(1), at(2))
    schedule.pause("a", NOW + 10)
    first = schedule.next(NOW + 10)
    assert first == at(1)
    schedule.pause("a", NOW + 20)
    assert started(schedule, NOW + 19) == []
    assert started(schedule, NOW + 20) == [2]


def test_a_pause_that_is_over_holds_nothing_up() -> None:
    schedule = holding(at(1))
    schedule.pause("a", NOW - 1)
    assert started(schedule) == [1]


def test_after_a_pause_a_host_takes_its_place_by_index() -> None:
    schedule = holding(at(1, "a"), at(2, "b"), at(3, "a"))
    schedule.pause("a", NOW + 10)
    assert started(schedule, NOW + 10) == [1, 2, 3]


def test_a_target_does_not_start_before_its_time() -> None:
    schedule = Schedule()
    schedule.add(at(1), NOW + 5)
    schedule.add(at(2))
    assert started(schedule) == [2]
    assert len(schedule) == 1
    assert schedule.wake_at() == NOW + 5
    assert started(schedule, NOW + 4.999) == []
    assert started(schedule, NOW + 5) == [1]


def test_a_target_whose_name_is_busy_does_not_start_before_its_time_either() -> None:
    schedule = holding(at(1, path="x"))
    schedule.add(at(2, path="x"), NOW + 5)
    assert started(schedule) == [1]
    schedule.finish(at(1, path="x"))
    assert started(schedule, NOW + 4.999) == []
    assert started(schedule, NOW + 5) == [2]


def test_a_retry_waits_its_time_then_goes_ahead_of_later_targets() -> None:
    schedule = holding(at(1), at(2), at(3), at(4, "b"))
    assert schedule.next(NOW) == at(1)
    schedule.again(at(1), NOW + 5)
    assert schedule.next(NOW) == at(2)
    assert started(schedule, NOW + 5) == [1, 3, 4]


def test_a_retry_of_a_paused_host_waits_for_both() -> None:
    schedule = holding(at(1))
    schedule.next(NOW)
    schedule.again(at(1), NOW + 5)
    schedule.pause("a", NOW + 10)
    assert started(schedule, NOW + 5) == []
    assert started(schedule, NOW + 10) == [1]


def test_the_next_time_to_ask_is_the_earliest() -> None:
    schedule = holding(at(1, "a"), at(2, "b"), at(3, "c"))
    schedule.pause("a", NOW + 30)
    schedule.pause("b", NOW + 10)
    schedule.add(at(4, "d"), NOW + 20)
    started(schedule)
    assert schedule.wake_at() == NOW + 10
    started(schedule, NOW + 10)
    assert schedule.wake_at() == NOW + 20
    started(schedule, NOW + 20)
    assert schedule.wake_at() == NOW + 30


def test_two_targets_of_one_path_never_run_at_once_and_go_in_order() -> None:
    one, two, three = at(1, "a", "x"), at(2, "b", "x"), at(3, "a", "x")
    schedule = holding(one, two, three)
    assert started(schedule) == [1]
    schedule.finish(one)
    assert started(schedule) == [2]
    schedule.finish(two)
    assert started(schedule) == [3]


def test_a_target_that_waits_for_its_name_does_not_hold_back_others() -> None:
    schedule = holding(at(1, "a", "x"), at(2, "a", "x"), at(3, "a", "y"), at(4, "a"), at(5, "a"))
    assert started(schedule) == [1, 3, 4, 5]
    assert len(schedule) == 1


def test_a_name_is_busy_while_its_target_waits_for_another_attempt() -> None:
    one, two = at(1, "a", "x"), at(2, "b", "x")
    schedule = holding(one, two)
    schedule.next(NOW)
    schedule.again(one, NOW + 5)
    assert started(schedule) == []
    assert started(schedule, NOW + 5) == [1]
    schedule.finish(one)
    assert started(schedule, NOW + 5) == [2]


def test_a_name_is_free_again_when_its_last_target_is_done() -> None:
    one, two = at(1, path="x"), at(2, path="x")
    schedule = holding(one)
    schedule.next(NOW)
    schedule.finish(one)
    schedule.add(two)
    assert started(schedule) == [2]


def test_hosts_and_names_that_are_done_leave_no_trace() -> None:
    schedule = Schedule()
    for index in range(1, 1001):
        target = at(index, f"host-{index}", f"name-{index}")
        schedule.add(target)
        assert schedule.next(NOW) == target
        schedule.finish(target)
    assert traces(schedule) == 0


def test_a_pause_of_a_host_without_targets_leaves_no_trace() -> None:
    schedule = Schedule()
    for number in range(100):
        schedule.pause(f"host-{number}", NOW + 5)
        schedule.pause(f"host-{number}", NOW + 10)
    assert schedule.next(NOW + 10) is None
    assert traces(schedule) == 0


origins = st.sampled_from(["a", "b", "c"])
paths = st.sampled_from([None, None, "x", "y"])
seconds = st.sampled_from([-1.0, 0.0, 1.0, 1.0, 2.0, 5.0])


class AnyInterleaving(RuleBasedStateMachine):
    """A schedule beside a list of what waits, which is searched in full each time."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.now = NOW
        self.numbers = count(1)
        self.waiting: dict[Target, float] = {}
        self.running: list[Target] = []
        self.paused: dict[str, float] = {}

    def may_start_at(self, target: Target) -> float | None:
        """When this one may start if nothing else happens; None: it waits for its name."""
        if target.path is not None:
            same = [t for t in (*self.running, *self.waiting) if t.path == target.path]
            if min(same, key=lambda t: t.index) is not target:
                return None
        return max(self.waiting[target], self.paused.get(target.origin, 0.0))

    @rule(origin=origins, path=paths)
    def add(self, origin: str, path: str | None) -> None:
        target = at(next(self.numbers), origin, path)
        self.schedule.add(target)
        self.waiting[target] = 0.0

    @precondition(lambda self: self.running)
    @rule(data=st.data(), wait=seconds)
    def try_again(self, data: st.DataObject, wait: float) -> None:
        target = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.schedule.again(target, self.now + wait)
        self.waiting[target] = self.now + wait

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.schedule.finish(self.running.pop(data.draw(st.integers(0, len(self.running) - 1))))

    @rule(origin=origins, wait=seconds)
    def pause(self, origin: str, wait: float) -> None:
        self.schedule.pause(origin, self.now + wait)
        self.paused[origin] = max(self.paused.get(origin, 0.0), self.now + wait)

    @rule(wait=st.sampled_from([0.5, 1.0, 4.0]))
    def let_time_pass(self, wait: float) -> None:
        self.now += wait

    @rule()
    def start_one(self) -> None:
        times = {t: time for t in self.waiting if (time := self.may_start_at(t)) is not None}
        due = [target for target, time in times.items() if time <= self.now]
        expected = min(due, key=lambda t: t.index, default=None)
        assert self.schedule.next(self.now) == expected
        if expected:
            del self.waiting[expected]
            self.running.append(expected)
            return
        wake_at = self.schedule.wake_at()
        assert wake_at is None or wake_at > self.now, "whoever waits for this never sleeps"
        if times:
            assert wake_at is not None, "whoever waits for this never wakes"
            assert wake_at <= min(times.values())

    @invariant()
    def it_counts_what_waits(self) -> None:
        assert len(self.schedule) == len(self.waiting)

    def teardown(self) -> None:
        self.now = LATER
        while self.waiting or self.running:
            self.start_one()
            while self.running:
                self.schedule.finish(self.running.pop())
        assert self.schedule.next(self.now) is None
        assert traces(self.schedule) == 0


TestAnyInterleaving = AnyInterleaving.TestCase
