"""How often each host was asked by all members together, for the summary. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pyfetch.activity import BusyHost
from pyfetch.output.labels import label_of_url
from pyfetch.scheduling.host_budgets import HostAsked

_MOST_COUNTED = 4096
"""Hosts that are counted apart, at most, about: the busiest."""
_MOST_SHOWN = 100
"""Hosts whose rates a program is told, at most."""
_MOST_NAMED = 3
"""Hosts that a sentence names, at most."""
_SHORTEST = 1.0
"""Shortest time over which a rate says anything, in seconds."""


class _Tally:
    """Requests to one host."""

    __slots__ = ("first", "last", "requests")

    def __init__(self, first: float, last: float) -> None:
        self.requests = 0
        self.first = first
        self.last = last

    def as_busy_host(self, origin: str) -> BusyHost:
        took = self.last - self.first
        rate = (self.requests - 1) / took if took >= _SHORTEST else None
        return BusyHost(origin, self.requests, rate)


class HostTally:
    """Adds up what members report."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Tally] = {}
        self._dropped = 0
        """Hosts that are not counted apart any more."""

    def add(self, asked: Iterable[HostAsked], now: float) -> None:
        """Add what a member has reported at this time."""
        for origin, requests, first_ago, last_ago in asked:
            host = self._hosts.get(origin)
            first, last = now - first_ago, now - last_ago
            if host is None:
                host = self._hosts[origin] = _Tally(first, last)
            host.requests += requests
            host.first, host.last = min(host.first, first), max(host.last, last)
        if len(self._hosts) > 2 * _MOST_COUNTED:
            self._dropped += len(self._hosts) - _MOST_COUNTED
            self._hosts = dict(self._by_requests()[:_MOST_COUNTED])

    def busiest(self) -> tuple[BusyHost, ...]:
        """The hosts that were asked most often."""
        return tuple(
            host.as_busy_host(origin) for origin, host in self._by_requests()[:_MOST_SHOWN]
        )

    def summary(self) -> str | None:
        """Which hosts were asked how often, as a clause; None if none was asked for long."""
        busiest = [(host, host.rate) for host in self.busiest() if host.rate is not None]
        if not busiest:
            return None
        named = ", ".join(
            f"{label_of_url(host.origin)} {_three_digits(rate)}/s ({host.requests} requests)"
            for host, rate in busiest[:_MOST_NAMED]
        )
        more = len(self._hosts) + self._dropped - min(len(busiest), _MOST_NAMED)
        return f"asked most: {named}{f'; {more} other hosts' if more else ''}"

    def _by_requests(self) -> list[tuple[str, _Tally]]:
        return sorted(self._hosts.items(), key=lambda item: -item[1].requests)


def _three_digits(rate: float) -> str:
    """At least the three first digits, and no exponent however large it is."""
    return f"{rate:.3g}" if rate < 999.5 else f"{rate:.0f}"
