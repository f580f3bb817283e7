"""How far a run has come, how fast it is, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pyfetch.activity import Activity, BusyHost
from pyfetch.output.summary import Summary
from pyfetch.transfer import Transfer

RATE_OVER = 5.0
"""Seconds over which a rate is measured."""
_SOON = 0.5
"""Seconds for which a transfer must have been watched before its rate means anything."""


class RunProgress(Protocol):
    """What the bars show of a run."""

    @property
    def in_flight(self) -> list[Transfer]: ...
    @property
    def read(self) -> int: ...
    @property
    def input_ended(self) -> bool: ...
    @property
    def busy_hosts(self) -> tuple[BusyHost, ...]: ...
    def activity(self) -> Activity: ...


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a run has come."""

    finished: int
    failed: int
    interrupted: int
    total: int
    """How many URLs there are; 0 if nobody knows."""
    is_exact: bool
    """Whether that is more than a guess."""
    elapsed: float
    """Seconds since the run began."""


class RunCounts:
    """How far a run has come, as it is known at this moment."""

    def __init__(
        self, watched: RunProgress, summary: Summary, fraction_read: Callable[[], float | None]
    ) -> None:
        self._watched = watched
        self._summary = summary
        self._fraction_read = fraction_read
        self.began = time.monotonic()

    def now(self, now: float) -> Counts:
        """The counts; `now` is on the monotonic clock."""
        total, is_exact = self._total()
        summary = self._summary
        return Counts(
            finished=summary.finished,
            failed=summary.failed - summary.interrupted,
            interrupted=summary.interrupted,
            total=total,
            is_exact=is_exact,
            elapsed=now - self.began,
        )

    def _total(self) -> tuple[int, bool]:
        """How many entries there are, 0 if nobody knows; and whether that is exact."""
        read = self._watched.read
        if self._watched.input_ended:
            return read, True
        fraction = self._fraction_read()
        return (max(read, round(read / fraction)), False) if fraction and read else (0, False)


class Growth:
    """How fast a number has grown in the last seconds."""

    __slots__ = ("_samples",)

    def __init__(self, now: float, value: float) -> None:
        self._samples = deque([(now, value)])

    def add(self, now: float, value: float) -> None:
        """Note the number as it is now. A smaller one than before begins anew."""
        if value < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, value))
        while len(self._samples) > 2 and self._samples[1][0] <= now - RATE_OVER:
            self._samples.popleft()

    def rate(self) -> float:
        """How much it grows in a second."""
        (began, before), (now, value) = self._samples[0], self._samples[-1]
        return (value - before) / (now - began) if now > began else 0.0

    def watched(self) -> float:
        """Seconds over which the rate was measured."""
        return self._samples[-1][0] - self._samples[0][0]


class Pace(NamedTuple):
    """How fast one transfer is."""

    rate: float | None
    """Bytes a second; None while that is not known."""
    left: float | None
    """Seconds until it is whole; None if that is not known."""


UNKNOWN_PACE = Pace(None, None)


class Estimator:
    """Watches the bytes that come. `observe` is called for each frame."""

    def __init__(self, now: float) -> None:
        self._received = Growth(now, 0)
        self._finished = Growth(now, 0)
        self._by_index: dict[int, Growth] = {}
        self._running: Sequence[Transfer] = ()
        self._of_finished = 0
        """Bytes that came in transfers that have ended."""
        self._number_finished = 0

    def observe(
        self, now: float, received: int, finished: int, running: Sequence[Transfer]
    ) -> None:
        """Take in what has come over the network, and how many URLs are finished."""
        self._received.add(now, received)
        self._finished.add(now, finished)
        by_index = self._by_index
        self._by_index = {}
        self._running = running
        self._of_finished = received
        self._number_finished = finished
        for transfer in running:
            index, came = transfer.target.index, transfer.received - transfer.resumed
            growth = by_index.get(index) or Growth(now, came)
            growth.add(now, came)
            self._by_index[index] = growth
            self._of_finished -= came

    @property
    def rate(self) -> float:
        """Bytes a second over the last seconds, of running and of finished transfers."""
        return self._received.rate()

    def pace(self, transfer: Transfer) -> Pace:
        """How fast a transfer is that runs."""
        growth = self._by_index.get(transfer.target.index)
        if growth is None or growth.watched() < _SOON or not transfer.received:
            return UNKNOWN_PACE
        rate = growth.rate()
        if transfer.size is None or not rate:
            return Pace(rate, None)
        return Pace(rate, max(0, transfer.size - transfer.received) / rate)

    def left(self, total: int) -> float | None:
        """Seconds until all of so many URLs are finished; None if nothing tells."""
        begun = self._number_finished + len(self._running)
        not_begun = max(0, total - begun)
        if not (not_begun or self._running):
            return None
        times = [pace.left for pace in map(self.pace, self._running) if pace.left is not None]
        by_bytes = self._left_by_bytes(not_begun)
        if by_bytes is not None:
            times.append(by_bytes)
        files = self._finished.rate()
        if not_begun and files:
            times.append(not_begun / files)
        elif not_begun and by_bytes is None:
            return None
        return max(times, default=None)

    def _left_by_bytes(self, not_begun: int) -> float | None:
        """Seconds for the bytes that are still to come: known ones, and as many as usual."""
        if not self.rate:
            return None
        known = [max(0, each.size - each.received) for each in self._running if each.size]
        unknown = not_begun + len(self._running) - len(known)
        usual = self._usual_size() if unknown else 0.0
        return None if usual is None else (sum(known) + unknown * usual) / self.rate

    def _usual_size(self) -> float | None:
        """Bytes that a URL brings: as those that are finished, else as those that run."""
        if self._number_finished:
            return max(0, self._of_finished) / self._number_finished
        sizes = [each.size for each in self._running if each.size]
        return sum(sizes) / len(sizes) if sizes else None

    def fraction(self, total: int) -> float:
        """How much of so many URLs is done, from 0 to 1; a part of one counts as such."""
        parts = sum(min(1.0, each.received / each.size) for each in self._running if each.size)
        return min(1.0, (self._number_finished + parts) / total) if total else 0.0
