"""Queues of a member that shares hosts with others: budgets, and news of hosts."""

from __future__ import annotations

import math

import pytest

from pyfetch.scheduling.host_budgets import (
    BudgetObeyed,
    HostBudget,
    HostNews,
    HostReport,
    HostWanted,
)
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.shared_queues import SharedHostQueues
from tests.support.schedules import AT_ONCE, BUSY, NOW, answer, asking, at, push_back


class Member:
    """Queues with limits for each host, and what they have told."""

    def __init__(self, limits: Limits, targets: int = 0) -> None:
        self.told: list[HostReport] = []
        self.queues = SharedHostQueues(limits, AT_ONCE, tell=self.told.append)
        for index in range(targets):
            self.queues.add(at(index))

    def obey(self, serial: int, per_host: int | None, now: float = NOW, **more: float) -> None:
        self.queues.obey(HostBudget("a", serial, per_host, **more), now)  # type: ignore[arg-type]

    @property
    def obeyed(self) -> list[int]:
        return [report.serial for report in self.told if isinstance(report, BudgetObeyed)]

    @property
    def news(self) -> list[HostNews]:
        return [report for report in self.told if isinstance(report, HostNews)]


def test_a_host_with_limits_is_wanted_once_and_not_asked_without_a_budget() -> None:
    member = Member(Limits(2), 3)
    assert asking(member.queues) == []
    assert member.told == [HostWanted("a")]
    member.obey(1, 2)
    assert asking(member.queues) == [0, 1]
    assert member.obeyed == [1]


def test_a_host_without_limits_needs_no_budget() -> None:
    member = Member(Limits(), 3)
    assert asking(member.queues) == [0, 1, 2]
    assert member.told == []


def test_a_smaller_budget_is_obeyed_once_fewer_attempts_are_in_flight() -> None:
    member = Member(Limits(4), 8)
    member.obey(1, 4)
    assert len(asking(member.queues)) == 4
    member.obey(2, 2)
    assert member.obeyed == [1]
    answer(member.queues, "a")
    assert member.obeyed == [1]
    answer(member.queues, "a")
    assert member.obeyed == [1, 2]
    assert asking(member.queues) == []
    answer(member.queues, "a")
    assert len(asking(member.queues)) == 1


def test_a_budget_that_is_taken_away_is_wanted_again_if_targets_wait() -> None:
    member = Member(Limits(1), 2)
    member.obey(1, 1)
    assert asking(member.queues) == [0]
    member.obey(2, 0)
    assert member.obeyed == [1]
    answer(member.queues, "a")
    assert (member.obeyed, member.told.count(HostWanted("a"))) == ([1, 2], 2)
    assert asking(member.queues) == []
    member.obey(3, 1)
    assert asking(member.queues) == [1]


def test_the_next_member_keeps_the_interval_since_the_last_request() -> None:
    interval = 5.0
    first = Member(Limits(interval=interval), 1)
    second = Member(Limits(interval=interval), 1)
    first.obey(1, None, interval=interval)
    assert asking(first.queues) == [0]
    first.obey(2, 0, NOW + 1)
    obeyed = first.told[-1]
    assert isinstance(obeyed, BudgetObeyed)
    second.queues.hear(obeyed.news, NOW + 2)  # its clock is another one
    second.obey(1, None, NOW + 2, interval=interval)
    assert asking(second.queues, NOW + 5.9) == []
    assert asking(second.queues, NOW + 6) == [0]


def test_a_pause_is_told_at_once_and_holds_at_another_member() -> None:
    first, second = Member(Limits(), 2), Member(Limits(), 2)
    push_back(first.queues, "a", 7.0)
    (news,) = first.news
    assert news.wait == pytest.approx(7, abs=1)
    assert news.reason == "429"
    second.queues.hear(news, NOW)
    assert asking(second.queues, NOW + 6.9) == []
    assert asking(second.queues, NOW + 8) == [0]  # then with one probe, as the first one


def test_what_is_heard_is_not_told_again() -> None:
    member = Member(Limits(), 2)
    member.queues.hear(HostNews("a", 7.0, "429", rate=2.0, refused_rate=3.0), NOW)
    later = NOW + 10
    assert asking(member.queues, later) == [0]
    answer(member.queues, "a", later)
    assert member.news == []


def test_a_host_that_another_member_has_given_up_is_not_asked() -> None:
    member = Member(Limits(), 1)
    member.queues.hear(HostNews("a", refused_for=60.0, failure=BUSY.error, detail="down"), NOW)
    refusal = member.queues.refusal("a", NOW + 1)
    assert refusal
    assert refusal.detail == "down"
    assert member.queues.refusal("a", NOW + 61) is None


def test_news_of_a_host_that_is_not_known_yet_hold_when_it_is() -> None:
    member = Member(Limits())
    member.queues.hear(HostNews("a", 7.0, "429", rate=0.5), NOW)
    member.queues.add(at(1))
    member.queues.add(at(2))
    assert asking(member.queues, NOW + 6) == []
    assert asking(member.queues, NOW + 7) == [1]
    answer(member.queues, "a", NOW + 7)
    assert asking(member.queues, NOW + 8) == []
    assert asking(member.queues, NOW + 9) == [2]


def test_a_host_to_which_a_redirect_leads_is_announced() -> None:
    member = Member(Limits(), 1)
    (index,) = asking(member.queues)
    answer(member.queues, "a")
    member.queues.again(at(index), "b", NOW)
    assert member.told == [HostWanted("b")]


def test_a_part_of_the_rate_of_all_holds_from_its_message_on() -> None:
    member = Member(Limits(interval_of_all=1.0), 4)
    member.queues.obey_run(1.0, math.inf, NOW)
    assert asking(member.queues, NOW + 100) == []
    member.queues.obey_run(2.0, 1.0, NOW + 100)
    assert asking(member.queues, NOW + 100.9) == []
    assert asking(member.queues, NOW + 101) == [0]
    assert asking(member.queues, NOW + 102.9) == []
    member.queues.obey_run(2.0, math.inf, NOW + 102.9)
    assert asking(member.queues, NOW + 200) == []
    member.queues.obey_run(0.0, 0.0, NOW + 200)
    assert asking(member.queues, NOW + 200) == [1, 2, 3]


def test_a_part_that_begins_does_not_make_up_for_time_in_which_there_was_none() -> None:
    member = Member(Limits(), 1)
    member.queues.obey_run(0.5, 0.5, NOW)
    assert asking(member.queues, NOW + 0.4) == []
    assert asking(member.queues, NOW + 0.5) == [0]
