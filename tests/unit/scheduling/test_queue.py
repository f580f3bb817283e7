"""Which target may start now, in virtual time."""

from __future__ import annotations

import gc
import math
import random
import tracemalloc
from collections.abc import Sized
from itertools import count, pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pyfetch.models import Failure, HostSignal, Target
from pyfetch.scheduling import host_limits, queue
from pyfetch.scheduling.host_failures import SEVERAL, SILENT_PROBES
from pyfetch.scheduling.host_limits import HostRules, Limits
from pyfetch.scheduling.hosts import Host
from pyfetch.scheduling.queue import REMEMBERED, HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from tests.support.cases import cases
from tests.support.schedules import AT_ONCE, BUSY, NOW, answer, asking, at, push_back

LATER = 1e9


def holding(*targets: Target, limits: Limits | None = None) -> HostQueues:
    schedule = HostQueues(limits, AT_ONCE)
    for target in targets:
        schedule.add(target)
    return schedule


def started(schedule: HostQueues, now: float = NOW) -> list[int]:
    """The indexes of all that may start now, in the order in which they start."""
    indexes = []
    while target := schedule.next(now):
        indexes.append(target.index)
    return indexes


def traces(schedule: HostQueues) -> int:
    """How many things a schedule remembers, of whatever kind."""
    kept = [each for each in vars(schedule).values() if not isinstance(each, tuple)]
    return sum(len(each) for each in kept if isinstance(each, Sized))


def test_an_empty_schedule_has_nothing_to_start_and_nothing_to_wait_for() -> None:
    schedule = HostQueues()
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
    push_back(schedule, "a", 10)
    assert asking(schedule) == [2, 4]
    assert len(schedule) == 2


def test_a_pause_ends_at_its_time_with_one_probe() -> None:
    schedule = holding(at(1), at(2))
    push_back(schedule, "a", 10)
    assert asking(schedule) == []
    assert schedule.wake_at() == NOW + 10
    assert asking(schedule, NOW + 9.999) == []
    # Of another URL than the one that was refused, which is the first.
    assert asking(schedule, NOW + 10) == [2]


def test_a_pause_holds_for_targets_that_come_during_it() -> None:
    schedule = holding()
    push_back(schedule, "a", 10)
    schedule.add(at(1))
    assert asking(schedule) == []
    assert asking(schedule, NOW + 10) == [1]


@cases("pauses", [(10, 5), (5, 10), (10, 10), (5, 10, 7)])
def test_the_longest_pause_holds(pauses: tuple[int, ...]) -> None:
    schedule = holding(at(1))
    for seconds in pauses:
        push_back(schedule, "a", seconds)
    assert asking(schedule, NOW + 5) == []
    assert asking(schedule, NOW + 9) == []
    assert asking(schedule, NOW + 10) == [1]


def test_after_a_pause_a_host_takes_its_place_by_index() -> None:
    schedule = holding(at(1, "a"), at(2, "b"), at(3, "c"))
    push_back(schedule, "a", 10)
    assert started(schedule, NOW + 10) == [1, 2, 3]


def test_a_target_that_goes_on_elsewhere_waits_for_that_host() -> None:
    schedule = holding(at(1, "a"), at(2, "a"))
    push_back(schedule, "b", 10)
    assert schedule.next(NOW) == at(1, "a")
    schedule.again(at(1, "a"), "b", NOW)
    assert started(schedule) == [2]
    assert started(schedule, NOW + 10) == [1]


def test_a_full_host_leaves_its_worker_to_another() -> None:
    schedule = holding(*(at(n, "a") for n in range(1, 6)), at(6, "b"), limits=Limits(per_host=2))
    assert asking(schedule) == [1, 2, 6]
    assert schedule.wake_at() is None
    answer(schedule, "a")
    assert asking(schedule) == [3]


def test_requests_to_a_host_keep_their_distance() -> None:
    limits = Limits(interval=0.5)
    schedule = holding(at(1, "a"), at(2, "a"), at(3, "b"), at(4, "a"), limits=limits)
    assert asking(schedule) == [1, 3]
    assert schedule.wake_at() == NOW + 0.5
    assert asking(schedule, NOW + 0.4) == []
    assert asking(schedule, NOW + 0.5) == [2]
    assert asking(schedule, NOW + 1.0) == [4]


def test_a_host_has_limits_of_its_own() -> None:
    own = {"a": Limits(per_host=1), "b": Limits(interval=3600)}
    schedule = HostQueues(
        None, AT_ONCE, lambda origin: HostRules(own.get(origin, Limits()), AT_ONCE)
    )
    for target in (at(1, "a"), at(2, "a"), at(3, "b"), at(4, "b"), at(5, "c"), at(6, "c")):
        schedule.add(target)
    assert asking(schedule) == [1, 3, 5, 6]
    answer(schedule, "a")
    assert asking(schedule) == [2]
    assert asking(schedule, NOW + 3599) == []
    assert asking(schedule, NOW + 3600) == [4]


def test_requests_to_whomever_keep_their_distance() -> None:
    schedule = holding(at(1, "a"), at(2, "b"), limits=Limits(interval_of_all=0.5))
    assert asking(schedule) == [1]
    assert schedule.wake_at() == NOW + 0.5
    assert asking(schedule, NOW + 0.5) == [2]


def test_hosts_that_never_answered_leave_half_of_the_workers_to_those_that_did() -> None:
    schedule = holding(*(at(n, "dead" if n % 2 else "well") for n in range(1, 21)))
    first = schedule.next(NOW, 8)
    assert first == at(1, "dead")
    schedule.started("dead", NOW)
    assert schedule.next(NOW, 8) == at(2, "well")
    schedule.started("well", NOW)
    answer(schedule, "well")
    indexes = []
    for _ in range(12):
        target = schedule.next(NOW, 8)
        assert target
        schedule.started(target.origin, NOW)
        indexes.append(target.index)
    # 1, 3, 5 and 7 are of the dead host; from then on the others go first while there are some.
    assert indexes == [3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20]
    assert asking(schedule) == [9, 11, 13, 15, 17, 19]


def test_probes_are_drawn_from_all_over_the_queue() -> None:
    """The first URLs of a host hang; those behind them are asked, and not one after the other."""
    schedule = holding(*(at(n) for n in range(1, 101)))
    for index in (1, 2, 3):
        assert schedule.next(NOW) == at(index)
        schedule.started("a", NOW)
    for index in (1, 2, 3):
        hung = BUSY._replace(index=index, status=None, error=Failure.TIMEOUT)
        schedule.ended("a", NOW + 30, NOW, HostSignal.SILENT, None, hung)
        schedule.again(at(index), "a", NOW + 30)
    probes = asking(schedule, NOW + 31)
    assert len(probes) == SILENT_PROBES
    assert not {1, 2, 3} & set(probes)
    assert max(probes) > 10, "all four among the first seven of 97: once in 100,000 draws"
    answer(schedule, "a", NOW + 31)
    assert asking(schedule, NOW + 31)[0] == 1


def test_the_probe_of_a_host_that_refused_its_only_url_is_that_url() -> None:
    schedule = holding(at(1))
    push_back(schedule, "a", 10)
    assert asking(schedule, NOW + 10) == [1]


@pytest.mark.slow
def test_of_many_dead_hosts_little_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "REMEMBERED", 50)
    monkeypatch.setattr(host_limits, "MOST_REMEMBERED", 100)
    dead = BUSY._replace(status=None, error=Failure.CONNECT, detail="connection refused")
    schedule = HostQueues(policy=RetryPolicy(retries=0, first_wait=0))

    def fail_often(number: int) -> None:
        for _ in range(SEVERAL):
            schedule.started(f"http://host-{number}.example", NOW)
            schedule.ended(
                f"http://host-{number}.example", NOW, NOW, HostSignal.UNREACHED, None, dead
            )
        schedule.next(NOW)

    for number in range(200):
        fail_often(number)
    tracemalloc.start()
    try:
        for number in range(200, 400):
            fail_often(number)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(400, 2400):
            fail_often(number)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000, "50 bytes for each of the 2,000"
    # A host that was asked not too long ago is still known to be down, an older one is not.
    for number, is_known in ((2399, True), (2299, True), (200, False)):
        origin = f"http://host-{number}.example"
        schedule.add(at(number, origin))
        assert bool(schedule.refusal(origin, NOW)) is is_known


def test_what_was_dropped_does_not_start() -> None:
    schedule = holding(at(1), at(2))
    assert schedule.next(NOW) == at(1)
    schedule.again(at(1), "a", NOW + 5)
    schedule.drop(at(1))
    assert len(schedule) == 1
    assert started(schedule, NOW + 5) == [2]
    assert len(schedule) == 0


def test_a_retry_waits_its_time_then_goes_ahead_of_later_targets() -> None:
    schedule = holding(at(1), at(2), at(3), at(4, "b"))
    assert schedule.next(NOW) == at(1)
    schedule.again(at(1), "a", NOW + 5)
    assert schedule.next(NOW) == at(2)
    assert started(schedule, NOW + 5) == [1, 3, 4]


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
    schedule.again(one, "a", NOW + 5)
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


@pytest.mark.slow
def test_names_that_are_done_leave_no_trace_and_hosts_no_more_than_so_many() -> None:
    schedule = HostQueues()
    for index in range(1, 2 * REMEMBERED):
        target = at(index, f"host-{index}", f"name-{index}")
        schedule.add(target)
        assert schedule.next(NOW) == target
        schedule.started(target.origin, NOW)
        schedule.finish(target)
        answer(schedule, target.origin)
    assert traces(schedule) <= 2 * (REMEMBERED + 1) + 2


@pytest.mark.slow
def test_a_host_that_has_to_be_left_alone_is_remembered() -> None:
    schedule = HostQueues(Limits(interval=3600), AT_ONCE)
    for index in range(1, 2 * REMEMBERED):
        target = at(index, f"host-{index}")
        schedule.add(target)
        assert schedule.next(NOW) == target
        schedule.started(target.origin, NOW)
        answer(schedule, target.origin)
    for index in range(1, 2 * REMEMBERED):
        schedule.add(at(index + 10_000, f"host-{index}"))
    assert schedule.next(NOW + 3599) is None


origins = st.sampled_from(["a", "b", "c"])
paths = st.sampled_from([None, None, "x", "y"])
waits = st.sampled_from([0.0, 0.0, 1.0, 2.0, 5.0])
# Whoever asked nobody is left out: what it did to the rate is undone, which no list here says.
_SIGNS = [sign for sign in HostSignal if sign is not HostSignal.NOT_ASKED]
signs = st.sampled_from([*_SIGNS, HostSignal.ANSWERED, HostSignal.ANSWERED])


class Highest(random.Random):
    """A random source that always gives the highest value, so that two hosts draw the same."""

    def uniform(self, a: float, b: float) -> float:
        return b


class AnyInterleaving(RuleBasedStateMachine):
    """A schedule beside a list of what waits, which is searched in full each time.

    How much each host bears is asked of hosts of our own, which are told the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.numbers = count(1)
        self.waiting: dict[Target, tuple[str, float]] = {}
        self.running: list[tuple[Target, str, float]] = []
        self.starts: dict[str, list[float]] = {"a": [], "b": [], "c": []}
        self.done: list[int] = []

    @initialize(
        per_host=st.sampled_from([None, 1, 2]),
        interval=st.sampled_from([0.0, 0.0, 1.0]),
        interval_of_all=st.sampled_from([0.0, 0.0, 0.5]),
        workers=st.sampled_from([1, 2, 8]),
    )
    def begin(
        self, per_host: int | None, interval: float, interval_of_all: float, workers: int
    ) -> None:
        self.limits = Limits(per_host, interval, interval_of_all)
        self.workers = workers
        policy = RetryPolicy(2, first_wait=3, randomness=Highest(1))
        self.schedule = HostQueues(self.limits, policy)
        self.hosts = {origin: Host(self.limits, policy) for origin in self.starts}

    def may_start_at(self, target: Target) -> float:
        """When this one may start if nothing else happens."""
        if target.path is not None:
            running = [t for t, _, _ in self.running]
            same = [t for t in (*running, *self.waiting) if t.path == target.path]
            if min(same, key=lambda t: t.index) is not target:
                return math.inf
        origin, not_before = self.waiting[target]
        host = self.hosts[origin].may_start(self.now)
        last = max((time for times in self.starts.values() for time in times), default=-math.inf)
        of_all = last + self.limits.interval_of_all
        return math.inf if host is None else max(not_before, host, of_all)

    @rule(origin=origins, path=paths)
    def add(self, origin: str, path: str | None) -> None:
        target = at(next(self.numbers), origin, path)
        self.schedule.add(target)
        self.waiting[target] = (origin, 0.0)

    def end(self, data: st.DataObject) -> tuple[Target, str]:
        number = data.draw(st.integers(0, len(self.running) - 1))
        target, origin, began = self.running.pop(number)
        sign = data.draw(signs)
        asked = data.draw(st.sampled_from([None, 1.0, 700.0]))
        status = data.draw(st.sampled_from([429, 503]))
        result = BUSY._replace(index=target.index, status=status)
        self.schedule.ended(origin, self.now, began, sign, asked, result)
        self.hosts[origin].ended(self.now, began, sign, asked, result)
        return target, origin

    @precondition(lambda self: self.running)
    @rule(data=st.data(), wait=waits)
    def try_again(self, data: st.DataObject, wait: float) -> None:
        target, _ = self.end(data)
        self.schedule.again(target, target.origin, self.now + wait)
        self.waiting[target] = (target.origin, self.now + wait)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), origin=origins)
    def go_on_elsewhere(self, data: st.DataObject, origin: str) -> None:
        target, _ = self.end(data)
        self.schedule.again(target, origin, self.now)
        self.waiting[target] = (origin, self.now)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        target, _ = self.end(data)
        self.schedule.finish(target)
        self.done.append(target.index)

    @rule(wait=st.sampled_from([0.25, 1.0, 4.0, 400.0]))
    def let_time_pass(self, wait: float) -> None:
        self.now += wait

    @rule()
    def start_one(self) -> None:
        times = {target: self.may_start_at(target) for target in self.waiting}
        due = [target for target, time in times.items() if time <= self.now]
        target = self.schedule.next(self.now, self.workers)
        if target is None:
            assert not due, "it says wait while something may start"
            wake_at = self.schedule.wake_at()
            assert wake_at is None or wake_at > self.now, "whoever waits for this never sleeps"
            earliest = min(times.values(), default=math.inf)
            if earliest < math.inf:
                assert wake_at is not None, "whoever waits for this never wakes"
                assert wake_at <= earliest
            return
        assert target in due
        # Only among hosts that have answered, or among those that have not, does the order hold.
        origin, _ = self.waiting.pop(target)
        answers = self.hosts[origin].reach.answers
        alike = [t for t in due if t is target or self.answers(t) == answers]
        first = min(alike, key=lambda t: t.index)
        if target is not first:
            assert self.hosts[origin].wants_another_url, "only a probe may overtake others"
            assert self.waiting[first][0] == origin
            assert self.hosts[origin].has_trouble_with(target.index) is False
        if self.schedule.refusal(origin, self.now):
            assert self.hosts[origin].refused(self.now)
            self.schedule.finish(target)
            self.done.append(target.index)
            return
        self.schedule.started(origin, self.now)
        self.hosts[origin].started(self.now)
        self.running.append((target, origin, self.now))
        self.starts[origin].append(self.now)

    def answers(self, target: Target) -> bool:
        return self.hosts[self.waiting[target][0]].reach.answers

    @invariant()
    def it_counts_what_waits(self) -> None:
        if hasattr(self, "schedule"):
            assert len(self.schedule) == len(self.waiting)

    @invariant()
    def no_cap_and_no_rate_is_exceeded(self) -> None:
        if not hasattr(self, "limits"):
            return
        for origin, times in self.starts.items():
            running = sum(where == origin for _, where, _ in self.running)
            assert running <= (self.limits.per_host or math.inf)
            assert all(b - a >= self.limits.interval for a, b in pairwise(times))
        of_all = sorted(time for times in self.starts.values() for time in times)
        assert all(b - a >= self.limits.interval_of_all for a, b in pairwise(of_all))

    @invariant()
    def no_name_is_used_twice_at_once(self) -> None:
        used = [target.path for target, _, _ in self.running if target.path]
        assert len(used) == len(set(used))

    def teardown(self) -> None:
        if not hasattr(self, "schedule"):
            return
        for _ in range(10_000):
            if not (self.waiting or self.running):
                break
            self.now += 1000.0
            self.start_one()
            for target, origin, began in self.running:
                self.schedule.ended(origin, self.now, began, HostSignal.ANSWERED, None, BUSY)
                self.hosts[origin].ended(self.now, began, HostSignal.ANSWERED, None, BUSY)
                self.schedule.finish(target)
                self.done.append(target.index)
            self.running.clear()
        assert sorted(self.done) == list(range(1, next(self.numbers)))


TestAnyInterleaving = AnyInterleaving.TestCase


def test_targets_that_were_not_begun_can_be_given_to_somebody_else() -> None:
    schedule = holding(*(at(index, path=str(index)) for index in range(5)), at(5, "b"))
    first = schedule.next(NOW)
    assert first is not None
    schedule.started("a", NOW)
    answer(schedule, "a")
    schedule.again(first, "a", NOW)  # it is tried again, so it has been begun
    removed = schedule.remove_ready("a", {0, 1})
    assert {target.index for target in removed} == {2, 3, 4}
    assert asking(schedule) == [0, 1, 5]
    schedule.add(at(2, path="2"))
    assert asking(schedule) == [2]
    assert schedule.remove_ready("nowhere", ()) == []
