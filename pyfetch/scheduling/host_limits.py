"""Limits of the requests to a host: as set, as the host imposed them, and as remembered. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from pyfetch.models import Failure
from pyfetch.scheduling.host_rate import HostRate
from pyfetch.scheduling.retry import RetryPolicy

MOST_REMEMBERED = 16_384
"""Hosts whose failures or rates are remembered, at most, the latest ones."""


class Limits(NamedTuple):
    """How much may be asked of a host, as the settings say."""

    per_host: int | None = None
    """Transfers at once; None: no limit but that of the workers."""
    interval: float = 0.0
    """Seconds from one request to the next to the same host."""
    interval_of_all: float = 0.0
    """Seconds from one request to the next, to any host."""


class HostRules(NamedTuple):
    """What the settings say of one host."""

    limits: Limits
    policy: RetryPolicy


RulesOf = Callable[[str], HostRules]
"""Returns the rules for an origin. It is asked once for each host, and after failures."""


class Refusal(NamedTuple):
    """Why a host must not be asked now."""

    until: float
    """When it may be asked again, in seconds."""
    failure: Failure
    detail: str


class HostMemory(NamedTuple):
    """What to keep of a host for which nothing waits: little, as there may be many hosts."""

    not_before: float
    """The host must not be asked earlier, in seconds."""
    refusal: Refusal | None = None
    """Why it must not be asked, if it was given up."""
    rate: HostRate | None = None
    """Its request rate, if that was learned."""


class HostMemories:
    """The memories of hosts, by origin.

    All that must be left alone until a certain time are remembered until then: the user or the
    host has asked for that. Of the others, the oldest are forgotten: if such a host is asked
    again, it is found out again that it is down.
    """

    def __init__(self) -> None:
        self._memories: OrderedDict[str, HostMemory] = OrderedDict()
        self._details: dict[str, str] = {}
        """One copy of each text: most hosts fail for one of a few reasons."""

    def __len__(self) -> int:
        return len(self._memories)

    def keep(self, origin: str, memory: HostMemory, now: float) -> None:
        """Remember this of a host."""
        refusal = memory.refusal
        if refusal:
            if len(self._details) >= 1024:
                self._details.clear()
            detail = self._details.setdefault(refusal.detail, refusal.detail)
            memory = memory._replace(refusal=refusal._replace(detail=detail))
        self._memories[origin] = memory
        for _ in range(2):  # so that what has become due goes faster than new ones come
            if len(self._memories) <= MOST_REMEMBERED:
                return
            oldest, kept = self._memories.popitem(last=False)
            if kept.not_before > now:
                self._memories[oldest] = kept

    def take(self, origin: str) -> HostMemory | None:
        """Return what is remembered of a host, and forget it."""
        return self._memories.pop(origin, None)
