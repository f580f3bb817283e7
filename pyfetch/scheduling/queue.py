"""Pure, the time passed in: which target may start now.

Targets wait in one queue for each host. Of all hosts that may be asked, the one whose next
target comes first in the input is asked first: so no host starves, and results come in order.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from heapq import heappop, heappush

from pyfetch.models import HostSignal, Result, Target
from pyfetch.scheduling.hosts import Host, Limits, Refusal
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.same_path import SamePath
from pyfetch.settings import MOST_WORKERS

REMEMBERED = 4096
"""Idle hosts of which what was learned is kept, at most, unless it still matters."""


@dataclass(slots=True)
class _HostQueue:
    """The targets that wait for one host, in input order."""

    host: Host
    ready: list[tuple[int, Target]] = field(default_factory=list)
    unproven: int = 0
    """Attempts in flight that began before the host had answered anything."""
    wakes_at: float | None = None
    """When a timer will show the front of the queue again."""


class HostQueues:
    """Targets that wait: for a worker, for a time, for their host, or for their path.

    Two targets that go to the same path never run at once: the later one waits until
    `finish` is called for the one before it.
    """

    def __init__(self, limits: Limits | None = None, policy: RetryPolicy | None = None) -> None:
        self._limits = limits or Limits()
        self._policy = policy or RetryPolicy()
        self._queues: dict[str, _HostQueue] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        """Origins without anything that waits or runs, the one that was asked last at the end."""
        # Heaps of (index of the target in front, origin), for hosts that have answered and for
        # those that have not. An entry is stale when its queue has moved on or must wait;
        # stale entries are dropped when they come to the top.
        self._fronts: dict[bool, list[tuple[int, str]]] = {True: [], False: []}
        self._timers: list[tuple[float, int, str, Target | None]] = []
        self._same_path = SamePath()
        self._dropped: set[int] = set()
        self._waiting = 0
        self._unproven = 0
        self._asked_at = self._asked_before = -math.inf

    def __len__(self) -> int:
        """How many targets wait."""
        return self._waiting

    def add(self, target: Target) -> None:
        """Let a target wait for its first attempt."""
        self._waiting += 1
        if self._same_path.enter(target):
            self._make_ready(target, target.origin)

    def again(self, target: Target, origin: str, not_before: float) -> None:
        """Let a target that was started wait for another attempt, at this host."""
        self._waiting += 1
        heappush(self._timers, (not_before, target.index, origin, target))

    def drop(self, target: Target) -> None:
        """A target that waits for another attempt needs none any more."""
        self._waiting -= 1
        self._dropped.add(target.index)

    def finish(self, target: Target) -> None:
        """A target that was started is done: the next one with its path may start."""
        following = self._same_path.leave(target)
        if following:
            self._make_ready(following, following.origin)

    def next(self, now: float, workers: int = MOST_WORKERS) -> Target | None:
        """Take out the target that may start now; None if none may.

        Hosts that have never answered get half of the workers at most while other hosts can
        use the rest: they may be down, and it takes long to find that out.
        """
        self._wake(now)
        if now < self._asked_at + self._limits.interval_of_all:
            return None
        proven, unproven = self._front(True, now), self._front(False, now)
        if proven and unproven and self._unproven >= max(1, workers // 2):
            unproven = None
        front = min(proven, unproven) if proven and unproven else proven or unproven
        if front is None:
            return None
        _, origin = front
        queue = self._queues[origin]
        heappop(self._fronts[queue.host.answers])
        _, target = heappop(queue.ready)
        self._show_front(origin, queue)
        self._waiting -= 1
        return target

    def started(self, origin: str, now: float) -> None:
        """An attempt at a target that `next` has returned begins, at this host."""
        queue = self._queue_of(origin)
        queue.host.started(now)
        self._asked_before, self._asked_at = self._asked_at, now
        if not queue.host.answers:
            queue.unproven += 1
            self._unproven += 1

    def ended(
        self,
        origin: str,
        now: float,
        began: float,
        sign: HostSignal,
        asked: float | None,
        result: Result | None,
    ) -> None:
        """An attempt at this host has ended; the parameters are those of `Host.ended`."""
        queue = self._queue_of(origin)
        queue.host.ended(now, began, sign, asked, result)
        if sign is HostSignal.NOT_ASKED and self._asked_at == began:
            self._asked_at = self._asked_before
        known = queue.unproven if queue.host.answers else min(queue.unproven, 1)
        queue.unproven -= known
        self._unproven -= known
        self._show_front(origin, queue)

    def refusal(self, origin: str, now: float) -> Refusal | None:
        """Why the host of a target that `next` has returned must not be asked; None: it may be."""
        queue = self._queues.get(origin)
        return queue.host.refused(now) if queue else None

    def wake_at(self) -> float | None:
        """When to call `next` again after it returned None, if nothing else happens."""
        times = [self._timers[0][0]] if self._timers else []
        if any(self._fronts.values()):
            times.append(self._asked_at + self._limits.interval_of_all)
        return min(times, default=None)

    def _make_ready(self, target: Target, origin: str) -> None:
        queue = self._queue_of(origin)
        heappush(queue.ready, (target.index, target))
        if queue.ready[0][0] == target.index:
            self._show_front(origin, queue)

    def _queue_of(self, origin: str) -> _HostQueue:
        queue = self._queues.get(origin)
        if queue is None:
            queue = self._queues[origin] = _HostQueue(Host(self._limits, self._policy))
        self._idle.pop(origin, None)
        return queue

    def _show_front(self, origin: str, queue: _HostQueue) -> None:
        if queue.ready:
            heappush(self._fronts[queue.host.answers], (queue.ready[0][0], origin))
        elif not queue.host.running:
            self._idle[origin] = None
            self._idle.move_to_end(origin)

    def _front(self, answers: bool, now: float) -> tuple[int, str] | None:
        """The first entry whose target may start; entries that may not are dropped."""
        fronts = self._fronts[answers]
        while fronts:
            index, origin = fronts[0]
            queue = self._queues.get(origin)
            is_front = queue and queue.ready and queue.ready[0][0] == index
            if queue and is_front and queue.host.answers == answers:
                if index in self._dropped:
                    self._dropped.discard(index)
                    heappop(queue.ready)
                    self._show_front(origin, queue)
                    continue
                time = queue.host.may_start(now)
                if time is not None and time <= now:
                    return fronts[0]
                if time is not None and (queue.wakes_at is None or time < queue.wakes_at):
                    queue.wakes_at = time
                    heappush(self._timers, (time, 0, origin, None))
            heappop(fronts)
        return None

    def _wake(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            time, _, origin, target = heappop(self._timers)
            if target is not None:
                if target.index in self._dropped:
                    self._dropped.discard(target.index)
                else:
                    self._make_ready(target, origin)
                continue
            queue = self._queues.get(origin)
            if queue and queue.wakes_at == time:
                queue.wakes_at = None
                self._show_front(origin, queue)
        while len(self._idle) > REMEMBERED:
            oldest = next(iter(self._idle))
            if not self._queues[oldest].host.forgettable(now):
                self._idle.move_to_end(oldest)
                break
            del self._idle[oldest], self._queues[oldest]
