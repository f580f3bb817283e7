"""What is kept of hosts for which nothing waits: little of each, and of so many at most. Pure."""

from __future__ import annotations

from collections import OrderedDict

from pyfetch.scheduling.limits import HostMemory

MOST_REMEMBERED = 16_384
"""Hosts whose failures or rates are remembered, at most, the latest ones."""


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
