"""The targets that wait for one host, and which of them comes next. Pure."""

from __future__ import annotations

import random
from collections.abc import Container
from heapq import heapify, heappop, heappush

from pyfetch.models import Target
from pyfetch.scheduling.hosts import Host


class HostQueue:
    """One host and the targets that are ready for it: by place in the input, but for probes."""

    __slots__ = ("_ready", "host", "unproven", "wakes_at")

    def __init__(self, host: Host) -> None:
        self.host = host
        self._ready: list[tuple[int, Target]] = []
        """A heap of targets and their indexes."""
        self.unproven = 0
        """Attempts in flight that began before the host had answered anything."""
        self.wakes_at: float | None = None
        """When a timer will look at this queue again."""

    @property
    def front(self) -> int | None:
        """Index of the first target; None: none is ready."""
        return self._ready[0][0] if self._ready else None

    def add(self, target: Target) -> None:
        """Let a target wait for the host."""
        heappush(self._ready, (target.index, target))

    def take_first(self) -> Target:
        """Take out the first target."""
        return heappop(self._ready)[1]

    def take(self, dropped: Container[int], randomness: random.Random) -> Target:
        """Take out the target to ask for next.

        A probe is drawn from the whole queue, without URLs that had trouble and those `dropped`:
        URLs that hang or are refused often stand side by side in a list.
        """
        host = self.host
        if not host.wants_another_url:
            return self.take_first()
        places = [
            place
            for place, (index, _) in enumerate(self._ready)
            if not host.has_trouble_with(index) and index not in dropped
        ]
        if not places:
            return self.take_first()
        place = randomness.choice(places)
        _, target = self._ready[place]
        self._ready[place] = self._ready[-1]
        self._ready.pop()
        heapify(self._ready)  # probes are rare
        return target
