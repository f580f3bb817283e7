"""How many transfers run at once with `--workers auto`: a number that adapts. Pure."""

from __future__ import annotations

from collections.abc import Callable

from pyfetch.scheduling.throughput import Measure, ThroughputMeter
from pyfetch.scheduling.worker_limit import Ceiling, WorkerLimit

FIRST = 8
"""The number of transfers at once with which the search begins."""

_CLIMB_GAIN = 1.1
"""With twice as many workers, the throughput must grow by this factor, or they go again."""
_PROBE_GAIN = 1.06
"""With a quarter more workers, the throughput must grow by this factor, or they go again."""
_NO_LOSS = 0.98
"""With a quarter fewer workers, the throughput may fall to this factor, and they stay away."""
_LOAD_CHANGED = 0.7, 1.6
"""The load counts as changed if the throughput is not between these factors of the earlier one."""
_QUEUEING = 2.0
"""If answers take this many times as long, requests wait in a queue somewhere."""
_BACK = 0.75
"""The limit is multiplied by this after a host has pushed back."""
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0
"""Seconds between two probes."""
_FIRST_PATIENCE, _LATER_PATIENCE = 1.0, 5.0
"""Seconds in which nothing comes through before more workers are tried: before anything has, and
since. A host that has answered may just be slow, and more requests would make it slower. The time
doubles with each step."""


class AdaptiveWorkerLimit(WorkerLimit):
    """Finds the number of transfers at once with the highest throughput, and keeps looking.

    It doubles the number while that raises the throughput (slow start, RFC 5681, section 3.1) and
    takes back the last step that did not. After that it climbs the hill: now and then, and ever
    more rarely, it tries a quarter more or fewer (Hellerstein, Morrison and Eilebrecht, "Applying
    Control Theory in the Real World: Experience With Building a Controller for the .NET
    Thread Pool", 2010). It goes back by a quarter when hosts push back, as AIMD does.

    Where nothing comes through for a while, all workers hang at URLs that are not answered:
    they do not load anything, and more workers may find other URLs that are.
    """

    def __init__(self, most: int, first: int = FIRST) -> None:
        super().__init__(min(first, most))
        self._ceiling = Ceiling(most)
        self._settled_on = (self.limit, "so it began")
        self._why = ""
        self._decide = self._climb
        self._meter = ThroughputMeter()
        self._drops = 0
        """Measurements in a row with clearly less throughput than before."""
        self._before: Measure | None = None
        """What the limit before the last step brought."""
        self._pause = _FIRST_PAUSE
        self._probe_at = 0.0
        self._up_next = True
        self._patience = _FIRST_PATIENCE
        self._nothing_since: float | None = None
        """When the first of the measurements in a row ended in which nothing came through."""
        self._now = 0.0

    @property
    def _most(self) -> int:
        return self._ceiling.value

    def _keep_below_ceiling(self) -> None:
        if self.limit > self._most:
            self._hold(self._most, None, "this machine has no descriptors or threads for more")

    def ended(self, began: float, latency: float, *, pushed_back: bool) -> None:
        self._meter.ended(began, latency, pushed_back=pushed_back)

    def idle(self, now: float, *, full: bool) -> None:
        self._meter.idle(now, full=full)

    def due(self) -> float | None:
        return self._meter.due()  # the ceiling can wait for a measurement

    def review(self, now: float, running: int, received: Callable[[], int]) -> str | None:
        self._now = now
        self._ceiling.rise(now)
        rounds = 1 if self._decide == self._climb else 2
        measure = self._meter.measure(now, self.limit, running, received, rounds=rounds)
        if measure is None:
            return None
        before = self.limit
        if measure.rate or measure.pushed_back:
            self._patience, self._nothing_since = _LATER_PATIENCE, None
            self._decide(measure)
        else:
            self._nothing_comes()
        changed = self.limit != before
        self._meter.begin_again(now, changed=changed)
        return f"workers {before} → {self.limit}: {self._why}" if changed else None

    def summary(self) -> str | None:
        limit, why = self._settled_on
        return f"workers: {limit} in the end ({why})"

    def _nothing_comes(self) -> None:
        """Double the limit if nothing has come through for long enough."""
        if self._nothing_since is None:
            self._nothing_since = self._now - _FIRST_PATIENCE  # a measurement lasts as long
        if self._now - self._nothing_since >= self._patience and self.limit < self._most:
            self._patience *= 2
            self._nothing_since = self._now
            self._before, self._decide = None, self._climb
            self._go(self.limit * 2, "nothing comes through, so other URLs are tried")

    def _climb(self, measure: Measure) -> None:
        """Double the limit as long as that helps."""
        before = self._before
        if self._pushed_back(measure):
            return
        if before and measure.rate < before.rate * _CLIMB_GAIN:
            self._hold(before.limit, before, f"{measure.limit} at once brought no more")
        elif not measure.used:
            self._hold(measure.limit, measure, "there was not always more to do")
        elif measure.limit >= self._most:
            self._hold(measure.limit, measure, "more are not allowed")
        else:
            self._before = measure
            self._settled_on = (measure.limit, "there was no time to try more")
            self._go(measure.limit * 2, "more at once bring more")

    def _holding(self, measure: Measure) -> None:
        """Keep the limit until it is time for a probe, or the load has changed."""
        before = self._before
        if self._pushed_back(measure):
            return
        low, high = _LOAD_CHANGED
        if before and measure.used and before.used:
            slower = measure.latency > before.latency * _QUEUEING
            if measure.rate < before.rate * low or (slower and measure.rate < before.rate * high):
                self._drops += 1
                if self._drops < 2:
                    return  # a single low measurement may be chance
                self._pause = _FIRST_PAUSE
                if measure.limit > 1:
                    why = "answers take longer" if slower else "the throughput has fallen"
                    self._before, self._decide = measure, self._fewer
                    self._go(measure.limit // 2, f"{why}, so fewer are tried")
                    return
        self._drops = 0
        if before:  # a moving average, so that single measurements matter little
            rate = before.rate + (measure.rate - before.rate) * 0.3
            latency = before.latency + (measure.latency - before.latency) * 0.3
            measure = Measure(measure.limit, rate, latency, measure.used, 0)
        self._before = measure
        if self._now < self._probe_at or not measure.used:
            return
        up = (self._up_next or measure.limit == 1) and measure.limit < self._most
        self._up_next = not self._up_next
        if up:
            self._decide = self._more
            self._go(measure.limit + max(1, measure.limit // 4), "to see whether more help")
        elif measure.limit > 1:
            self._decide = self._fewer
            self._go(measure.limit - max(1, measure.limit // 4), "to see whether fewer do as well")

    def _more(self, measure: Measure) -> None:
        """Judge a probe with more workers."""
        before = self._before
        if self._pushed_back(measure) or before is None:
            return
        if measure.used and measure.rate >= before.rate * _PROBE_GAIN:
            self._pause = _FIRST_PAUSE
            self._before, self._decide = measure, self._climb
            self._go(measure.limit * 2, "more at once bring more")
            return
        self._wait_longer()
        self._hold(before.limit, before, f"{measure.limit} at once brought no more")

    def _fewer(self, measure: Measure) -> None:
        """Judge a probe with fewer workers: it stays if the throughput does."""
        before = self._before
        if self._pushed_back(measure) or before is None:
            return
        if measure.rate >= before.rate * _NO_LOSS:
            self._before = measure
            if measure.limit > 1:
                self._go(measure.limit - max(1, measure.limit // 4), "fewer bring as much")
                return
            self._hold(1, measure, "one is enough")
            return
        if before.limit - measure.limit > max(1, before.limit // 4):
            # The limit was halved because the load had changed. Fewer workers did not help: perhaps
            # more do.
            self._before, self._decide = before, self._climb
            self._go(before.limit * 2, "fewer brought less, so more are tried")
            return
        self._wait_longer()
        self._hold(before.limit, before, f"{measure.limit} at once brought less")

    def _pushed_back(self, measure: Measure) -> bool:
        """Lower the limit if a host has pushed back. Returns whether one has."""
        if not measure.pushed_back:
            return False
        fewer = max(1, int(measure.limit * _BACK))
        self._wait_longer()
        self._hold(fewer, None, "a host was asked too much")
        return True

    def _hold(self, limit: int, measure: Measure | None, why: str) -> None:
        self._before = measure
        self._decide = self._holding
        self._probe_at = self._now + self._pause
        self._go(limit, why)
        self._settled_on = (self.limit, why)

    def _wait_longer(self) -> None:
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def _go(self, limit: int, why: str) -> None:
        self.limit = max(1, min(limit, self._most))
        self._why = why
