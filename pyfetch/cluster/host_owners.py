"""Which member gets which targets next, so that each host is asked within its limits. Pure.

Targets wait by host. A member gets, in input order, those of hosts that it owns and of hosts that
nobody owns, which become its own. A host without limits may be asked by others, too, which have
nothing else to do; a host with limits only by those that have a part of its budget.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from heapq import heappop, heappush, heapreplace
from itertools import count
from typing import Generic, NamedTuple

from pyfetch.cluster import host_shares
from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.host_parts import budget_of
from pyfetch.cluster.messages import HostsTold
from pyfetch.cluster.waiting_host import MemberPart, WaitingHost
from pyfetch.models import Target
from pyfetch.scheduling.host_budgets import BudgetObeyed, HostBudget, HostNews
from pyfetch.scheduling.host_limits import Limits, limits_of
from pyfetch.settings import Settings

MOST_IDLE = 8192
"""Hosts that are kept though nothing waits or runs there, at most, about."""
_LOOKED_AT = 64
"""Hosts of another member that are looked at to find some for one that has nothing to do."""
_LATER = 0.5
"""Seconds that others wait longer for a paused host than the member that was refused: its probe
comes first."""

LimitsOf = Callable[[str], Limits | None]
"""Returns the limits for an origin; None: there are none."""
_Front = tuple[int, str]
"""Index of the first target that waits for a host, and the host's origin. The index may be that
of an earlier target: then the host is looked at too early, which does no harm."""


class _Freed(NamedTuple, Generic[M]):
    """A part of a budget that a member does not use any more."""

    member: M
    serial: int | None = None
    """Number of the change that it keeps to; None: it is gone."""


class HostOwners(Generic[M]):
    """Targets that no member has got yet, and the hosts of all that are not done.

    `send` is called with what a member has to be told, before targets that depend on it.
    """

    def __init__(self, limits_of: LimitsOf, send: Callable[[M, HostsTold], None]) -> None:
        self._limits_of = limits_of
        self._send = send
        self._hosts: dict[str, WaitingHost[M]] = {}
        self._of_member: dict[M, dict[str, None]] = {}
        """By member, the origins of hosts of which it has a part."""
        self._own: dict[M, list[_Front]] = {}
        """By member, a heap of the hosts whose targets it gets first."""
        self._free: list[_Front] = []
        """A heap of hosts that no member owns."""
        self._shared: list[_Front] = []
        """A heap of hosts that any member may ask."""
        self._timers: list[tuple[float, int, str, _Freed[M] | None]] = []
        """A heap of (time, number, origin, part): then a host has to be looked at, or that part of
        its budget is free."""
        self._timer_number = count()
        self._idle: OrderedDict[str, None] = OrderedDict()
        """Hosts at which nothing waits or runs, in the order in which that began."""
        self._told: dict[M, tuple[list[HostBudget], list[HostNews]]] = {}
        """What has to be sent."""
        self._big: dict[str, None] = {}
        """Hosts with limits for which many targets wait, or did a while ago."""
        self._hungry: set[M] = set()
        """Members for which there was nothing, and still is."""
        self.waiting = 0
        """How many targets wait."""

    # ── what waits ──────────────────────────────────────────────────────────────────────────────

    def add(self, target: Target) -> None:
        """Let a target wait for a member."""
        host = self._host(target.url.origin)
        targets = host.targets
        targets.append(target)
        self.waiting += 1
        if len(targets) == 1:
            self._show(host)
        elif len(targets) == host_shares.BIG and host.budget is not None:
            self._big[host.origin] = None

    def put_back(self, targets: Iterable[Target]) -> None:
        """Let targets wait again, before those that came later. In input order."""
        for target in reversed(list(targets)):
            host = self._host(target.url.origin)
            host.targets.appendleft(target)
            self.waiting += 1
            self._show(host)

    def __len__(self) -> int:
        """How many hosts are kept."""
        return len(self._hosts)

    @property
    def are_held_back(self) -> bool:
        """Whether targets wait though there is nothing for some member."""
        return self.waiting > 0 and bool(self._hungry)

    def has_nothing_for(self, member: M) -> bool:
        """Whether there was nothing for this member, and nothing has changed since."""
        return member in self._hungry

    def take(self, member: M, number: int, now: float) -> list[Target]:
        """Take out targets for a member, at most so many; none if others have to get them."""
        self._wake(now)
        taken: list[Target] = []
        own = self._own.setdefault(member, [])
        while len(taken) < number:
            heap, first = own, self._first_of(own, member, now)
            other = self._first_free(now)
            if other and (not first or other < first):
                heap, first, other = self._free, other, first
            if not first:
                heap, first = self._shared, self._first_shared(now)
            if not first:
                break
            upto = min((front[0] for front in (other, *heap[1:3]) if front), default=math.inf)
            self._give(self._hosts[first[1]], member, number - len(taken), upto, taken, now)
        self.waiting -= len(taken)
        if not taken:
            self._hungry.add(member)
        self._flush()
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
        part = self._part_of(host, member, now)
        if host.budget is None:
            if host.owner is None:
                host.owner = member
                self._show_own(host, member, part)
        elif not host.budget.told(member):
            host.budget.give_all(member)
            self._settle(host, now)
            if not host.budget.told(member):
                return  # the member that had it may still be asking
        if part.heard != host.news_number:
            self._tell_news(host, member, part, now)
        targets = host.targets
        most = min(number, host.room(part, now))
        before = len(taken)
        taken.append(targets.popleft())
        while targets and len(taken) - before < most and targets[0].index < upto:
            taken.append(targets.popleft())
        given = len(taken) - before
        part.out += given
        host.out += given

    # ── heaps ───────────────────────────────────────────────────────────────────────────────────

    def _first_of(self, own: list[_Front], member: M, now: float) -> _Front | None:
        """The first host of a member that has something for it."""
        while own:
            index, origin = front = own[0]
            host = self._hosts.get(origin)
            part = host.parts.get(member) if host else None
            if host and part and host.targets and host.may_have(member):
                if host.room(part, now) < 1:
                    part.is_parked = True
                    self._wake_at(host.paused_until, host, now)
                elif index == host.targets[0].index:
                    return front
                else:
                    heapreplace(own, (host.targets[0].index, origin))
                    continue
            if part:
                part.is_shown = False
            heappop(own)
        return None

    def _first_free(self, now: float) -> _Front | None:
        free = self._free
        while free:
            index, origin = front = free[0]
            host = self._hosts.get(origin)
            if host and host.targets and host.is_free:
                if now < host.paused_until:
                    self._wake_at(host.paused_until, host, now)
                elif index == host.targets[0].index:
                    return front
                else:
                    heapreplace(free, (host.targets[0].index, origin))
                    continue
            if host:
                host.is_free_shown = False
            heappop(free)
        return None

    def _first_shared(self, now: float) -> _Front | None:
        shared = self._shared
        while shared:
            index, origin = front = shared[0]
            host = self._hosts.get(origin)
            if host and host.targets and host.is_shared(now):
                if index == host.targets[0].index:
                    return front
                heapreplace(shared, (host.targets[0].index, origin))
                continue
            if host:
                host.is_shared_shown = False
            heappop(shared)
        return None

    def _show(self, host: WaitingHost[M]) -> None:
        """Let those find a host that may have its targets."""
        if not host.targets:
            return
        front = host.targets[0].index, host.origin
        if host.is_free:
            if not host.is_free_shown:
                host.is_free_shown = True
                heappush(self._free, front)
            self._hungry.clear()
        elif host.budget is None:
            owner = host.owner
            if owner is not None:
                self._show_own(host, owner, host.parts[owner])
        else:
            for member in host.budget.holders:
                if host.budget.told(member):
                    self._show_own(host, member, host.parts[member])
        if host.budget is None and not host.is_shared_shown:
            host.is_shared_shown = True
            heappush(self._shared, front)
            self._hungry.clear()

    def _show_own(self, host: WaitingHost[M], member: M, part: MemberPart) -> None:
        if host.targets and not part.is_shown:
            part.is_shown, part.is_parked = True, False
            heappush(self._own.setdefault(member, []), (host.targets[0].index, host.origin))
            self._hungry.discard(member)

    # ── what becomes of them ────────────────────────────────────────────────────────────────────

    def finished(self, member: M, target: Target, now: float) -> None:
        """A member has done a target."""
        host = self._hosts[target.url.origin]
        part = host.parts[member]
        part.out -= 1
        host.out -= 1
        if host.budget is not None:
            part.finished(now)
            host.set_enough(member, part)
            if not part.out and not host.targets:
                self._give_back_idle(host, now)
        if part.is_parked and host.room(part, now) > part.out // 2:
            self._show_own(host, member, part)
        self._rest(host, now)

    def gone(self, member: M, now: float) -> None:
        """A member has ended. The targets that it had are not put back."""
        self._own.pop(member, None)
        self._hungry.discard(member)
        self._told.pop(member, None)
        for origin in self._of_member.pop(member, {}):
            host = self._hosts[origin]
            host.out -= host.parts.pop(member).out
            if host.owner == member:
                host.owner = None
            if host.budget and host.limits:
                if host.limits.interval:  # its last request may have been sent just now
                    known = host.known(now) or HostNews(origin)
                    host.learn(known._replace(wait=max(known.wait, host.limits.interval)), now)
                if host.has_divided_rate(member):
                    host.budget.leave(member)
                    self._free_later(host, _Freed(member), now)
                else:
                    host.budget.gone(member)
                left = [each for each in host.budget.holders if each != member]
                self._divide(host, left, now)
                self._serve(host, now)
            self._show(host)
            self._rest(host, now)
        self._flush()

    def heard(self, member: M, news: HostNews, now: float) -> None:
        """A member has learned something of a host. All others that may ask it are told."""
        host = self._host(news.origin)
        part = self._part_of(host, member, now)
        if host.is_shared(now) and not news.refused_for:
            host.owner = member
        host.learn(news, now)
        part.heard = host.news_number
        for other, others in host.parts.items():
            if other != member:
                self._tell_news(host, other, others, now, later=_LATER)
        self._wake_at(host.paused_until, host, now)
        self._show(host)
        self._rest(host, now)
        self._flush()

    def obeyed(self, member: M, report: BudgetObeyed, now: float) -> None:
        """A member keeps to the budget that it was told."""
        host = self._hosts.get(report.origin)
        if host is None or host.budget is None:
            return
        known = host.known(now)
        if report.news.matters and (known is None or report.news.wait > known.wait):
            host.learn(report.news, now)
            part = host.parts.get(member)
            if part:
                part.heard = host.news_number
        freed = _Freed(member, report.serial)
        if host.has_divided_rate(member):
            self._free_later(host, freed, now)
        else:
            self._free_up(host, freed, now)
        self._flush()

    def wanted(self, member: M, origin: str, now: float) -> None:
        """A redirect or mirror has led a member to a host, or it lacks a budget for targets."""
        host = self._host(origin)
        part = self._part_of(host, member, now)
        if part.heard != host.news_number:
            self._tell_news(host, member, part, now)
        if host.budget is not None and not host.budget.told(member):
            part.wants = True
            self._serve(host, now)
        self._rest(host, now)
        self._flush()

    # ── budgets ─────────────────────────────────────────────────────────────────────────────────

    def help(self, member: M, now: float) -> None:
        """Let a member that has nothing to do have a host of another one, or a part of one.

        It gets targets once the other one has confirmed that.
        """
        moved = False
        busiest = max(self._own, key=lambda each: len(self._own[each]), default=member)
        if busiest != member:
            for host in self._untouched(busiest, now):
                moved = True
                if host.budget is None:
                    host.owner = member
                    self._show_own(host, member, self._part_of(host, member, now))
                else:
                    self._divide(host, [member], now)
        if not moved:
            self._split_a_big_one(member, now)
        self._flush()

    def _untouched(self, member: M, now: float) -> list[WaitingHost[M]]:
        """Half of the hosts, as far as seen, that a member owns and has no targets of."""
        found = []
        for _, origin in self._own[member][:_LOOKED_AT]:
            host = self._hosts.get(origin)
            part = host.parts.get(member) if host else None
            if host and part and not part.out and host.targets and host.may_have(member):
                if host.budget is not None and len(host.budget.holders) > 1:
                    continue
                if host.room(part, now) >= 1:
                    found.append(host)
        return found[: (len(found) + 1) // 2]

    def _split_a_big_one(self, member: M, now: float) -> None:
        best: WaitingHost[M] | None = None
        for origin in list(self._big):
            host = self._hosts.get(origin)
            if host is None or len(host.targets) < host_shares.BIG // 2:
                del self._big[origin]
            elif host_shares.is_worth_a_split(host, member, now) and (
                best is None or len(host.targets) > len(best.targets)
            ):
                best = host
        if best and best.budget:
            self._divide(best, [*best.budget.holders, member], now)

    def _divide(self, host: WaitingHost[M], members: list[M], now: float) -> None:
        """Let these members have equal parts of a host's budget, and others none."""
        budget = host.budget
        if budget is None:
            return
        for member in members:
            self._part_of(host, member, now)
        budget.divide(dict.fromkeys(members[: budget.units], 1.0))
        self._settle(host, now)

    def _settle(self, host: WaitingHost[M], now: float) -> None:
        """Tell members what they may do from now on, as far as that is sure."""
        budget, limits = host.budget, host.limits
        if budget is None or limits is None:
            return
        for change in budget.settle():
            member, units = change.member, change.units
            told = budget_of(host.origin, change.serial, limits, units, budget.units)
            self._to(member)[0].append(told)
            part = host.parts[member]
            host.set_enough(member, part)
            if units and not change.before:
                part.wants = False
                part.begins(now)
                is_alone = budget.in_force == units
                self._tell_news(host, member, part, now, least=0.0 if is_alone else told.interval)
                self._show_own(host, member, part)

    def _serve(self, host: WaitingHost[M], now: float) -> None:
        """Let members have a part that wait for one: others get less, or take turns with them."""
        budget = host.budget
        if budget is None:
            return
        turns = host_shares.next_holders(host, now)
        if turns.holders != budget.holders:
            self._divide(host, turns.holders, now)
        if turns.again_at is not None:
            self._wake_at(turns.again_at, host, now)

    def _give_back_idle(self, host: WaitingHost[M], now: float) -> None:
        """Let those that have targets of a host have all of its budget."""
        if host.budget is None or len(host.budget.holders) < 2:
            return
        busy = host_shares.busy_holders(host, now)
        if busy and busy != host.budget.holders:
            self._divide(host, busy, now)

    # ── what is known of hosts ──────────────────────────────────────────────────────────────────

    def due(self) -> float | None:
        """When to call `wake`; None: not before something has happened."""
        return self._timers[0][0] if self._timers else None

    def wake(self, now: float) -> None:
        """Do what is due: pauses that end, turns at a host."""
        self._wake(now)
        self._flush()

    def _wake(self, now: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now:
            _, _, origin, freed = heappop(timers)
            host = self._hosts.get(origin)
            if host is None:
                continue
            if freed:
                self._free_up(host, freed, now)
                continue
            host.wakes_at = math.inf
            if now < host.paused_until:
                self._wake_at(host.paused_until, host, now)
            self._serve(host, now)
            self._give_back_idle(host, now)
            self._show(host)

    def _wake_at(self, time: float, host: WaitingHost[M], now: float) -> None:
        if now < time < host.wakes_at:
            host.wakes_at = time
            heappush(self._timers, (time, next(self._timer_number), host.origin, None))

    def _free_later(self, host: WaitingHost[M], freed: _Freed[M], now: float) -> None:
        """Let a part of a rate be free once a second has passed, in which it may have been used."""
        timer = now + host_shares.COUNTED_OVER, next(self._timer_number), host.origin, freed
        heappush(self._timers, timer)

    def _free_up(self, host: WaitingHost[M], freed: _Freed[M], now: float) -> None:
        budget = host.budget
        if budget is None:
            return
        if freed.serial is None:
            budget.gone(freed.member)
        else:
            budget.confirmed(freed.member, freed.serial)
        self._settle(host, now)
        self._show(host)
        if not (budget.in_force or host.is_idle or host.out or host.targets):
            self._drop(host)

    def _tell_news(
        self,
        host: WaitingHost[M],
        member: M,
        part: MemberPart,
        now: float,
        *,
        later: float = 0.0,
        least: float = 0.0,
    ) -> None:
        """Tell a member what is known. `later`: to add to a pause; `least`: seconds to wait."""
        part.heard = host.news_number
        known = host.known(now)
        if known and known.reason:
            known = known._replace(wait=known.wait + later)
        if least and (known is None or known.wait < least):
            known = (known or HostNews(host.origin))._replace(wait=least)
        if known:
            self._to(member)[1].append(known)

    def _to(self, member: M) -> tuple[list[HostBudget], list[HostNews]]:
        return self._told.setdefault(member, ([], []))

    def _flush(self) -> None:
        for member, (budgets, news) in self._told.items():
            self._send(member, HostsTold(tuple(budgets), tuple(news)))
        self._told.clear()

    def _host(self, origin: str) -> WaitingHost[M]:
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = WaitingHost(origin, self._limits_of(origin))
        elif host.is_idle:
            host.is_idle = False
            del self._idle[origin]
        return host

    def _part_of(self, host: WaitingHost[M], member: M, now: float) -> MemberPart:
        part = host.parts.get(member)
        if part is None:
            part = host.parts[member] = MemberPart(now)
            self._of_member.setdefault(member, {})[host.origin] = None
        return part

    def _rest(self, host: WaitingHost[M], now: float) -> None:
        """Keep a host at which nothing waits or runs, but not too many of them."""
        if host.out or host.targets or host.is_idle:
            return
        host.is_idle = True
        self._idle[host.origin] = None
        for _ in range(2):  # two for each new one, so that those whose time has come do go
            if len(self._idle) <= MOST_IDLE:
                return
            oldest, _ = self._idle.popitem(last=False)
            old = self._hosts[oldest]
            if (known := old.known(now)) and (known.wait or known.refused_for):
                self._idle[oldest] = None
                continue
            old.is_idle = False
            if old.budget and old.budget.in_force:
                self._divide(old, [], now)  # it goes once they have confirmed
            else:
                self._drop(old)

    def _drop(self, host: WaitingHost[M]) -> None:
        del self._hosts[host.origin]
        for member in host.parts:
            self._of_member[member].pop(host.origin, None)


def limits_by(settings: Settings) -> LimitsOf:
    """The limits of hosts that the settings describe."""
    general = settings.per_host or (settings.rate and not settings.rate_total)
    if not general and not any(limits_of(said).are_of_host for _, said in settings.hosts):
        return lambda _: None

    def limits_for(origin: str) -> Limits | None:
        limits = limits_of(settings.of_host(origin))
        return limits if limits.are_of_host else None

    return limits_for
