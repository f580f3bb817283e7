"""Limits of the requests to a host, as values: set by the user, learned, and remembered. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from pyfetch.models import Failure
from pyfetch.scheduling.host_rate import HostRate

MOST_REMEMBERED = 16_384
"""Hosts whose failures or rates are remembered, at most: the latest ones."""


class Limits(NamedTuple):
    """How much may be asked of a host, as the settings say."""

    per_host: int | None = None
    """Transfers at once; None: no limit but that of the workers."""
    interval: float = 0.0
    """Seconds from one request to the next to the same host."""
    interval_of_all: float = 0.0
    """Seconds from one request to the next, to any host."""


class Refusal(NamedTuple):
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
            memory = memory._replace(refusal=refusal._replace(detail=detail))
        self._memories[origin] = memory
        for _ in range(2):  # two for each new one, so that those whose time has come do go
            if len(self._memories) <= MOST_REMEMBERED:
                return
            oldest, kept = self._memories.popitem(last=False)
            if kept.not_before > now:
                self._memories[oldest] = kept

    def take(self, origin: str) -> HostMemory | None:
        """Remove and return what is remembered of a host."""
        return self._memories.pop(origin, None)
