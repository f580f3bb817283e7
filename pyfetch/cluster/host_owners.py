"""Which member gets which targets next, so that each host is asked within its limits. Pure.

Targets wait by host. A member gets, in input order, those of hosts that it owns and of hosts that
nobody owns, which become its own. A host without limits may be asked by others, too, which have
nothing else to do; a host with limits only by those that have a part of its budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Generic

from pyfetch.cluster import host_shares
from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.host_division import HostDivision
from pyfetch.cluster.host_fronts import HostFronts
from pyfetch.cluster.host_help import HostHelp
from pyfetch.cluster.host_timers import HostTimers
from pyfetch.cluster.known_hosts import KnownHosts, LimitsOf
from pyfetch.cluster.messages import HostsTold
from pyfetch.cluster.outgoing import Outgoing
from pyfetch.cluster.waiting_host import WaitingHost
from pyfetch.models import Target
from pyfetch.scheduling.host_budgets import BudgetObeyed, HostNews
from pyfetch.scheduling.host_limits import Limits, limits_of
from pyfetch.settings import Settings

_LATER = 0.5
"""Seconds that others wait longer for a paused host than the member that was refused: its probe
comes first."""


class HostOwners(Generic[M]):
    """Targets that no member has got yet, and the hosts of all that are not done.

    `send` is called with what a member has to be told, before targets that depend on it.
    """

    def __init__(self, limits_for: LimitsOf, send: Callable[[M, HostsTold], None]) -> None:
        self._known: KnownHosts[M] = KnownHosts(limits_for)
        self._timers: HostTimers[M] = HostTimers()
        self._fronts = HostFronts(self._known, self._timers)
        self._outgoing = Outgoing(send)
        self._division = HostDivision(self._known, self._fronts, self._timers, self._outgoing)
        self._help = HostHelp(self._known, self._fronts, self._division)
        self.waiting = 0
        """How many targets wait."""
        self.held_back = 0
        """How many of them are for hosts with a rate."""

    def __len__(self) -> int:
        """How many hosts are kept."""
        return len(self._known)

    def add(self, target: Target) -> None:
        """Let a target wait for a member."""
        host = self._known.used(target.url.origin)
        targets = host.targets
        targets.append(target)
        self.waiting += 1
        self.held_back += host.is_paced
        if len(targets) == 1:
            self._fronts.show(host)
        elif len(targets) == host_shares.BIG:
            self._help.note_big(host)

    def put_back(self, targets: Iterable[Target]) -> None:
        """Let targets wait again, before those that came later. In input order."""
        for target in reversed(list(targets)):
            host = self._known.used(target.url.origin)
            host.targets.appendleft(target)
            self.waiting += 1
            self.held_back += host.is_paced
            self._fronts.show(host)

    def waiting_at(self, origin: str) -> int:
        """How many targets of a host wait for a member; for any thread."""
        host = self._known.get(origin)
        return len(host.targets) if host else 0

    @property
    def are_held_back(self) -> bool:
        """Whether targets wait though there is nothing for some member."""
        return self.waiting > 0 and bool(self._fronts.hungry)

    def has_nothing_for(self, member: M) -> bool:
        """Whether there was nothing for this member, and nothing has changed since."""
        return member in self._fronts.hungry

    def take(self, member: M, number: int, now: float, among: int = 1) -> list[Target]:
        """Take out targets for a member, at most so many; none if others have to get them.

        `among`: how many members with room there are, for which some of the hosts are to be left
        that nobody owns yet.
        """
        self._wake(now)
        fronts = self._fronts
        taken: list[Target] = []
        new = math.ceil(len(fronts.free) / among)
        while len(taken) < number:
            first, other = fronts.first_of(member, now), fronts.first_free(now) if new else None
            heap = fronts.own[member]
            if other and (not first or other < first):
                heap, first, other = fronts.free, other, first
                new -= 1
            if not first:
                heap, first = fronts.shared, fronts.first_shared(now)
            if not first:
                break
            upto = min((front[0] for front in (other, *heap[1:3]) if front), default=math.inf)
            self._give(self._known[first[1]], member, number - len(taken), upto, taken, now)
        self.waiting -= len(taken)
        if not taken:
            fronts.hungry.add(member)
        self._outgoing.flush()
        return taken

    def _give(
        self,
        host: WaitingHost[M],
        member: M,
        number: int,
        upto: float,
        taken: list[Target],
        now: float,
    ) -> None:
        """Give targets of one host, those in the input before `upto`, and the first in any case."""
        part = self._known.part_of(host, member, now)
        if host.budget is None:
            if host.owner is None:
                host.owner = member
                self._fronts.show_own(host, member, part)
        elif not host.budget.told(member):
            self._division.give_all(host, member, now)
            if not host.budget.told(member):
                return  # the member that had it may still be asking
        if part.heard != host.news_number:
            self._outgoing.news(host, member, part, now)
        targets = host.targets
        most = min(number, host.room(part, now))
        before = len(taken)
        taken.append(targets.popleft())
        while targets and len(taken) - before < most and targets[0].index < upto:
            taken.append(targets.popleft())
        given = len(taken) - before
        part.out += given
        host.out += given
        if host.is_paced:
            self.held_back -= given

    def finished(self, member: M, target: Target, now: float) -> None:
        """A member has done a target."""
        host = self._known[target.url.origin]
        part = host.parts[member]
        part.out -= 1
        host.out -= 1
        if host.budget is not None:
            if part.finished(now):
                host.set_enough(member, part)
            if not part.out and not host.targets:
                self._division.give_back_idle(host, now)
        if part.is_parked and host.room(part, now) > part.out // 2:
            self._fronts.show_own(host, member, part)
        if not host.out:
            self._help.hand_on(host, now)
            self._rest(host, now)
            self._outgoing.flush()

    def returned(self, member: M, origin: str, targets: list[Target], now: float) -> None:
        """A member has given targets of a host back that it has not begun."""
        host = self._known[origin]
        part = host.parts[member]
        part.out -= len(targets)
        host.out -= len(targets)
        self.put_back(sorted(targets, key=lambda target: target.index))
        self._rest(host, now)

    def gone(self, member: M, now: float) -> None:
        """A member has ended. The targets that it had are not put back."""
        self._fronts.leave(member)
        self._outgoing.leave(member)
        for host in self._known.leave(member):
            host.out -= host.parts.pop(member).out
            if host.owner == member:
                host.owner = None
            if host.heir == member or not host.out:
                host.heir = None
            self._division.gone(host, member, now)
            self._fronts.show(host)
            self._rest(host, now)
        self._outgoing.flush()

    def heard(self, member: M, news: HostNews, now: float) -> None:
        """A member has learned something of a host. All others that may ask it are told."""
        host = self._known.used(news.origin)
        part = self._known.part_of(host, member, now)
        if host.is_shared(now) and not news.refused_for:
            host.owner = member
        host.learn(news, now)
        part.heard = host.news_number
        for other, others in host.parts.items():
            if other != member:
                self._outgoing.news(host, other, others, now, later=_LATER)
                if others.out and other != host.owner and not host.budget and news.rate is not None:
                    self._outgoing.give_back(other, host.origin)  # one keeps to a rate better
        self._timers.wake_at(host.paused_until, host, now)
        self._fronts.show(host)
        self._rest(host, now)
        self._outgoing.flush()

    def obeyed(self, member: M, report: BudgetObeyed, now: float) -> None:
        """A member keeps to the budget that it was told."""
        self._division.obeyed(member, report, now)
        self._outgoing.flush()

    def wanted(self, member: M, origin: str, now: float) -> None:
        """A redirect or mirror has led a member to a host, or it lacks a budget for targets."""
        host = self._known.used(origin)
        part = self._known.part_of(host, member, now)
        if part.heard != host.news_number:
            self._outgoing.news(host, member, part, now)
        if host.budget is not None and not host.budget.told(member):
            part.wants = True
            self._division.serve(host, now)
        self._rest(host, now)
        self._outgoing.flush()

    def help(self, member: M, workers: int, now: float) -> None:
        """Let so many idle workers of a member have hosts of another one, or a part of one."""
        self._help.help(member, workers, now)
        self._outgoing.flush()

    def due(self) -> float | None:
        """When to call `wake`; None: not before something has happened."""
        return self._timers.due()

    def wake(self, now: float) -> None:
        """Do what is due: pauses that end, turns at a host."""
        self._wake(now)
        self._outgoing.flush()

    def _wake(self, now: float) -> None:
        for origin, freed in self._timers.take_due(now):
            host = self._known.get(origin)
            if host is None:
                continue
            if freed:
                self._division.free_up(host, freed, now)
                continue
            host.wakes_at = math.inf
            if now < host.paused_until:
                self._timers.wake_at(host.paused_until, host, now)
            self._division.serve(host, now)
            self._division.give_back_idle(host, now)
            self._fronts.show(host)

    def _rest(self, host: WaitingHost[M], now: float) -> None:
        for leaving in self._known.rest(host, now):
            self._division.divide(leaving, [], now)  # it goes once its members have confirmed


def limits_by(settings: Settings) -> LimitsOf:
    """The limits of hosts that the settings describe."""
    general = settings.per_host or (settings.rate and not settings.rate_total)
    if not general and not any(limits_of(said).are_of_host for _, said in settings.hosts):
        return lambda _: None

    def limits_for(origin: str) -> Limits | None:
        limits = limits_of(settings.of_host(origin))
        return limits if limits.are_of_host else None

    return limits_for
