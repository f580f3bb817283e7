"""The hosts that a run over members knows: those in use, and the latest of the others. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic

from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.waiting_host import MemberPart, WaitingHost
from pyfetch.scheduling.host_limits import Limits

MOST_IDLE = 8192
"""Hosts that are kept though nothing waits or runs there, at most, about."""

LimitsOf = Callable[[str], Limits | None]
"""Returns the limits for an origin; None: there are none."""


class KnownHosts(Generic[M]):
    """Hosts by origin, and which members have a part of them."""

    def __init__(self, limits_of: LimitsOf) -> None:
        self._limits_of = limits_of
        self._hosts: dict[str, WaitingHost[M]] = {}
        self._of_member: dict[M, dict[str, None]] = {}
        """By member, the origins of hosts of which it has a part."""
        self._idle: OrderedDict[str, None] = OrderedDict()
        """Hosts at which nothing waits or runs, in the order in which that began."""
        self.get = self._hosts.get

    def __len__(self) -> int:
        return len(self._hosts)

    def __getitem__(self, origin: str) -> WaitingHost[M]:
        return self._hosts[origin]

    def used(self, origin: str) -> WaitingHost[M]:
        """The host of an origin, for which something waits from now on."""
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = WaitingHost(origin, self._limits_of(origin))
        elif host.is_idle:
            host.is_idle = False
            del self._idle[origin]
        return host

    def part_of(self, host: WaitingHost[M], member: M, now: float) -> MemberPart:
        """What a member has of a host, from now on if it had nothing."""
        part = host.parts.get(member)
        if part is None:
            part = host.parts[member] = MemberPart(now)
            self._of_member.setdefault(member, {})[host.origin] = None
        return part

    def leave(self, member: M) -> list[WaitingHost[M]]:
        """A member has ended. Returns the hosts of which it has a part."""
        return [self._hosts[origin] for origin in self._of_member.pop(member, {})]

    def rest(self, host: WaitingHost[M], now: float) -> list[WaitingHost[M]]:
        """Keep a host as one of the latest if nothing waits or runs there.

        Returns others whose budgets have to be taken back, so that they can be dropped.
        """
        if host.out or host.targets or host.is_idle:
            return []
        host.is_idle = True
        self._idle[host.origin] = None
        leaving = []
        for _ in range(2):  # two for each new one, so that those whose time has come do go
            if len(self._idle) <= MOST_IDLE:
                break
            oldest, _ = self._idle.popitem(last=False)
            old = self._hosts[oldest]
            known = old.known(now)
            if known and (known.wait or known.refused_for):
                self._idle[oldest] = None
                continue
            old.is_idle = False
            if old.budget and old.budget.in_force:
                leaving.append(old)
            else:
                self.drop_if_unused(old)
        return leaving

    def drop_if_unused(self, host: WaitingHost[M]) -> None:
        """Forget a host that is not one of the latest, once no member has a part of its budget."""
        if host.is_idle or host.out or host.targets or (host.budget and host.budget.in_force):
            return
        del self._hosts[host.origin]
        for member in host.parts:
            self._of_member[member].pop(host.origin, None)
