"""Which target may start now. Pure.

Targets wait in one queue for each host. Of all hosts that may be asked now, the one whose next
target comes first in the input gets the next request. So no host starves, and results come nearly
in order.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Container, Iterator
from heapq import heappop, heappush, heapreplace

from pyfetch.models import HostSignal, Result, Target
from pyfetch.scheduling.host_limits import HostMemories, HostRules, Limits, Refusal, RulesOf
from pyfetch.scheduling.host_queue import HostQueue
from pyfetch.scheduling.hosts import Host
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.same_path import SamePath
from pyfetch.settings import MOST_WORKERS

_NOT_ASKED = HostSignal.NOT_ASKED

REMEMBERED = 4096
"""Hosts without waiting targets that are kept as they are, at most. Of others, little is kept."""


class HostQueues:
    """Targets that wait: for a worker, for a time, for their host, or for their path.

    Two targets that go to the same path never run at once: the later one waits until `finish`
    is called for the earlier one.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        policy: RetryPolicy | None = None,
        rules_of: RulesOf | None = None,
    ) -> None:
        """`rules_of`: where hosts have limits or a policy of their own."""
        self._limits = limits or Limits()
        self._interval_of_all = self._limits.interval_of_all
        self._policy = policy or RetryPolicy()
        self._rules_of = rules_of or (lambda _: HostRules(self._limits, self._policy))
        self._queues: dict[str, HostQueue] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        """Origins for which nothing waits or runs, in the order in which they were last asked."""
        self._memories = HostMemories()
        # Heaps of (index of the first target, origin), for hosts that have answered and for those
        # that have not. An entry is stale if another target has become the first or the host
        # must wait. A stale entry is dropped when it comes to the top.
        self._fronts: dict[bool, list[tuple[int, str]]] = {True: [], False: []}
        self._timers: list[tuple[float, int, str, Target | None]] = []
        """A heap of (time, index, origin, target): at that time the target is ready, or, if it is
        None, the host may be asked again."""
        self._same_path = SamePath()
        self._dropped: set[int] = set()
        """Indexes of targets that still stand in a queue or timer, but need no other attempt."""
        self._hung: set[int] = set()
        """Indexes of targets in timers whose last attempt hung."""
        self._held: list[tuple[int, str, Target]] = []
        """A heap of such targets whose time has come, with their origins."""
        self._hung_in_flight: set[int] = set()
        """Indexes of such targets that may be tried again now, or are in flight."""
        self._waiting = 0
        self._unproven = 0
        """Attempts in flight at hosts that had not answered anything when these attempts began."""
        self._asked_at = self._asked_before = -math.inf
        """When the last request to any host began, and the one before."""

    def __len__(self) -> int:
        """How many targets wait."""
        return self._waiting

    def add(self, target: Target) -> None:
        """Let a target wait for its first attempt."""
        self._waiting += 1
        if self._same_path.enter(target):
            self._make_ready(target, target.url.origin)

    def again(self, target: Target, origin: str, not_before: float, *, hung: bool = False) -> None:
        """Let a target that was started wait for another attempt at this host, until this time.

        `hung`: its last attempt held a worker until the timeout, and the next one may, too.
        """
        self._waiting += 1
        self._hung_in_flight.discard(target.index)
        if hung:
            self._hung.add(target.index)
        heappush(self._timers, (not_before, target.index, origin, target))

    def remove_ready(self, origin: str, kept: Container[int]) -> list[Target]:
        """Remove the targets that wait for a worker or their host, but those with these indexes."""
        queue = self._queues.get(origin)
        removed = queue.take_others(kept) if queue else []
        self._waiting -= len(removed)
        for target in removed:
            following = self._same_path.leave(target)
            if following:
                self._make_ready(following, following.origin)
        if queue:
            self._show_front(origin, queue)
        return removed

    def drop(self, target: Target) -> None:
        """Remove a target that waits for another attempt."""
        self._waiting -= 1
        self._dropped.add(target.index)

    def finish(self, target: Target) -> bool:
        """A target that was started is done. Returns whether another one may have its path now."""
        if self._hung_in_flight:
            self._hung_in_flight.discard(target.index)
        following = self._same_path.leave(target)
        if following:
            self._make_ready(following, following.origin)
        return following is not None

    def next(self, now: float, workers: int = MOST_WORKERS) -> Target | None:
        """Take out a target that may start now; None if none may.

        Hosts that have never answered get at most half of the workers while other hosts can use
        the rest: such a host may be down, and it takes long to find that out. Targets whose last
        attempt hung get a quarter of the workers in the same way.
        """
        if self._timers or len(self._idle) > REMEMBERED:
            self._wake(now)
        if now < self._asked_at + self._interval_of_all:
            return None
        if self._held and len(self._hung_in_flight) < workers // 4:
            self._release()
        queue = self._first(now, workers)
        while queue is None and self._held:
            self._release()
            queue = self._first(now, workers)
        if queue is None:
            return None
        answers = queue.host.reach.answers
        target = queue.take(self._dropped, self._policy.randomness)
        following = queue.front
        if following is None:
            heappop(self._fronts[answers])
            queue.shown = None
            self._show_front(queue.origin, queue)
        else:
            heapreplace(self._fronts[answers], (following, queue.origin))
            queue.shown = answers, following
        self._waiting -= 1
        return target

    def _first(self, now: float, workers: int) -> HostQueue | None:
        """The queue of the first target that may start now; None if none may."""
        proven = self._front(True, now) if self._fronts[True] else None
        if not self._fronts[False]:
            return proven
        unproven = self._front(False, now)
        if not (proven and unproven):
            return proven or unproven
        if self._unproven >= max(1, workers // 2):
            return proven
        return proven if self._fronts[True][0] < self._fronts[False][0] else unproven

    def _release(self) -> None:
        """Let the first of the targets whose last attempt hung be tried again."""
        index, origin, target = heappop(self._held)
        if index in self._dropped:
            self._dropped.discard(index)
        else:
            self._hung_in_flight.add(index)
            self._make_ready(target, origin)

    def started(self, origin: str, now: float) -> None:
        """Take in that an attempt at a target that `next` has returned begins at this host."""
        queue = self._queue_of(origin)
        queue.host.started(now)
        self._asked_before, self._asked_at = self._asked_at, now
        if not queue.host.reach.answers:
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
    ) -> bool:
        """Take in how an attempt at this host has ended, as `Host.ended` does."""
        queue = self._queues[origin]  # it is not idle
        too_much = queue.host.ended(now, began, sign, asked, result)
        if sign is _NOT_ASKED and self._asked_at == began:
            self._asked_at = self._asked_before
        if queue.unproven:
            known = queue.unproven if queue.host.reach.answers else 1
            queue.unproven -= known
            self._unproven -= known
        self._show_front(origin, queue)
        return too_much

    def refusal(self, origin: str, now: float) -> Refusal | None:
        """Why the host of a target that `next` has returned must not be asked; None: it may be."""
        queue = self._queues.get(origin)
        return queue.host.refused(now) if queue and queue.host.refusal else None

    def wake_at(self) -> float | None:
        """When to call `next` again after it returned None, if nothing else happens."""
        times = [self._timers[0][0]] if self._timers else []
        if any(self._fronts.values()):
            times.append(self._asked_at + self._interval_of_all)
        return min(times, default=None)

    def waiting_for_a_time(self) -> Iterator[tuple[float, HostQueue | None]]:
        """Yield the time of each timer, and the queue whose host it is for; None: for a retry."""
        for time, index, origin, target in self._timers:
            if target is not None:
                if index not in self._dropped:
                    yield time, None
                continue
            queue = self._queues.get(origin)
            if queue and queue.wakes_at == time:
                yield time, queue

    def holds_back_all(self, now: float) -> bool:
        """Whether the rate for all hosts together keeps targets from being started now."""
        return now < self._asked_at + self._interval_of_all and any(self._fronts.values())

    def _make_ready(self, target: Target, origin: str) -> None:
        queue = self._queue_of(origin)
        if queue.add(target):
            self._show_front(origin, queue)

    def _queue_of(self, origin: str) -> HostQueue:
        queue = self._queues.get(origin)
        if queue is None:
            queue = self._queues[origin] = self._begin_host(origin)
        if self._idle:
            self._idle.pop(origin, None)
        return queue

    def _begin_host(self, origin: str) -> HostQueue:
        rules = self._rules_of(origin)
        host = Host(rules.limits, rules.policy, self._memories.take(origin), origin)
        return HostQueue(origin, host)

    def _show_front(self, origin: str, queue: HostQueue) -> None:
        front = queue.front
        if front is not None:
            shown = queue.host.reach.answers, front
            if queue.shown != shown:
                queue.shown = shown
                heappush(self._fronts[shown[0]], (front, origin))
        elif not queue.host.running:
            self._idle[origin] = None
            self._idle.move_to_end(origin)

    def _front(self, answers: bool, now: float) -> HostQueue | None:
        """The first queue whose host may be asked now. Entries of those before it are dropped."""
        fronts = self._fronts[answers]
        while fronts:
            index, origin = fronts[0]
            queue = self._queues.get(origin)
            if queue and queue.front == index and queue.host.reach.answers == answers:
                if index in self._dropped:
                    self._dropped.discard(index)
                    queue.take_first()
                    self._show_front(origin, queue)
                    continue
                time = queue.host.may_start(now)
                if time is not None and time <= now:
                    return queue
                if time is not None and (queue.wakes_at is None or time < queue.wakes_at):
                    queue.wakes_at = time
                    heappush(self._timers, (time, 0, origin, None))
            heappop(fronts)
            if queue and queue.shown == (answers, index):
                queue.shown = None
        return None

    def _wake(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            time, _, origin, target = heappop(self._timers)
            if target is not None:
                if target.index in self._dropped:
                    self._dropped.discard(target.index)
                    self._hung.discard(target.index)
                elif target.index in self._hung:
                    self._hung.discard(target.index)
                    heappush(self._held, (target.index, origin, target))
                else:
                    self._make_ready(target, origin)
                continue
            queue = self._queues.get(origin)
            if queue and queue.wakes_at == time:
                queue.wakes_at = None
                self._show_front(origin, queue)
        while len(self._idle) > REMEMBERED:
            origin, _ = self._idle.popitem(last=False)
            memory = self._queues.pop(origin).host.memory(now)
            if memory:
                self._memories.keep(origin, memory, now)
