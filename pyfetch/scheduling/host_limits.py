"""Limits of the requests to a host: set by the user, learned from refusals, remembered. Pure."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.models import Failure
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.settings import MOST_WORKERS, HostSettings
from pyfetch.value import Value

if TYPE_CHECKING:  # loaded where several members share hosts
    from pyfetch.scheduling.host_budgets import HostNews

MOST_REMEMBERED = 16_384
"""Hosts whose failures or rates are remembered, at most: the latest ones."""
_DECREASE = 0.9
_NEAR = 0.85, 1.05
"""Growth is slow between these fractions of the rate at which the host pushed back last."""
_DOUBLING = 2.5
"""Seconds in which the rate doubles if no limit is near."""
_SLOW = 0.1
"""Growth near a limit, as a fraction of the rate, in `_SLOW_SECONDS` or `_SLOW_REQUESTS`."""
_SLOW_SECONDS = 30.0
_SLOW_REQUESTS = 150
COINCIDENCE = 60.0
"""Two refusals within this many seconds belong together."""
_SLOWEST = 1 / 60
"""The lowest rate, in requests a second: one a minute."""
_MOMENT = 1e-3
"""Shortest time over which a rate is measured, in seconds."""


class Limits(Value):
    """How much may be asked of a host, as the settings say."""

    per_host: int | None = None
    """Transfers at once; None: no limit but that of the workers."""
    interval: float = 0.0
    """Seconds from one request to the next to the same host."""
    interval_of_all: float = 0.0
    """Seconds from one request to the next, to any host."""
    limit_rate: int | None = None
    """Bytes a second from the same host; None: no limit."""

    @property
    def are_of_host(self) -> bool:
        """Whether there is any limit for one host, so that its members need a budget."""
        return self.per_host is not None or self.interval > 0 or self.limit_rate is not None


def limits_of(host: HostSettings) -> Limits:
    """The limits that the settings of a host say."""
    return Limits(
        host.per_host,
        interval=1 / host.rate if host.rate else 0.0,
        limit_rate=host.limit_rate,
    )


class HostRules(Value):
    """What the settings say of one host."""

    limits: Limits
    policy: RetryPolicy


RulesOf = Callable[[str], HostRules]
"""Returns the rules for an origin. It is asked once for each host, and after failures."""


class HostRate:
    """Requests a second to one host; unlimited until the host pushes back (429, 503).

    The first refusal may be chance. If a second one comes soon, the rate becomes the one that the
    host accepted between the two, pause included. Each further refusal lowers the rate by a tenth.
    Between refusals the rate grows: slowly near the rate that was refused last, faster below and
    above it. CUBIC does the same with a window (RFC 9438, section 4.1).
    """

    __slots__ = (
        "_accepted", "_began", "_last", "_limit", "_pushed", "_pushed_before", "interval", "rate",
    )  # fmt: skip

    def __init__(self) -> None:
        self.rate = math.inf
        """Requests a second."""
        self.interval = 0.0
        """Seconds from one request to the next; read several times for each target."""
        self._limit = 0.0
        """The rate at which the host pushed back last; 0 while no rate is known."""
        self._began: float | None = None
        """When the host accepted the first request since it last pushed back."""
        self._accepted = 0
        """How many requests it has accepted since."""
        self._last = -math.inf
        """When the host accepted the last request."""
        self._pushed = False
        """Whether the host has pushed back since."""
        self._pushed_before = False
        """Whether the host had pushed back not long before, too."""

    @classmethod
    def learned(cls, rate: float, refused_rate: float) -> "HostRate":
        """A rate that another member has found. `refused_rate`: the one that was refused last."""
        learned = cls()
        learned._change_to(max(rate, _SLOWEST))
        learned._limit = refused_rate
        return learned

    @property
    def refused_rate(self) -> float:
        """The rate at which the host pushed back last; 0 while no rate is known."""
        return self._limit

    def accepted(self, now: float, *, held_back: bool) -> None:
        """Take in that a request was accepted. `held_back`: it had to wait because of the rate."""
        if self._pushed or self._began is None:
            if self._began is not None:
                took = max(now - self._began, _MOMENT)
                if self.rate < math.inf or self._pushed_before:
                    accepted = max(self._accepted, 1) / took
                    self._change_to(max(min(self.rate, accepted), _SLOWEST))
                self._pushed_before = took < COINCIDENCE
            self._began, self._accepted, self._pushed = now, 0, False
        self._accepted += 1
        self._last = now
        if held_back and self.rate < math.inf:
            self._change_to(self.rate * self._growth())

    def pushed_back(self, now: float) -> None:
        """Take in that the host has refused a request."""
        if now - self._last > COINCIDENCE:
            self._began = None  # there were no requests for a while: that is not the host's rate
        if self.rate < math.inf:
            self._limit = self.rate
            self._change_to(self.rate * _DECREASE)
        self._pushed = True

    def _change_to(self, rate: float) -> None:
        self.rate, self.interval = rate, 1 / rate

    def _growth(self) -> float:
        """The factor by which one accepted request raises the rate."""
        nearest, farthest = _NEAR
        if nearest * self._limit <= self.rate <= farthest * self._limit:
            return 1 + min(_SLOW / _SLOW_REQUESTS, _SLOW * self.interval / _SLOW_SECONDS)
        return math.exp2(min(1.0, self.interval / _DOUBLING))


class HostShare:
    """Attempts at once that a host takes; unlimited until the host pushes back.

    After a refusal one attempt is made. Each answer to it allows one more, up to half of what
    there were; then each round of answers does. That is slow start and congestion avoidance (RFC
    5681, section 3.1): additive increase with multiplicative decrease, which shares a host
    evenly among its clients (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for
    Congestion Avoidance", 1989).
    """

    __slots__ = ("limit", "threshold")

    def __init__(self, limit: float = math.inf, threshold: float = math.inf) -> None:
        self.limit = limit
        """Attempts at once."""
        self.threshold = threshold
        """Up to where the limit grows fast."""

    def answered(self) -> None:
        """Take in an answer: the host may take more."""
        if self.limit < math.inf:
            self.limit += 1 if self.limit < self.threshold else 1 / self.limit
            if self.limit > MOST_WORKERS:
                self.limit = math.inf

    @classmethod
    def after_refusal(cls, running: int) -> "HostShare":
        """The share of a host that has refused a request while `running` attempts were made."""
        return cls(1.0, max(1.0, running / 2))


class Refusal(Value):
    """Why a host must not be asked now."""

    until: float
    """When it may be asked again, in seconds."""
    failure: Failure
    detail: str


class HostMemory(NamedTuple):
    """What is remembered of a host for which no target waits: little, as there may be many."""

    not_before: float
    """The host must not be asked earlier, in seconds."""
    refusal: Refusal | None = None
    """Why it must not be asked, if it was given up."""
    rate: HostRate | None = None
    """Its request rate, if that was learned."""

    def as_news(self, origin: str, now: float, reason: str) -> "HostNews":
        """The same for other members of the run. `reason`: why it is paused, if it is."""
        from pyfetch.scheduling.host_budgets import HostNews

        refusal, rate = self.refusal, self.rate
        return HostNews(
            origin,
            max(0.0, self.not_before - now),
            reason,
            refusal.until - now if refusal else 0.0,
            refusal.failure if refusal else None,
            refusal.detail if refusal else "",
            rate.rate if rate else None,
            rate.refused_rate if rate else 0.0,
        )

    @classmethod
    def of_news(cls, news: "HostNews", now: float) -> "HostMemory":
        """What another member of the run has told."""
        refusal = rate = None
        if news.failure and news.refused_for > 0:
            refusal = Refusal(now + news.refused_for, news.failure, news.detail)
        if news.rate is not None:
            rate = HostRate.learned(news.rate, news.refused_rate)
        return cls(now + news.wait, refusal, rate)


class HostMemories:
    """What is remembered of hosts, by origin.

    A host that must not be asked before a certain time is remembered until then, as the user or
    the host has asked for that. Of the others, the oldest are forgotten: if such a host is down,
    that will be found out again.
    """

    def __init__(self) -> None:
        self._memories: OrderedDict[str, HostMemory] = OrderedDict()
        self._details: dict[str, str] = {}
        """Each text once: most hosts fail for one of a few reasons."""

    def __len__(self) -> int:
        return len(self._memories)

    def keep(self, origin: str, memory: HostMemory, now: float) -> None:
        """Remember this of a host."""
        refusal = memory.refusal
        if refusal:
            if len(self._details) >= 1024:
                self._details.clear()
            detail = self._details.setdefault(refusal.detail, refusal.detail)
            memory = memory._replace(refusal=refusal.replaced(detail=detail))
        self._memories[origin] = memory
        for _ in range(2):  # two for each new one, so that those whose time has come do go
            if len(self._memories) <= MOST_REMEMBERED:
                return
            oldest, kept = self._memories.popitem(last=False)
            if kept.not_before > now:
                self._memories[oldest] = kept

    def get(self, origin: str) -> HostMemory | None:
        """What is remembered of a host."""
        return self._memories.get(origin)

    def take(self, origin: str) -> HostMemory | None:
        """Remove and return what is remembered of a host."""
        return self._memories.pop(origin, None)
