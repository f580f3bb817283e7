"""Pure, the time passed in: which target may start now.

Of all hosts that may be asked, the one whose next target stands first in the input goes
first, so no host starves and the results in front are not kept waiting.
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
"""Hosts that are remembered though nothing of theirs waits or runs, unless they must be."""


@dataclass(slots=True, eq=False, repr=False)
class _Line:
    """The targets that wait to ask one host, in input order."""

    host: Host
    ready: list[tuple[int, Target]] = field(default_factory=list)
    unproven: int = 0
    """Those in flight that began before the host had answered anything."""
    wakes_at: float | None = None
    """When a timer will show the line's front again."""


class HostQueues:
    """Targets that wait: for a turn, for a time, for their host, or for their name.

    Two targets that go to the same path never run at once: the later one waits for
    `finish` of the one before it.
    """

    def __init__(self, limits: Limits | None = None, policy: RetryPolicy | None = None) -> None:
        self._limits = limits or Limits()
        self._policy = policy or RetryPolicy()
        self._lines: dict[str, _Line] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        """Hosts without anything that waits or runs, the one that was asked last at the end."""
        # By the index of the target in front, for hosts that have answered, and for those
        # that have not. An entry is stale when its line has gone on or may not go on; such
        # are dropped when they are met.
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
        """Let a target wait for its turn."""
        self._waiting += 1
        if self._same_path.enter(target):
            self._make_ready(target, target.origin)

    def again(self, target: Target, origin: str, not_before: float) -> None:
        """Let a target that was started and not finished have another turn, at this host."""
        self._waiting += 1
        heappush(self._timers, (not_before, target.index, origin, target))

    def drop(self, target: Target) -> None:
        """A target that waits for another turn needs none any more."""
        self._waiting -= 1
        self._dropped.add(target.index)

    def finish(self, target: Target) -> None:
        """A target that was started is done: the next one of its path may go."""
        following = self._same_path.leave(target)
        if following:
            self._make_ready(following, following.origin)

    def next(self, now: float, workers: int = MOST_WORKERS) -> Target | None:
        """The target that may start now, taken out; None when none may.

        Hosts that have never answered get half of the workers at most as long as the
        others can use the rest: they may be dead, which takes long to find out.
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
        line = self._lines[origin]
        heappop(self._fronts[line.host.answers])
        _, target = heappop(line.ready)
        self._show_front(origin, line)
        self._waiting -= 1
        return target

    def started(self, origin: str, now: float) -> None:
        """A target that `next` has given asks this host now."""
        line = self._line(origin)
        line.host.started(now)
        self._asked_before, self._asked_at = self._asked_at, now
        if not line.host.answers:
            line.unproven += 1
            self._unproven += 1

    def ended(
        self,
        origin: str,
        now: float,
        began: float,
        sign: HostSignal,
        asked: float | None,
        result: Result,
    ) -> None:
        """An attempt that began then is over; what it says of its host counts from now on."""
        line = self._line(origin)
        line.host.ended(now, began, sign, asked, result)
        if sign is HostSignal.NOT_ASKED and self._asked_at == began:
            self._asked_at = self._asked_before
        known = line.unproven if line.host.answers else min(line.unproven, 1)
        line.unproven -= known
        self._unproven -= known
        self._show_front(origin, line)

    def refusal(self, origin: str, now: float) -> Refusal | None:
        """Why a target that `next` has given is not to ask its host, if it is not."""
        line = self._lines.get(origin)
        return line.host.refused(now) if line else None

    def wake_at(self) -> float | None:
        """When `next` is worth asking again after it gave None, if nothing else happens."""
        times = [self._timers[0][0]] if self._timers else []
        if any(self._fronts.values()):
            times.append(self._asked_at + self._limits.interval_of_all)
        return min(times, default=None)

    def _make_ready(self, target: Target, origin: str) -> None:
        line = self._line(origin)
        heappush(line.ready, (target.index, target))
        if line.ready[0][0] == target.index:
            self._show_front(origin, line)

    def _line(self, origin: str) -> _Line:
        line = self._lines.get(origin)
        if line is None:
            line = self._lines[origin] = _Line(Host(self._limits, self._policy))
        self._idle.pop(origin, None)
        return line

    def _show_front(self, origin: str, line: _Line) -> None:
        if line.ready:
            heappush(self._fronts[line.host.answers], (line.ready[0][0], origin))
        elif not line.host.running:
            self._idle[origin] = None
            self._idle.move_to_end(origin)

    def _front(self, answers: bool, now: float) -> tuple[int, str] | None:
        """The first of these hosts whose front may start; what may not is taken out."""
        fronts = self._fronts[answers]
        while fronts:
            index, origin = fronts[0]
            line = self._lines.get(origin)
            if line and line.ready and line.ready[0][0] == index and line.host.answers == answers:
                if index in self._dropped:
                    self._dropped.discard(index)
                    heappop(line.ready)
                    self._show_front(origin, line)
                    continue
                time = line.host.may_start(now)
                if time is not None and time <= now:
                    return fronts[0]
                if time is not None and (line.wakes_at is None or time < line.wakes_at):
                    line.wakes_at = time
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
            line = self._lines.get(origin)
            if line and line.wakes_at == time:
                line.wakes_at = None
                self._show_front(origin, line)
        while len(self._idle) > REMEMBERED:
            oldest = next(iter(self._idle))
            if not self._lines[oldest].host.forgettable(now):
                self._idle.move_to_end(oldest)
                break
            del self._idle[oldest], self._lines[oldest]
