"""Pure, the time passed in: which target may start now.

Of all hosts that may be asked, the one whose next target stands first in the input goes
first, so no host starves and the results in front are not kept waiting.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush

from pyfetch.model import Target


@dataclass(slots=True)
class _Host:
    """The targets of one origin that wait for their turn, in input order."""

    ready: list[tuple[int, Target]] = field(default_factory=list)
    paused_until: float = 0.0


class Schedule:
    """Targets that wait: for a turn, for a time, for their host, or for their name.

    Two targets that go to the same path never run at once: the later one waits for
    `finish` of the one before it.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        # By the index of the target in front. An entry is stale when its host has gone on
        # or is paused; such are dropped when they are met.
        self._fronts: list[tuple[int, str]] = []
        self._timers: list[tuple[float, int, Target | str]] = []
        self._behind: dict[str, deque[tuple[Target, float]]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        """How many targets wait."""
        return self._waiting

    def add(self, target: Target, not_before: float = 0.0) -> None:
        """Let a target wait for its turn, which comes at `not_before` at the earliest."""
        self._waiting += 1
        if target.path is not None:
            behind = self._behind.get(target.path)
            if behind is not None:
                behind.append((target, not_before))
                return
            self._behind[target.path] = deque()
        self._queue(target, not_before)

    def again(self, target: Target, not_before: float) -> None:
        """Let a target that was started and not finished have another turn."""
        self._waiting += 1
        self._queue(target, not_before)

    def finish(self, target: Target) -> None:
        """A target that was started is done: the next one of its path may go."""
        if target.path is None:
            return
        behind = self._behind[target.path]
        if behind:
            self._queue(*behind.popleft())
        else:
            del self._behind[target.path]

    def pause(self, origin: str, until: float) -> None:
        """Start nothing of this origin before `until`."""
        host = self._hosts.setdefault(origin, _Host())
        if until > host.paused_until:
            host.paused_until = until
            heappush(self._timers, (until, 0, origin))

    def next(self, now: float) -> Target | None:
        """The target that may start now, taken out; None when none may."""
        self._wake(now)
        while self._fronts:
            index, origin = self._fronts[0]
            host = self._hosts.get(origin)
            if (
                host is None
                or host.paused_until > now
                or not host.ready
                or host.ready[0][0] != index
            ):
                heappop(self._fronts)
                continue
            heappop(self._fronts)
            _, target = heappop(host.ready)
            self._show_front(origin, host)
            self._waiting -= 1
            return target
        return None

    def wake_at(self) -> float | None:
        """When `next` is worth asking again, if nothing else happens; None: never."""
        return self._timers[0][0] if self._timers else None

    def _queue(self, target: Target, not_before: float) -> None:
        if not_before > 0:
            heappush(self._timers, (not_before, target.index, target))
        else:
            self._make_ready(target)

    def _make_ready(self, target: Target) -> None:
        host = self._hosts.setdefault(target.origin, _Host())
        heappush(host.ready, (target.index, target))
        if host.ready[0][0] == target.index:
            self._show_front(target.origin, host)

    def _show_front(self, origin: str, host: _Host) -> None:
        if host.ready:
            heappush(self._fronts, (host.ready[0][0], origin))
        elif not host.paused_until:
            del self._hosts[origin]

    def _wake(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            _, _, woken = heappop(self._timers)
            if isinstance(woken, Target):
                self._make_ready(woken)
                continue
            host = self._hosts.get(woken)
            if host is not None and host.paused_until <= now:
                host.paused_until = 0.0
                self._show_front(woken, host)
