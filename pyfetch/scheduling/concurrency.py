"""Pure, the time passed in: how many transfers at once, a fixed number or one that is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

FIRST = 8
"""With how many transfers at once the search begins."""
_FILE = 1_000_000
"""Bytes that count as much as a file does."""

_CLIMBS = 1.1
"""Twice the workers have to bring so much more, as a factor."""
_PROBES = 1.06
"""A quarter more workers has to bring so much more."""
_AS_MUCH = 0.98
"""A quarter fewer workers may bring so much less."""
_CHANGED = 0.7, 1.6
"""Below and above which fraction of what came before the load is another one."""
_INFLATED = 2.0
"""Answers that take so much longer, as a factor, are the sign of a queue."""
_BACK = 0.75
_SHORTEST, _LONGEST = 0.1, 1.0
"""Seconds over which is measured: at least, and where that is enough."""
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0
"""Seconds between two probes."""


class WorkerLimit:
    """How many transfers may run at once: as many as somebody said."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """As many as may run now."""

    def ended(self, began: float, latency: float, *, pushed_back: bool) -> None:
        """A transfer is over that began then and was answered after `latency` seconds."""

    def idle(self, *, full: bool) -> None:
        """Nothing was started: because it is `full`, or because nothing may be."""

    def due(self) -> float | None:
        """When `review` is worth calling though nothing has ended."""

    def review(self, now: float, running: int, received: Callable[[], int]) -> str | None:
        """Look at what has come, `received` bytes in all. Returns a step that was made, if any."""

    def summary(self) -> str | None:
        """The number that was settled on, and why, for people."""


class Measure(NamedTuple):
    """What so many transfers at once brought."""

    limit: int
    rate: float
    """Work a second: files, and bytes by the million."""
    latency: float
    """Mean time to an answer, in seconds."""
    used: bool
    """Whether there was always something for all of them to do."""
    pushed_back: int
    """How many answers said that a host was asked too much."""


class _Period:
    """A stretch of time in which the limit stays as it is: it settles, then it is measured."""

    __slots__ = (
        "answered",
        "began",
        "ends",
        "files",
        "full",
        "latency",
        "pushed_back",
        "received",
        "short",
    )

    def __init__(self) -> None:
        self.began: float | None = None
        """When measuring began."""
        self.files = self.answered = self.pushed_back = self.full = self.short = 0
        self.latency = 0.0
        self.received = 0
        self.ends = 0.0
        """When it is long enough, however little has come."""


class AdaptiveWorkerLimit(WorkerLimit):
    """Finds how many transfers at once bring the most, and follows when that changes.

    It doubles the number while that brings more (slow start, RFC 5681, section 3.1), goes
    back a step where it does not, and from then on climbs the hill by trying a quarter
    more or fewer now and then, ever more rarely (Hellerstein, Morrison and Eilebrecht, "Applying
    Control Theory in the Real World: Experience With Building a Controller for the .NET
    Thread Pool", 2010). It steps back by a quarter when hosts push back, as AIMD does.
    """

    def __init__(self, most: int, first: int = FIRST) -> None:
        super().__init__(min(first, most))
        self._most = most
        self._settled_on = (self.limit, "so it began")
        self._why = ""
        self._decide = self._climb
        self._period = _Period()
        self._changed_at = 0.0
        self._new_ones_end = True
        """Whether transfers have ended that began since the limit changed."""
        self._crowded = False
        """Whether more run than may: they began under a higher limit."""
        self._settled_at: float | None = None
        """When enough time will have passed since then, whatever has ended."""
        self._drops = 0
        """Periods in a row in which clearly less came than before."""
        self._before: Measure | None = None
        """What the limit brought from which the present one is a step."""
        self._latency = self._deviation = 0.0
        """Moving averages, in seconds, as TCP keeps them (RFC 6298, section 2)."""
        self._pause = _FIRST_PAUSE
        self._probe_at = 0.0
        self._up_next = True
        self._now = 0.0

    def ended(self, began: float, latency: float, *, pushed_back: bool) -> None:
        self._new_ones_end = self._new_ones_end or began >= self._changed_at
        error = latency - self._latency
        if self._latency:
            self._deviation += (abs(error) - self._deviation) / 8
            self._latency += error / 16
        else:
            self._latency = latency
        period = self._period
        if period.began is not None:
            period.files += not pushed_back
            period.pushed_back += pushed_back
            period.answered += 1
            period.latency += latency

    def idle(self, *, full: bool) -> None:
        self._period.full += full
        self._period.short += not full

    def due(self) -> float | None:
        if self._period.began is None:
            return None if self._crowded else self._settled_at
        return self._period.ends

    def review(self, now: float, running: int, received: Callable[[], int]) -> str | None:
        self._now = now
        self._crowded = running > self.limit
        period = self._period
        if period.began is None:
            if not self._crowded and self._settles(now):
                period = self._period = _Period()
                period.began, period.received = now, received()
                period.ends = now + self._long_enough()
            return None
        took = now - period.began
        rounds = 1 if self._decide == self._climb else 2
        enough = period.answered >= max(rounds * self.limit, 8) and took >= _SHORTEST
        if not (enough and took >= self._round) and now < period.ends:
            return None
        work = period.files + (received() - period.received) / _FILE
        if not work and not period.pushed_back:
            period.ends = now + self._long_enough()
            return None
        mean = period.latency / period.answered if period.answered else self._latency
        used = period.full > period.short
        measure = Measure(self.limit, work / took, mean, used, period.pushed_back)
        before = self.limit
        self._decide(measure)
        changed = self.limit != before
        self._period = _Period()
        if changed:
            self._changed_at = now
            self._new_ones_end = False
        # Some transfers last: what was changed shows in bytes that come through, too.
        self._settled_at = now + (self._long_enough() if changed else 0.0)
        return f"workers {before} → {self.limit}: {self._why}" if changed else None

    def summary(self) -> str | None:
        limit, why = self._settled_on
        return f"workers: {limit} in the end ({why})"

    def _settles(self, now: float) -> bool:
        """Whether what ends now began under the present limit."""
        if self._new_ones_end and now >= self._changed_at + self._round:
            return True
        return self._settled_at is not None and now >= self._settled_at

    @property
    def _round(self) -> float:
        """Seconds in which nearly all transfers are answered."""
        return self._latency + 2 * self._deviation

    def _long_enough(self) -> float:
        return max(_LONGEST, 2 * self._round)

    def _climb(self, measure: Measure) -> None:
        """Double as long as that helps."""
        before = self._before
        if self._pushed_back(measure):
            return
        if before and measure.rate < before.rate * _CLIMBS:
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
        """Stay, until it is time for a probe or the load has changed."""
        before = self._before
        if self._pushed_back(measure):
            return
        low, high = _CHANGED
        if before and measure.used and before.used:
            slower = measure.latency > before.latency * _INFLATED
            if measure.rate < before.rate * low or (slower and measure.rate < before.rate * high):
                self._drops += 1
                if self._drops < 2:
                    return  # that may have been chance
                self._pause = _FIRST_PAUSE
                if measure.limit > 1:
                    why = "answers take longer" if slower else "less comes through"
                    self._before, self._decide = measure, self._fewer
                    self._go(measure.limit // 2, f"{why}, so fewer are tried")
                    return
        self._drops = 0
        if before:  # what holds for long is what counts
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
        """A few more were tried."""
        before = self._before
        if self._pushed_back(measure) or before is None:
            return
        if measure.used and measure.rate >= before.rate * _PROBES:
            self._pause = _FIRST_PAUSE
            self._before, self._decide = measure, self._climb
            self._go(measure.limit * 2, "more at once bring more")
            return
        self._wait_longer()
        self._hold(before.limit, before, f"{measure.limit} at once brought no more")

    def _fewer(self, measure: Measure) -> None:
        """Fewer were tried: they stay if as much comes through."""
        before = self._before
        if self._pushed_back(measure) or before is None:
            return
        if measure.rate >= before.rate * _AS_MUCH:
            self._before = measure
            if measure.limit > 1:
                self._go(measure.limit - max(1, measure.limit // 4), "fewer bring as much")
                return
            self._hold(1, measure, "one is enough")
            return
        if before.limit - measure.limit > max(1, before.limit // 4):
            # It was halved because the load had changed, and fewer are no help: maybe more are.
            self._before, self._decide = before, self._climb
            self._go(before.limit * 2, "fewer brought less, so more are tried")
            return
        self._wait_longer()
        self._hold(before.limit, before, f"{measure.limit} at once brought less")

    def _pushed_back(self, measure: Measure) -> bool:
        """Step back, if a host was asked too much."""
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
