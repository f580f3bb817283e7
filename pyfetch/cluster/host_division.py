"""Carries out who gets which part of a host's budget: whole, divided, in turns, handed on. Pure."""

from __future__ import annotations

from typing import Generic

from pyfetch.cluster import host_shares
from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.host_fronts import HostFronts
from pyfetch.cluster.host_parts import budget_of
from pyfetch.cluster.host_timers import Freed, HostTimers
from pyfetch.cluster.known_hosts import KnownHosts
from pyfetch.cluster.outgoing import Outgoing
from pyfetch.cluster.waiting_host import WaitingHost
from pyfetch.scheduling.host_budgets import BudgetObeyed, HostNews


class HostDivision(Generic[M]):
    """Divides budgets of hosts among members, and tells them."""

    def __init__(
        self,
        known: KnownHosts[M],
        fronts: HostFronts[M],
        timers: HostTimers[M],
        outgoing: Outgoing[M],
    ) -> None:
        self._known = known
        self._fronts = fronts
        self._timers = timers
        self._outgoing = outgoing

    def divide(self, host: WaitingHost[M], members: list[M], now: float) -> None:
        """Let these members have equal parts of a host's budget, and others none."""
        budget = host.budget
        if budget is None:
            return
        for member in members:
            self._known.part_of(host, member, now)
        budget.divide(dict.fromkeys(members[: budget.units], 1.0))
        self.settle(host, now)
        # One that was promised a part may have lost it again, as the host was handed on.
        if any(part.wants and each not in budget.holders for each, part in host.parts.items()):
            self._timers.wake_at(now + host_shares.SLICE, host, now)

    def give_all(self, host: WaitingHost[M], member: M, now: float) -> None:
        """Let one member, which has a part already, have all of a host's budget."""
        if host.budget is not None:
            host.budget.give_all(member)
            self.settle(host, now)

    def settle(self, host: WaitingHost[M], now: float) -> None:
        """Tell members what they may do from now on, as far as that is sure."""
        budget, limits = host.budget, host.limits
        if budget is None or limits is None:
            return
        for change in budget.settle():
            member, units = change.member, change.units
            told = budget_of(host.origin, change.serial, limits, units, budget.units)
            self._outgoing.budget(member, told)
            part = host.parts[member]
            host.set_enough(member, part)
            if units and not change.before:
                part.wants = False
                least = 0.0 if budget.in_force == units else told.interval
                part.begins(now + least)
                self._outgoing.news(host, member, part, now, least=least)
                self._fronts.show_own(host, member, part)

    def obeyed(self, member: M, report: BudgetObeyed, now: float) -> None:
        """A member keeps to the budget that it was told."""
        host = self._known.get(report.origin)
        if host is None or host.budget is None:
            return
        known = host.known(now)
        if report.news.matters and (known is None or report.news.wait > known.wait):
            host.learn(report.news, now)
            part = host.parts.get(member)
            if part:
                part.heard = host.news_number
        freed = Freed(member, report.serial)
        if host.has_divided_rate(member):  # it may have been used just now
            self._timers.free_at(now + host_shares.COUNTED_OVER, host, freed)
        else:
            self.free_up(host, freed, now)

    def gone(self, host: WaitingHost[M], member: M, now: float) -> None:
        """A member that had a part of a host has ended: others may have it."""
        budget, limits = host.budget, host.limits
        if budget is None or limits is None:
            return
        if limits.interval:  # its last request may have been sent just now
            known = host.known(now) or HostNews(host.origin)
            host.learn(known._replace(wait=max(known.wait, limits.interval)), now)
        if host.has_divided_rate(member):
            budget.leave(member)
            self._timers.free_at(now + host_shares.COUNTED_OVER, host, Freed(member))
        else:
            budget.gone(member)
        self.divide(host, [each for each in budget.holders if each != member], now)
        self.serve(host, now)

    def free_up(self, host: WaitingHost[M], freed: Freed[M], now: float) -> None:
        """A part of a host's budget is free: give it to those that are to have it."""
        budget = host.budget
        if budget is None:
            return
        if freed.serial is None:
            budget.gone(freed.member)
        else:
            budget.confirmed(freed.member, freed.serial)
        self.settle(host, now)
        self._fronts.show(host)
        self._known.drop_if_unused(host)

    def serve(self, host: WaitingHost[M], now: float) -> None:
        """Let members have a part that wait for one: others get less, or take turns with them."""
        budget = host.budget
        if budget is None:
            return
        turns = host_shares.next_holders(host, now)
        if turns.holders != budget.holders:
            self.divide(host, turns.holders, now)
        if turns.again_at is not None:
            self._timers.wake_at(turns.again_at, host, now)

    def give_back_idle(self, host: WaitingHost[M], now: float) -> None:
        """Let those that have targets of a host have all of its budget."""
        if host.budget is None or len(host.budget.holders) < 2:
            return
        busy = host_shares.busy_holders(host, now)
        if busy and busy != host.budget.holders:
            self.divide(host, busy, now)
