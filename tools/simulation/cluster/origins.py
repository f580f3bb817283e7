"""The hosts that members ask, in virtual time: how they answer, and what they see of the run.

Each request takes the same time whenever it is made, and by whomever: so the least time that a list
needs can be computed.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from pyfetch.settings import Settings

_DRAWS = 1 << 14
_SCATTER = 2654435761
"""Multiplied with this, indexes that follow each other get figures that do not."""
CONNECT_TIMEOUT = 10.0
"""Seconds after which a connection to a host that drops all packets is given up."""


class Answer(Enum):
    """How a request ends."""

    SERVED = "served"
    REDIRECTED = "redirected"
    TOO_MANY = "429"
    REFUSED_CONNECTION = "connection refused"
    NO_CONNECTION = "no connection"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a host answers."""

    latency: float = 0.1
    """Seconds until it answers, as the median."""
    spread: float = 0.5
    """Standard deviation of the logarithm of the latency: 1 is a heavy tail."""
    longest: float = 10.0
    """Seconds, at most."""
    limit: float = math.inf
    """So many requests a second, and beyond that it answers 429."""
    retry_after: float = 1.0
    """The seconds of `Retry-After` with such a 429."""
    shut: tuple[float, float] = (math.inf, math.inf)
    """From when to when it answers each request with 429, and `Retry-After` up to the end."""
    dead: Answer | None = None
    """How each request ends, if it is not there at all."""
    redirects: Callable[[int], str | None] = lambda _: None
    """The origin to which it redirects the URL with this index."""


@lru_cache
def _latencies(median: float, spread: float, longest: float) -> list[float]:
    randomness = random.Random(1)
    return [min(longest, median * randomness.lognormvariate(0, spread)) for _ in range(_DRAWS)]


class VirtualOrigin:
    """One host: it answers, and counts what is asked of it."""

    __slots__ = (
        "_latencies", "_limited", "_wanted_since", "budget_at_once", "budget_rate", "busy",
        "changes_of_member", "first_at", "last_at", "last_member", "left_alone", "manner",
        "members", "most_at_once", "most_in_a_second", "news_took", "not_before", "refused",
        "running", "served", "shut_known_at", "starts", "wanted",
    )  # fmt: skip

    def __init__(self, manner: Manner, at_once: int | None, rate: float | None) -> None:
        self.manner = manner
        self._latencies = _latencies(manner.latency, manner.spread, manner.longest)
        self._limited = manner.limit < math.inf
        self.budget_at_once = math.inf if at_once is None else at_once
        """Requests in flight that the settings allow."""
        self.budget_rate = math.inf if rate is None else rate
        """Requests a second that they allow."""
        self.running = 0
        """Requests in flight."""
        self.most_at_once = 0
        self.starts: deque[float] = deque()
        """When the requests of the last second began, where somebody limits their number."""
        self.most_in_a_second = 0
        self.served = 0
        self.refused = 0
        """Requests that were answered with 429."""
        self.busy = 0.0
        """Seconds that all requests took which were served, together."""
        self.first_at = self.last_at = math.nan
        """When the first and the last request began."""
        self.wanted = 0
        """URLs that were read and not asked for yet."""
        self._wanted_since: float | None = None
        """Since when such URLs are there and no request is in flight."""
        self.not_before = -math.inf
        """When a pause ends that the host has asked for."""
        self.left_alone = 0.0
        """The longest time for which no request was in flight though URLs waited for it and the
        budget allowed a request, in seconds."""
        self.members: set[str] = set()
        """Who has asked it."""
        self.last_member = ""
        self.changes_of_member = 0
        self.shut_known_at: float | None = None
        """When the first member learned that the host is shut."""
        self.news_took = 0.0
        """How many seconds later the last request began that the pause forbids."""

    def wants(self, now: float) -> None:
        """A URL of this host was read."""
        if not self.wanted and not self.running:
            self._wanted_since = now
        self.wanted += 1

    def asked(self, now: float, index: int, member: str, *, first: bool) -> tuple[float, Answer]:
        """A request begins. Returns how long it takes, and how it ends. `first`: for this URL."""
        if not self.running:
            if self._wanted_since is not None:
                self._note_left_alone(now, self._wanted_since)
            if self.served + self.refused == 0:
                self.first_at = now
        if first and self.wanted:
            self.wanted -= 1
        self.running += 1
        if self.running > self.most_at_once:
            self.most_at_once = self.running
        self.last_at = now
        if member != self.last_member:
            self.last_member = member
            self.changes_of_member += 1
            self.members.add(member)
        if self._limited or self.budget_rate < math.inf:
            self._count_start(now)
        return self._answer(now, index)

    def ended(self, now: float) -> None:
        """A request has ended, or whoever made it."""
        self.running -= 1
        if not self.running:
            self._wanted_since = now if self.wanted else None

    def refusal_heard(self, now: float) -> None:
        """A member has got an answer with 429."""
        if self.manner.shut[0] < now < self.manner.shut[1] and self.shut_known_at is None:
            self.shut_known_at = now

    def _answer(self, now: float, index: int) -> tuple[float, Answer]:
        manner = self.manner
        latency = self._latencies[(index * _SCATTER) % _DRAWS]
        if manner.dead is not None:
            return (
                CONNECT_TIMEOUT if manner.dead is Answer.NO_CONNECTION else latency
            ), manner.dead
        start, end = manner.shut
        if start <= now < end:
            self.refused += 1
            self.not_before = end
            if self.shut_known_at is not None:
                self.news_took = max(self.news_took, now - self.shut_known_at)
            return latency, Answer.TOO_MANY
        if self._limited and len(self.starts) > manner.limit:
            self.refused += 1
            self.not_before = now + manner.retry_after
            return latency, Answer.TOO_MANY
        self.served += 1
        self.busy += latency
        if manner.redirects(index):
            return latency, Answer.REDIRECTED
        return latency, Answer.SERVED

    def _count_start(self, now: float) -> None:
        count_within_a_second(self.starts, now)
        self.most_in_a_second = max(self.most_in_a_second, len(self.starts))

    def _note_left_alone(self, now: float, since: float) -> None:
        free_at = max(since, self.not_before)
        if self.budget_rate < math.inf and self.last_at == self.last_at:
            free_at = max(free_at, self.last_at + 1 / self.budget_rate)
        self.left_alone = max(self.left_alone, now - free_at)
        self._wanted_since = None


def count_within_a_second(starts: deque[float], now: float) -> None:
    """Add a start, and forget those of more than a second ago."""
    starts.append(now)
    while starts[0] <= now - 1 + 1e-9:
        starts.popleft()


class Origins:
    """All hosts of a run, by origin."""

    def __init__(self, manner_of: Callable[[str], Manner], settings: Settings) -> None:
        self._manner_of = manner_of
        self._settings = settings
        self.rate = settings.rate if settings.rate_total and settings.rate else math.inf
        """Requests a second that the settings allow to all hosts together."""
        self._starts: deque[float] = deque()
        self.most_in_a_second = 0
        """Requests to all hosts together, where that is limited."""
        self.by_name: dict[str, VirtualOrigin] = {}

    def began(self, now: float) -> None:
        """A request begins, to whatever host."""
        if self.rate < math.inf:
            count_within_a_second(self._starts, now)
            self.most_in_a_second = max(self.most_in_a_second, len(self._starts))

    def of(self, origin: str) -> VirtualOrigin:
        """The host of this name; it is made when it is first asked for."""
        host = self.by_name.get(origin)
        if host is None:
            said = self._settings.of_host(origin)
            host = VirtualOrigin(self._manner_of(origin), said.per_host, said.rate)
            self.by_name[origin] = host
        return host
