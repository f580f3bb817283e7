"""What the coordinator tells a member of hosts and of the run's numbers, and what it answers."""

from __future__ import annotations

from collections.abc import Callable

from pyfetch.cluster import messages
from pyfetch.engine.download import Downloader
from pyfetch.models import Target
from pyfetch.scheduling.host_budgets import HostAsked
from pyfetch.scheduling.host_limits import Limits, RulesOf
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.shared_queues import SharedHostQueues


class MemberHosts:
    """Passes budgets and news to the queues of an engine, and what these tell to `send`."""

    def __init__(self, send: Callable[[messages.FromMember], None], downloader: Downloader) -> None:
        self._send = send
        self._downloader = downloader
        self._queues: SharedHostQueues | None = None
        self.tell: Callable[[Callable[[float], None]], None] = lambda _: None
        """Calls what it is given while no attempt begins or ends: a method of the engine."""
        self.give_back: Callable[[str], list[Target]] = lambda _: []
        """Removes targets of a host for which no attempt was made: another such method."""

    def make_queues(
        self, limits: Limits, policy: RetryPolicy, rules_of: RulesOf | None
    ) -> SharedHostQueues:
        """The queues of the engine."""
        self._queues = SharedHostQueues(limits, policy, rules_of, tell=self._send)
        return self._queues

    def take_asked(self) -> tuple[HostAsked, ...]:
        """How often hosts were asked since this was called last."""
        asked: list[HostAsked] = []
        queues = self._queues
        if queues is not None:
            self.tell(lambda now: asked.extend(queues.take_asked(now)))
        return tuple(asked)

    def told(self, message: messages.HostsTold | messages.RunBudget) -> None:
        """Obey a message of the coordinator."""
        queues = self._queues
        assert queues is not None  # noqa: S101 - the engine has been made
        if isinstance(message, messages.RunBudget):
            self._obey_run(queues, message)
        else:
            self._obey(queues, message)

    def _obey_run(self, queues: SharedHostQueues, part: messages.RunBudget) -> None:
        if part.limit_rate:
            self._downloader.limit_rate(part.limit_rate)
        self.tell(lambda now: queues.obey_run(part.interval, part.wait, now))
        if part.serial:
            self._send(messages.RunBudgetObeyed(part.serial))

    def _obey(self, queues: SharedHostQueues, told: messages.HostsTold) -> None:
        for budget in told.budgets:
            if budget.limit_rate:
                self._downloader.limit_rate_of(budget.origin, budget.limit_rate)

        def obey(now: float) -> None:
            for budget in told.budgets:
                queues.obey(budget, now)
            for news in told.news:
                queues.hear(news, now)

        self.tell(obey)
        for origin in told.give_back:
            indexes = tuple(target.index for target in self.give_back(origin))
            if indexes:
                self._send(messages.TargetsReturned(origin, indexes))
