"""Hosts and their budgets among members, with the real queues of members, in virtual time."""

from __future__ import annotations

import random
from collections import Counter, deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.cluster import known_hosts
from pyfetch.cluster.host_owners import HostOwners
from pyfetch.cluster.messages import HostsTold, TargetsReturned
from pyfetch.models import HostSignal, Target
from pyfetch.scheduling.host_budgets import BudgetObeyed, HostNews, HostReport, HostWanted
from pyfetch.scheduling.host_limits import HostRules, Limits
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.shared_queues import SharedHostQueues
from tests.support.examples import at_most
from tests.support.schedules import BUSY, at

POLICY = RetryPolicy(first_wait=0)


class FakeMember:
    """Real queues, and messages on their way in both directions."""

    def __init__(self, cluster: Cluster, number: int, workers: int) -> None:
        self.cluster = cluster
        self.number = number
        self.workers = workers
        self.inbox: deque[HostsTold | list[Target]] = deque()
        self.outbox: deque[HostReport | Target | TargetsReturned] = deque()
        self.running: list[tuple[Target, str, float]] = []
        self.has: dict[int, Target] = {}
        self.may_ask: set[str] = set()
        self.begun: set[int] = set()
        self.queues = SharedHostQueues(Limits(), POLICY, cluster.rules_of, tell=self.outbox.append)

    def __repr__(self) -> str:
        return f"member {self.number}"

    def hear(self) -> None:
        if not self.inbox:
            return
        message = self.inbox.popleft()
        if isinstance(message, list):
            for target in message:
                self.queues.add(target)
            return
        for budget in message.budgets:
            self.queues.obey(budget, self.cluster.now)
            (self.may_ask.discard if budget.per_host == 0 else self.may_ask.add)(budget.origin)
        for news in message.news:
            self.queues.hear(news, self.cluster.now)
        for origin in message.give_back:
            removed = self.queues.remove_ready(origin, self.begun)
            self.outbox.append(TargetsReturned(origin, tuple(each.index for each in removed)))

    def start(self) -> None:
        while len(self.running) < self.workers:
            target = self.queues.next(self.cluster.now)
            if target is None:
                return
            self.begun.add(target.index)
            origin = self.cluster.led_to.pop((self.number, target.index), target.origin)
            self.queues.started(origin, self.cluster.now)
            self.running.append((target, origin, self.cluster.now))
            self.cluster.asked(origin)

    def end(self, place: int, redirect: str | None = None, pushed_back: bool = False) -> None:
        if not self.running:
            return
        target, origin, began = self.running.pop(place % len(self.running))
        now = self.cluster.now
        if pushed_back:
            self.queues.ended(origin, now, began, HostSignal.PUSHED_BACK, 1.0, BUSY)
            self.cluster.led_to[self.number, target.index] = origin
            self.queues.again(target, origin, now)
            return
        self.queues.ended(origin, now, began, HostSignal.ANSWERED, None, None)
        if redirect:
            self.cluster.led_to[self.number, target.index] = redirect
            self.queues.again(target, redirect, now)
        else:
            self.queues.finish(target)
            self.outbox.append(target)

    def send(self) -> None:
        if not self.outbox:
            return
        owners, now = self.cluster.owners, self.cluster.now
        match message := self.outbox.popleft():
            case Target():
                del self.has[message.index]
                self.cluster.done.append(message.index)
                owners.finished(self, message, now)
            case TargetsReturned(origin, indexes):
                returned = [self.has.pop(index) for index in indexes]
                owners.returned(self, origin, returned, now)
            case HostNews():
                owners.heard(self, message, now)
            case HostWanted(origin):
                owners.wanted(self, origin, now)
            case BudgetObeyed():
                owners.obeyed(self, message, now)


class Cluster:
    """A coordinator's hosts and its members."""

    def __init__(self, limits: dict[str, Limits], members: int = 3, workers: int = 4) -> None:
        self.now = 1000.0
        self.limits = limits
        self.owners: HostOwners[FakeMember] = HostOwners(
            lambda origin: self.limits.get(origin),
            lambda member, told: member.inbox.append(told),
        )
        self.workers = workers
        self.led_to: dict[tuple[int, int], str] = {}
        self.times: dict[str, list[float]] = {}
        self.done: list[int] = []
        self.added = 0
        self.most = Counter[str]()
        self.by_member: dict[str, set[int]] = {}
        self.members: list[FakeMember] = []
        self.joined = 0
        for _ in range(members):
            self.join()

    def join(self) -> None:
        self.joined += 1
        self.members.append(FakeMember(self, self.joined, self.workers))

    def rules_of(self, origin: str) -> HostRules:
        return HostRules(self.limits.get(origin, Limits()), POLICY)

    def add(self, origin: str, number: int = 1) -> None:
        for _ in range(number):
            self.added += 1
            self.owners.add(at(self.added, origin))

    def asked(self, origin: str) -> None:
        """A server counts: what runs at once, and what comes in a second."""
        limits = self.limits.get(origin, Limits())
        running = sum(where == origin for member in self.members for _, where, _ in member.running)
        self.most[origin] = max(self.most[origin], running)
        assert running <= (limits.per_host or 1000)
        times = self.times.setdefault(origin, [])
        times.append(self.now)
        if limits.interval:
            latest = [time for time in times if time > self.now - 1.0]
            assert len(latest) <= 1 / limits.interval + 1

    def give(self, member: FakeMember, most: int | None = None) -> None:
        number = 2 * self.workers - len(member.has) if most is None else most
        if number <= 0:
            return
        targets = self.owners.take(member, number, self.now)
        if targets:
            member.has.update((target.index, target) for target in targets)
            member.inbox.append(targets)
            for target in targets:
                self.by_member.setdefault(target.origin, set()).add(member.number)
        elif not member.has:
            self.owners.help(member, self.workers, self.now)

    def kill(self, member: FakeMember) -> None:
        self.members.remove(member)
        self.owners.gone(member, self.now)
        self.owners.put_back([member.has[index] for index in sorted(member.has)])

    def step(self, seconds: float = 0.05) -> None:
        """Deliver and do all that may be done now, and let time pass."""
        for member in self.members:
            for _ in range(len(member.outbox)):
                member.send()
        self.owners.wake(self.now)
        for member in self.members:
            self.give(member)
        for member in self.members:
            for _ in range(len(member.inbox)):
                member.hear()
            member.start()
        self.now += seconds
        for member in self.members:
            for _ in range(len(member.running)):
                member.end(0)
            member.start()

    def run(self, steps: int = 4000) -> None:
        for _ in range(steps):
            if len(self.done) == self.added:
                return
            self.step()
        raise AssertionError(f"{self.added - len(self.done)} targets are left: {self.owners!r}")


def test_each_target_of_each_host_is_done_once() -> None:
    cluster = Cluster({"a": Limits(2), "b": Limits(interval=0.1)})
    for _ in range(50):
        for origin in "abcd":
            cluster.add(origin)
    cluster.run()
    assert sorted(cluster.done) == list(range(1, 201))


def test_a_small_host_with_limits_keeps_its_owner() -> None:
    origins = [f"host{number}" for number in range(30)]
    cluster = Cluster(dict.fromkeys(origins, Limits(2)))
    for _ in range(4):
        for origin in origins:
            cluster.add(origin)
    cluster.run()
    asked_by = sum(len(members) for members in cluster.by_member.values())
    assert asked_by <= 40  # some go to one that has nothing else, at the end
    assert len(set.union(*cluster.by_member.values())) == 3


def test_a_big_host_is_divided_among_members_that_have_nothing_else() -> None:
    cluster = Cluster({"a": Limits(6)})
    cluster.add("a", 2000)
    cluster.run()
    assert cluster.by_member["a"] == {1, 2, 3}
    assert cluster.most["a"] == 6


def test_a_rate_that_its_owner_can_use_is_not_divided() -> None:
    cluster = Cluster({"a": Limits(interval=0.05)})
    cluster.add("a", 400)
    cluster.run()
    assert len(cluster.by_member["a"]) == 1
    times = cluster.times["a"]
    assert len(times) / (times[-1] - times[0]) > 0.9 / 0.05


def test_a_member_that_has_nothing_gets_hosts_of_a_busy_one() -> None:
    origins = [f"host{number}" for number in range(40)]
    cluster = Cluster(dict.fromkeys(origins, Limits(1)), members=1, workers=2)
    for origin in origins:
        cluster.add(origin, 20)
    for _ in range(20):
        cluster.step()
    cluster.join()
    cluster.run()
    assert any(2 in members for members in cluster.by_member.values())
    assert Counter(
        number for members in cluster.by_member.values() for number in members
    )[2] >= 10  # fmt: skip


def test_a_redirect_to_a_host_of_another_member_waits_for_a_part() -> None:
    cluster = Cluster({"a": Limits(1), "b": Limits(1)}, members=2, workers=1)
    cluster.add("a", 8)
    cluster.add("b", 8)
    for _ in range(3):
        cluster.step()
    first, _ = cluster.members
    first.start()
    assert first.running
    elsewhere = "b" if first.running[0][1] == "a" else "a"
    first.end(0, redirect=elsewhere)
    cluster.run()
    assert cluster.most == {"a": 1, "b": 1}


def test_a_host_without_limits_is_asked_by_all() -> None:
    cluster = Cluster({})
    cluster.add("a", 300)
    cluster.run()
    assert cluster.by_member["a"] == {1, 2, 3}
    assert cluster.most["a"] == 12


def test_a_host_without_limits_that_refuses_is_left_to_one_member() -> None:
    cluster = Cluster({})
    cluster.add("a", 600)
    cluster.step()
    cluster.members[1].end(0, pushed_back=True)
    cluster.members[1].send()
    cluster.by_member.clear()
    for _ in range(15):
        cluster.step()
    assert cluster.by_member.get("a", set()) <= {2}
    cluster.run()


def test_what_others_have_not_begun_of_a_host_with_a_pace_goes_to_its_owner() -> None:
    cluster = Cluster({}, members=2)
    cluster.add("a", 60)
    first, second = cluster.members
    cluster.give(first, 20)
    cluster.give(second, 20)
    second.hear()
    second.start()
    began = len(second.running)
    cluster.owners.heard(first, HostNews("a", 0.0, rate=5.0), cluster.now)
    second.hear()
    second.send()
    assert len(second.has) == began
    assert cluster.owners.waiting == 60 - 20 - began
    cluster.give(second, 20)
    assert len(second.has) == began
    cluster.run()


def test_what_waits_for_a_host_is_known() -> None:
    cluster = Cluster({"a": Limits(interval=0.5), "b": Limits(2)}, members=1, workers=1)
    cluster.add("a", 10)
    cluster.add("b", 5)
    assert (cluster.owners.waiting_at("a"), cluster.owners.held_back) == (10, 10)
    cluster.give(cluster.members[0], 2)
    assert (cluster.owners.waiting_at("a"), cluster.owners.held_back) == (8, 8)
    cluster.kill(cluster.members[0])
    assert (cluster.owners.waiting_at("a"), cluster.owners.held_back) == (10, 10)
    assert cluster.owners.waiting_at("nowhere") == 0
    cluster.join()
    cluster.run()
    assert cluster.owners.held_back == 0


def test_news_reach_all_that_may_ask_and_the_next_owner() -> None:
    cluster = Cluster({"a": Limits(2)}, members=2)
    cluster.add("a", 20)
    first, second = cluster.members
    cluster.give(first)
    cluster.owners.heard(first, HostNews("a", 30.0, "429", rate=2.0), cluster.now)
    cluster.now += 10
    cluster.kill(first)
    cluster.now += 20
    cluster.give(second)
    told = second.inbox[0]
    assert isinstance(told, HostsTold)
    assert [news.rate for news in told.news] == [2.0]


def test_the_hosts_of_a_member_that_died_go_to_others_after_the_interval() -> None:
    cluster = Cluster({"a": Limits(interval=10.0)}, members=2)
    cluster.add("a", 3)
    first, second = cluster.members
    cluster.give(first)
    first.hear()
    first.hear()
    first.start()
    cluster.kill(first)
    died = cluster.now
    cluster.run()
    assert cluster.times["a"][1] >= died + 10
    assert second.number in cluster.by_member["a"]


@pytest.mark.slow
def test_what_is_kept_of_hosts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_hosts, "MOST_IDLE", 20)
    cluster = Cluster({f"host{number}": Limits(1) for number in range(400)}, members=2)
    for number in range(400):
        cluster.add(f"host{number}")
        cluster.step()
    cluster.run()
    for _ in range(10):
        cluster.step()
    assert len(cluster.owners) <= 20
    assert sum(len(member.may_ask) for member in cluster.members) <= 20


@example(8905542, 1, 0)  # a host is handed on while another member waits for its turn
@example(243, 1, 3)
@example(49, 2, 3)  # a member with half of a rate loses its turn before it may ask
@at_most(60)
@given(st.integers(0, 2**32), st.integers(1, 5), st.sampled_from([0, 3, 8, 20]))
@pytest.mark.slow
def test_no_host_is_asked_more_than_it_may_however_messages_and_deaths_fall(
    seed: int, most: int, rate: int
) -> None:
    """And all targets are done in the end."""
    chance = random.Random(seed)
    limits = {
        "a": Limits(most),
        "b": Limits(most, interval=1 / rate if rate else 0.0),
        "c": Limits(1),
    }
    cluster = Cluster(limits, members=3, workers=3)
    for _ in range(300):
        happens(cluster, chance)
    cluster.run()
    assert sorted(cluster.done) == list(range(1, cluster.added + 1))


def happens(cluster: Cluster, chance: random.Random) -> None:
    """One thing that may happen at any moment."""
    member = chance.choice(cluster.members)
    match chance.randrange(12):
        case 0:
            cluster.add(chance.choice("abcd"), chance.choice((1, 1, 5, 40)))
        case 1 | 2:
            cluster.give(member, chance.randrange(1, 6))
        case 3 | 4:
            member.hear()
        case 5 | 6:
            member.send()
        case 7:
            member.start()
        case 8 | 9:
            redirect = chance.choice([None, None, None, "a", "b", "c", "d"])
            member.end(chance.randrange(9), redirect, pushed_back=chance.random() < 0.05)
        case 10:
            cluster.now += chance.choice((0.01, 0.1, 0.6))
            cluster.owners.wake(cluster.now)
            cluster.owners.help(member, cluster.workers, cluster.now)
        case 11 if chance.random() < 0.1:
            if len(cluster.members) > 1:
                cluster.kill(member)
            cluster.join()
