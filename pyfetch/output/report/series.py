"""Amounts over time and by size, in a bounded number of bins."""

from __future__ import annotations

import math

BINS = 240
"""Bins of a time series. When time goes on beyond them, each two become one."""


class TimeSeries:
    """An amount over the seconds of a run, whatever their number, as averages in each bin."""

    def __init__(self, width: float = 0.05) -> None:
        self.width = width
        """Seconds of a bin."""
        self._amounts = [0.0] * BINS

    def add(self, begin: float, end: float, amount: float) -> None:
        """Spread an amount evenly over the time from `begin` to `end`, in seconds."""
        begin, end = max(0.0, begin), max(0.0, begin, end)
        while end >= self.width * BINS:
            self._halve()
        first, last = int(begin / self.width), int(end / self.width)
        if first == last:
            self._amounts[first] += amount
            return
        for number in range(first, last + 1):
            inside = min(end, (number + 1) * self.width) - max(begin, number * self.width)
            self._amounts[number] += amount * max(0.0, inside) / (end - begin)

    def rates(self, seconds: float) -> list[float]:
        """The amount in a second, for each bin of a run of so many seconds."""
        number = min(BINS, max(1, math.ceil(seconds / self.width)))
        rates = [amount / self.width for amount in self._amounts[:number]]
        last = seconds - (number - 1) * self.width
        if 0.2 * self.width < last < self.width:  # the last bin lasts less than the others
            rates[-1] *= self.width / last
        return rates

    def covered(self) -> float:
        """Seconds in which there was any of what was added at 1 a second, as bins tell it."""
        return sum(min(amount, self.width) for amount in self._amounts)

    def _halve(self) -> None:
        amounts = self._amounts
        pairs = [amounts[i] + amounts[i + 1] for i in range(0, BINS, 2)]
        self._amounts = pairs + [0.0] * (BINS - len(pairs))
        self.width *= 2


class Histogram:
    """How many values there are between each two powers of two."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, value: float) -> None:
        """Count a value, which is not negative."""
        power = math.ceil(math.log2(value)) if value > 0 else -64
        self._counts[power] = self._counts.get(power, 0) + 1

    def bars(self, least: float) -> list[tuple[float, int]]:
        """(upper bound, count) of each bin from the first to the last that is not empty.

        Values below `least` are in the first.
        """
        if not self._counts:
            return []
        lowest = math.ceil(math.log2(least))
        counts: dict[int, int] = {}
        for power, count in self._counts.items():
            counts[max(power, lowest)] = counts.get(max(power, lowest), 0) + count
        return [(2.0**power, counts.get(power, 0)) for power in range(min(counts), max(counts) + 1)]
