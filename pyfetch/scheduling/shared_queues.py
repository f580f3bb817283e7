"""The queues of one member of a run, whose hosts other members may ask, too. Pure.

A host with limits is asked only as far as the budget allows that this member was told, so its
targets may have to wait for a budget. What is learned of a host is told, and heard.
"""

from __future__ import annotations

import math

from pyfetch.models import HostSignal, Result, Target
from pyfetch.scheduling.host_budgets import (
    BudgetObeyed,
    HostAsked,
    HostBudget,
    HostNews,
    HostWanted,
    Tell,
)
from pyfetch.scheduling.host_limits import HostMemory, Limits, RulesOf
from pyfetch.scheduling.host_queue import HostQueue
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy


class SharedHostQueues(HostQueues):
    """Targets that wait, also for their host's budget.

    `tell` is called with what the coordinator has to know: news, wishes, and which budgets are
    kept to.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        policy: RetryPolicy | None = None,
        rules_of: RulesOf | None = None,
        *,
        tell: Tell,
    ) -> None:
        super().__init__(limits, policy, rules_of)
        self._tell = tell
        self._budgets: dict[str, HostBudget] = {}
        """By origin, for those hosts with limits that this member may ask."""
        self._exceeded: dict[str, HostBudget] = {}
        """Those of hosts at which more attempts are running than they allow."""
        self._wanted: set[str] = set()
        """Origins for which a budget was asked and has not come."""
        self._asked: dict[str, list[float]] = {}
        """By origin, the number of requests since `take_asked`, and when the first one and the
        last one began."""

    def again(self, target: Target, origin: str, not_before: float, *, hung: bool = False) -> None:
        """As `HostQueues.again`. A host to which a redirect or mirror leads is announced."""
        if origin not in self._queues:
            self._tell(HostWanted(origin))  # if it has no limits, news may come, but no budget
        super().again(target, origin, not_before, hung=hung)

    def started(self, origin: str, now: float) -> None:
        """As `HostQueues.started`. Counts the requests of each host."""
        super().started(origin, now)
        asked = self._asked.get(origin)
        if asked is None:
            self._asked[origin] = [1, now, now]
        else:
            asked[0] += 1
            asked[2] = now

    def take_asked(self, now: float) -> tuple[HostAsked, ...]:
        """How often each host was asked since this was called last."""
        taken = tuple(
            HostAsked(origin, int(number), now - first, now - last)
            for origin, (number, first, last) in self._asked.items()
        )
        self._asked = {}
        return taken

    def ended(
        self,
        origin: str,
        now: float,
        began: float,
        sign: HostSignal,
        asked: float | None,
        result: Result | None,
    ) -> bool:
        """As `HostQueues.ended`. Tells what was learned."""
        too_much = super().ended(origin, now, began, sign, asked, result)
        host = self._queues[origin].host
        if host.has_news:
            self._tell(host.news(now))
        if self._exceeded and origin in self._exceeded:
            self._check_obeyed(self._exceeded[origin], now)
        return too_much

    def obey(self, budget: HostBudget, now: float) -> None:
        """Keep to this budget of a host, and tell so once the attempts in flight do."""
        origin = budget.origin
        if budget.per_host == 0:
            self._budgets.pop(origin, None)
        else:
            self._budgets[origin] = budget
            self._wanted.discard(origin)
        queue = self._queues.get(origin)
        if queue:
            queue.host.obey(budget)
            self._show_front(origin, queue)
            self._want_if_needed(queue)
        if budget.serial:
            self._check_obeyed(budget, now)
        elif self._exceeded:
            self._exceeded.pop(origin, None)

    def hear(self, news: HostNews, now: float) -> None:
        """Take in what another member has learned of a host."""
        queue = self._queues.get(news.origin)
        if queue is None:
            self._memories.keep(news.origin, HostMemory.of_news(news, now), now)
        else:
            queue.host.hear(news, now)
            self._show_front(news.origin, queue)

    def obey_run(self, interval: float, wait: float, now: float) -> None:
        """Let this time pass from one request to the next, to whatever hosts, in seconds.

        `wait`: seconds from now in which none may begin; `inf`: until this is called again.
        """
        self._interval_of_all = interval
        last = self._asked_before if self._asked_at == math.inf else self._asked_at
        self._asked_before, self._asked_at = last, max(last, now + wait - interval)

    def _check_obeyed(self, budget: HostBudget, now: float) -> None:
        origin = budget.origin
        queue = self._queues.get(origin)
        if queue and queue.host.exceeds_budget:
            self._exceeded[origin] = budget
            return
        self._exceeded.pop(origin, None)
        if queue:
            news = queue.host.news(now)
        else:
            memory = self._memories.get(origin) or HostMemory(now)
            news = memory.as_news(origin, now, "")
        self._tell(BudgetObeyed(origin, budget.serial, news))

    def _begin_host(self, origin: str) -> HostQueue:
        queue = super()._begin_host(origin)
        if self._rules_of(origin).limits.are_of_host:
            queue.host.obey(self._budgets.get(origin) or HostBudget(origin, 0, 0))
        return queue

    def _make_ready(self, target: Target, origin: str) -> None:
        super()._make_ready(target, origin)
        self._want_if_needed(self._queues[origin])

    def _want_if_needed(self, queue: HostQueue) -> None:
        if queue.host.lacks_budget and queue.number_ready:
            self._want(queue.origin)

    def _want(self, origin: str) -> None:
        """Ask for a part of the host's budget, once."""
        if origin not in self._wanted:
            self._wanted.add(origin)
            self._tell(HostWanted(origin))
