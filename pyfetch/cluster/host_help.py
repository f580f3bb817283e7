"""Hands hosts on from members that have too many to those that have nothing to do. Pure."""

from __future__ import annotations

from heapq import nlargest
from itertools import accumulate
from typing import Generic

from pyfetch.cluster import host_shares
from pyfetch.cluster.divided_budget import M
from pyfetch.cluster.host_division import HostDivision
from pyfetch.cluster.host_fronts import HostFronts
from pyfetch.cluster.known_hosts import KnownHosts
from pyfetch.cluster.waiting_host import WaitingHost

_LOOKED_AT = 64
"""Hosts of another member that are looked at to find some for one that has nothing to do."""

_BUSIEST = 4
"""Members that are looked at: those with the most hosts that wait for them."""


class HostHelp(Generic[M]):
    """Lets a member that has nothing to do have hosts of another one, or a part of one.

    A host is handed on when its owner has done all targets of it that it had got; from the moment
    at which that is planned, it gets no others.
    """

    def __init__(
        self, known: KnownHosts[M], fronts: HostFronts[M], division: HostDivision[M]
    ) -> None:
        self._known = known
        self._fronts = fronts
        self._division = division
        self._big: dict[str, None] = {}
        """Hosts with limits for which many targets wait, or did a while ago."""

    def note_big(self, host: WaitingHost[M]) -> None:
        """Take in that many targets wait for a host."""
        if host.budget is not None:
            self._big[host.origin] = None

    def help(self, member: M, workers: int, now: float) -> None:
        """Let so many idle workers of a member have something of others, now or soon."""
        own = self._fronts.own
        for busy in nlargest(_BUSIEST, own, key=lambda each: len(own[each])):
            moved = self._movable(busy, workers, now) if busy != member else []
            if moved:
                break
        else:
            self._split_a_big_one(member, now)
            return
        for host in moved:
            self._known.part_of(host, member, now)  # so that it is found if that member ends
            host.heir = member
            if not host.out:
                self.hand_on(host, now)

    def hand_on(self, host: WaitingHost[M], now: float) -> None:
        """Let the heir of a host have it: no member has targets of it any more."""
        heir, host.heir = host.heir, None
        if heir is None:
            return
        if host.budget is None:
            host.owner = heir
            self._fronts.show_own(host, heir, self._known.part_of(host, heir, now))
        else:
            self._division.divide(host, [heir], now)
        self._fronts.show(host)  # the heir may have it already, as members took turns

    def _movable(self, member: M, workers: int, now: float) -> list[WaitingHost[M]]:
        """Half of the hosts, as far as seen, that a member owns alone and has too little time for.

        Those of which it has the fewest targets come first; no more than give work to `workers`.
        """
        found = []
        for _, origin in self._fronts.own[member][:_LOOKED_AT]:
            host = self._known.get(origin)
            part = host.parts.get(member) if host else None
            if host and part and host.targets and host.may_have(member):
                if host.budget is not None and len(host.budget.holders) > 1:
                    continue
                if host.room(part, now) >= 1:
                    found.append(host)
        found.sort(key=lambda host: host.out)
        untouched = bool(found) and not found[0].out
        movable = found[: (len(found) + untouched) // 2]
        together = accumulate(host.most_at_once for host in movable)
        return [
            host
            for host, upto in zip(movable, together, strict=True)
            if upto - host.most_at_once < workers
        ]

    def _split_a_big_one(self, member: M, now: float) -> None:
        best: WaitingHost[M] | None = None
        for origin in list(self._big):
            host = self._known.get(origin)
            if host is None or len(host.targets) < host_shares.BIG // 2:
                del self._big[origin]
            elif host_shares.is_worth_a_split(host, member, now) and (
                best is None or len(host.targets) > len(best.targets)
            ):
                best = host
        if best and best.budget:
            self._division.divide(best, [*best.budget.holders, member], now)
