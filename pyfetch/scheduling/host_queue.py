"""The targets that wait for one host, and which of them comes next. Pure."""

from __future__ import annotations

import random
from collections.abc import Container
from heapq import heapify, heappop, heappush

from pyfetch.models import Target
from pyfetch.scheduling.hosts import Host

_DRAWS = 16
"""How many targets of a long queue are drawn to find one for a probe."""
_SHORT = 64
"""A queue up to this length is searched as a whole."""


class HostQueue:
    """One host and the targets that are ready for it. They leave in input order, except probes."""

    __slots__ = ("_ready", "_taken", "host", "origin", "shown", "unproven", "wakes_at")

    def __init__(self, origin: str, host: Host) -> None:
        self.origin = origin
        self.host = host
        self._ready: list[tuple[int, Target]] = []
        """A heap of targets and their indexes."""
        self._taken: set[int] = set()
        """Indexes of targets that were taken out, but whose entries are still in the heap."""
        self.shown: tuple[bool, int] | None = None
        """In which heap of fronts, and with which target, this queue stands; None: in none."""
        self.unproven = 0
        """Attempts in flight that began before the host had answered anything."""
        self.wakes_at: float | None = None
        """When a timer will look at this queue again."""

    @property
    def number_ready(self) -> int:
        """How many targets are ready for the host."""
        return len(self._ready) - len(self._taken)

    @property
    def front(self) -> int | None:
        """Index of the first target; None: none is ready."""
        ready = self._ready
        if self._taken:
            while ready and ready[0][0] in self._taken:
                self._taken.discard(heappop(ready)[0])
        return ready[0][0] if ready else None

    def add(self, target: Target) -> bool:
        """Let a target wait for the host. Returns whether it is the first one now."""
        index = target.index
        if index in self._taken:
            self._taken.discard(index)  # its entry is still in the heap
            return self.front == index
        heappush(self._ready, (index, target))
        # The first entry may be one that was taken out; then this target is looked at, too.
        return self._ready[0][0] == index or (bool(self._taken) and self.front == index)

    def take_others(self, kept: Container[int]) -> list[Target]:
        """Take out all targets but those with these indexes."""
        self._remove_taken()
        taken = [target for index, target in self._ready if index not in kept]
        self._taken.update(target.index for target in taken)
        self._remove_taken()
        return taken

    def take_first(self) -> Target:
        """Take out the first target; `front` must have returned its index."""
        return heappop(self._ready)[1]

    def take(self, dropped: Container[int], randomness: random.Random) -> Target:
        """Take out the target to ask for next; `front` must have returned the first one's index.

        The target of a probe is drawn from the whole queue, except URLs that had trouble and those
        `dropped`: URLs that hang or are refused often stand side by side in a list.
        """
        ready = self._ready
        if not self.host.wants_another_url:
            return heappop(ready)[1]
        draws = len(ready) if len(ready) <= _SHORT else _DRAWS
        for place in randomness.sample(range(len(ready)), draws):
            index, target = ready[place]
            is_free = index not in dropped and index not in self._taken
            if is_free and not self.host.has_trouble_with(index):
                if place == 0:
                    return self.take_first()
                self._taken.add(index)
                if 2 * len(self._taken) > len(ready):
                    self._remove_taken()
                return target
        return self.take_first()

    def _remove_taken(self) -> None:
        self._ready = [entry for entry in self._ready if entry[0] not in self._taken]
        heapify(self._ready)
        self._taken.clear()
