"""Which host's targets a member gets next: heaps by the index of the first target. Pure."""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from typing import Generic

from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.host_timers import HostTimers
from pyfetch.cluster.known_hosts import KnownHosts
from pyfetch.cluster.waiting_host import MemberPart, WaitingHost

Front = tuple[int, str]
"""Index of the first target that waits for a host, and the host's origin. The index may be that
of an earlier target: then the host is looked at too early, which does no harm."""


class HostFronts(Generic[M]):
    """Hosts for which targets wait: those of each member, those of nobody, those of all."""

    def __init__(self, known: KnownHosts[M], timers: HostTimers[M]) -> None:
        self._known = known
        self._timers = timers
        self.own: dict[M, list[Front]] = {}
        """By member, a heap of the hosts whose targets it gets first."""
        self.free: list[Front] = []
        """A heap of hosts that no member owns."""
        self.shared: list[Front] = []
        """A heap of hosts that any member may ask."""
        self.hungry: set[M] = set()
        """Members for which there was nothing, and still is."""

    def show(self, host: WaitingHost[M]) -> None:
        """Let those find a host that may have its targets."""
        if not host.targets:
            return
        front = host.targets[0].index, host.origin
        if host.is_free:
            if not host.is_free_shown:
                host.is_free_shown = True
                heappush(self.free, front)
            self.hungry.clear()
        elif host.budget is None:
            owner = host.owner
            if owner is not None:
                self.show_own(host, owner, host.parts[owner])
        else:
            for member in host.budget.holders:
                if host.budget.told(member):
                    self.show_own(host, member, host.parts[member])
        if host.budget is None and not host.is_shared_shown:
            host.is_shared_shown = True
            heappush(self.shared, front)
            self.hungry.clear()

    def show_own(self, host: WaitingHost[M], member: M, part: MemberPart) -> None:
        """Let a member find a host that it owns, or has a part of."""
        if host.targets and not part.is_shown:
            part.is_shown, part.is_parked = True, False
            heappush(self.own.setdefault(member, []), (host.targets[0].index, host.origin))
            self.hungry.discard(member)

    def leave(self, member: M) -> None:
        """Forget a member that has ended."""
        self.own.pop(member, None)
        self.hungry.discard(member)

    def first_of(self, member: M, now: float) -> Front | None:
        """The first host of a member that has something for it."""
        own = self.own.setdefault(member, [])
        while own:
            index, origin = front = own[0]
            host = self._known.get(origin)
            part = host.parts.get(member) if host else None
            if host and part and host.targets and host.may_have(member):
                if host.room(part, now) < 1:
                    part.is_parked = True
                    self._timers.wake_at(host.paused_until, host, now)
                elif index == host.targets[0].index:
                    return front
                else:
                    heapreplace(own, (host.targets[0].index, origin))
                    continue
            if part:
                part.is_shown = False
            heappop(own)
        return None

    def first_free(self, now: float) -> Front | None:
        """The first host that nobody owns."""
        free = self.free
        while free:
            index, origin = front = free[0]
            host = self._known.get(origin)
            if host and host.targets and host.is_free:
                if now < host.paused_until:
                    self._timers.wake_at(host.paused_until, host, now)
                elif index == host.targets[0].index:
                    return front
                else:
                    heapreplace(free, (host.targets[0].index, origin))
                    continue
            if host:
                host.is_free_shown = False
            heappop(free)
        return None

    def first_shared(self, now: float) -> Front | None:
        """The first host that any member may ask."""
        shared = self.shared
        while shared:
            index, origin = front = shared[0]
            host = self._known.get(origin)
            if host and host.targets and host.is_shared(now):
                if index == host.targets[0].index:
                    return front
                heapreplace(shared, (host.targets[0].index, origin))
                continue
            if host:
                host.is_shared_shown = False
            heappop(shared)
        return None
