"""What members have to be told of hosts, gathered into one message for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.messages import HostsTold
from pyfetch.cluster.waiting_host import MemberPart, WaitingHost
from pyfetch.scheduling.host_budgets import HostBudget, HostNews


class Outgoing(Generic[M]):
    """Gathers budgets and news, and sends them."""

    def __init__(self, send: Callable[[M, HostsTold], None]) -> None:
        self._send = send
        self._of_member: dict[M, tuple[list[HostBudget], list[HostNews]]] = {}
        self._give_back: dict[M, list[str]] = {}

    def budget(self, member: M, budget: HostBudget) -> None:
        """Tell a member what it may do at a host."""
        self._of_member.setdefault(member, ([], []))[0].append(budget)

    def news(
        self,
        host: WaitingHost[M],
        member: M,
        part: MemberPart,
        now: float,
        *,
        later: float = 0.0,
        least: float = 0.0,
    ) -> None:
        """Tell a member what is known of a host, if that matters.

        `later`: to add to a pause; `least`: seconds to wait at least.
        """
        part.heard = host.news_number
        known = host.known(now)
        if known and known.reason:
            known = known._replace(wait=known.wait + later)
        if least and (known is None or known.wait < least):
            known = (known or HostNews(host.origin))._replace(wait=least)
        if known:
            self._of_member.setdefault(member, ([], []))[1].append(known)

    def give_back(self, member: M, origin: str) -> None:
        """Tell a member to return the targets of a host that it has not begun."""
        self._of_member.setdefault(member, ([], []))
        self._give_back.setdefault(member, []).append(origin)

    def leave(self, member: M) -> None:
        """Forget a member that has ended."""
        self._of_member.pop(member, None)
        self._give_back.pop(member, None)

    def flush(self) -> None:
        """Send what was gathered."""
        for member, (budgets, news) in self._of_member.items():
            back = tuple(self._give_back.pop(member, ()))
            self._send(member, HostsTold(tuple(budgets), tuple(news), back))
        self._of_member.clear()
