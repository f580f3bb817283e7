"""What a report says, added up from results as they come: in bounded memory."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pyfetch.models import Failure
from pyfetch.output.report.series import Histogram, TimeSeries
from pyfetch.output.report.url_list import Row, UrlList

MOST_HOSTS = 1000
"""Hosts with a row of their own. The others share one."""
OTHER_HOSTS = "(other hosts)"
MOST_URLS_OF_A_FAILURE = 50
MOST_FAILURES = 200
MOST_MARKS = 300
SLOWEST = 40
SAMPLED = 60
"""Rows of the waterfall: the slowest, and so many of the others."""
FAILURE_BYTES = 150_000
"""Bytes that the URLs that failed and their sentences may take, beside the first of each kind."""
_LONGEST_URL = 300
_LONGEST_DETAIL = 400
_AFTER_FETCHING = frozenset(one for one in Failure if not one.of_transfer)

PHASES = ("dns", "connect", "tls", "first_byte", "body")
PUSHED_BACK = (429, 503)

Object = Mapping[str, Any]
"""A result as an object of JSON Lines."""


class PhaseSpan(NamedTuple):
    """Part of an attempt, in seconds since the run began."""

    name: str
    begin: float
    end: float


class WaterfallBar(NamedTuple):
    """Row of the waterfall."""

    number: int
    """Place in the input, from 1."""
    url: str
    host: str
    seconds: float
    phases: tuple[PhaseSpan, ...]
    error: str | None


class Mark(NamedTuple):
    """A retry or a pause, in seconds since the run began."""

    at: float
    seconds: float
    text: str


@dataclass(slots=True)
class HostFigures:
    """What is known of a host."""

    name: str
    urls: int = 0
    size: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    too_many: int = 0
    """Answers with status 429."""
    connections: int = 0
    pauses: TimeSeries | None = None
    """Seconds for which its URLs had to wait, since it had pushed back."""

    @property
    def paused(self) -> float:
        """Seconds for which a URL, or several at once, had to wait since it had pushed back."""
        return self.pauses.covered() if self.pauses else 0.0

    def pause(self, begin: float, end: float) -> None:
        """Note that a URL had to wait from `begin` to `end`."""
        self.pauses = self.pauses or TimeSeries()
        self.pauses.add(begin, end, end - begin)


@dataclass(slots=True)
class FailureGroup:
    """URLs that failed in the same way."""

    code: str
    status: int | None
    detail: str
    """The sentence of the first."""
    count: int = 0
    urls: list[tuple[str, str]] = field(default_factory=list)
    """The first URLs, each with its sentence."""

    @property
    def say_the_same(self) -> bool:
        """Whether the sentence of the first is that of each that is shown."""
        return all(detail == self.detail for _, detail in self.urls)


class Figures:
    """All that a report needs, from results in any order. `began`: seconds since the epoch."""

    def __init__(self, began: float | None = None, seed: int = 0) -> None:
        self.began = began
        self.finished = self.failed = self.size = self.retries = 0
        self.outcomes: Counter[str] = Counter()
        self.timed = 0
        """Results that say how long what took."""
        self.end = 0.0
        """When the last attempt ended, in seconds since `began`."""
        self.spent = dict.fromkeys(PHASES, 0.0)
        """Seconds of all last attempts, by phase."""
        self.busy = self.waited = 0.0
        """Seconds of all attempts, and those between them."""
        self.ours = 0.0
        """Seconds for which bodies waited for us: the disk, a hash, `--limit-rate`."""
        self.bytes_over_time = TimeSeries()
        self.in_flight = TimeSeries()
        self.latencies = Histogram()
        self.sizes = Histogram()
        self.hosts: dict[str, HostFigures] = {}
        self.failures: dict[tuple[str, int | None], FailureGroup] = {}
        self.marks: list[Mark] = []
        self.marks_left_out = 0
        self.urls = UrlList(seed)
        self._failure_bytes = 0
        self._random = random.Random(seed)
        self._slowest: list[tuple[float, int, WaterfallBar]] = []
        self._others: list[WaterfallBar] = []
        self._others_seen = 0

    def add(self, result: Object) -> None:
        """Add one result."""
        url = str(result["url"])
        host = self._host(url)
        self.finished += 1
        self.outcomes[str(result["outcome"])] += 1
        host.urls += 1
        size = result.get("size")
        if size is not None and result["outcome"] == "fetched":
            came = result.get("coded_size")
            came = size if came is None else came
            self.size += came
            host.size += came
            self.sizes.add(size)
        error = result.get("error")
        if error:
            self._add_failure(result, url, host)
        timing = result.get("timing")
        began = self._add_timing(result, timing, url, host) if timing else None
        self._add_row(result, url, began)

    @property
    def bars(self) -> list[WaterfallBar]:
        """The rows of the waterfall, by host and time."""
        chosen = [bar for _, _, bar in self._slowest] + self._others
        return sorted(chosen, key=lambda bar: (bar.host, bar.phases[0].begin, bar.number))

    def _host(self, url: str) -> HostFigures:
        try:
            name = urlsplit(url).netloc.rpartition("@")[2] or OTHER_HOSTS
        except ValueError:
            name = OTHER_HOSTS
        if name not in self.hosts and len(self.hosts) >= MOST_HOSTS:
            name = OTHER_HOSTS
        return self.hosts.setdefault(name, HostFigures(name))

    def _add_failure(self, result: Object, url: str, host: HostFigures) -> None:
        code, status = str(result["error"]), result.get("status")
        if code in _AFTER_FETCHING:
            status = None  # that of an answer that was well
        detail = str(result.get("detail") or "")
        self.failed += 1
        host.failures[f"{code} {status}" if status else code] += 1
        if (code, status) not in self.failures and len(self.failures) >= MOST_FAILURES:
            code, status, detail = "other", None, "failures of more kinds than are told apart here"
        group = self.failures.setdefault((code, status), FailureGroup(code, status, detail))
        group.count += 1
        shown = (url[:_LONGEST_URL], detail[:_LONGEST_DETAIL])
        fits = self._failure_bytes + sum(map(len, shown)) <= FAILURE_BYTES
        if not group.urls or (fits and len(group.urls) < MOST_URLS_OF_A_FAILURE):
            group.urls.append(shown)
            self._failure_bytes += sum(map(len, shown))

    def _add_timing(self, result: Object, timing: Object, url: str, host: HostFigures) -> float:
        if self.began is None:
            self.began = timing["began"] - (timing.get("queued") or 0.0)
        self.timed += 1
        at = first = float(timing["began"]) - self.began
        attempts = timing.get("attempts") or [{"seconds": result["elapsed"]}]
        self.ours += timing.get("ours") or 0.0
        host.connections += timing.get("connections") or 0
        for attempt in attempts[:-1]:
            at = self._add_try_that_failed(attempt, at, host)
        phases = self._phases_of_the_last(timing, at, attempts[-1]["seconds"])
        last = phases[-1].end
        self.busy += last - at
        self.in_flight.add(at, last, last - at)
        if attempts[-1].get("status") == 429:
            host.too_many += 1
        for phase in phases:
            if phase.name in self.spent:
                self.spent[phase.name] += phase.end - phase.begin
            if phase.name == "body" and result["outcome"] == "fetched":
                self.bytes_over_time.add(phase.begin, phase.end, result.get("size") or 0)
        if timing.get("first_byte") is not None:
            self.latencies.add(timing["first_byte"])
        self.end = max(self.end, last)
        queued = timing.get("queued") or 0.0
        waits = (PhaseSpan("queued", first - queued, first),) if queued else ()
        retried = (PhaseSpan("tries", first, at),) if at > first else ()
        error = result.get("error")
        self._add_bar(
            WaterfallBar(
                result["index"], url[:_LONGEST_URL], host.name, last - first,
                (*waits, *retried, *phases), str(error) if error else None,
            )
        )  # fmt: skip
        return first

    def _add_try_that_failed(self, attempt: Object, at: float, host: HostFigures) -> float:
        """Add a try before the last, which began at this time. Returns when the next began."""
        end = at + float(attempt["seconds"])
        wait = float(attempt.get("wait") or 0.0)
        status = attempt.get("status")
        self.retries += 1
        self.busy += end - at
        self.waited += wait
        self.in_flight.add(at, end, end - at)
        host.too_many += status == 429
        if status in PUSHED_BACK:
            host.pause(end, end + wait)
        if len(self.marks) < MOST_MARKS:
            why = f"{attempt.get('code') or 'try again'} {status or ''}".strip()
            self.marks.append(Mark(end, wait, f"{host.name}: {why}, next try {wait:.1f} s later"))
        else:
            self.marks_left_out += 1
        return end + wait

    def _phases_of_the_last(self, timing: Object, at: float, seconds: float) -> list[PhaseSpan]:
        phases = []
        begin = at
        for name in PHASES:
            lasted = timing.get(name)
            if lasted is not None:
                phases.append(PhaseSpan(name, begin, begin + lasted))
                begin += lasted
        if not phases or begin < at + seconds - 0.001:
            phases.append(PhaseSpan("other", begin, max(begin, at + seconds)))
        return phases

    def _add_bar(self, bar: WaterfallBar) -> None:
        heapq.heappush(self._slowest, (bar.seconds, bar.number, bar))
        if len(self._slowest) <= SLOWEST:
            return
        _, _, other = heapq.heappop(self._slowest)
        self._others_seen += 1
        if len(self._others) < SAMPLED:
            self._others.append(other)
        else:
            place = self._random.randrange(self._others_seen)
            if place < SAMPLED:
                self._others[place] = other

    def _add_row(self, result: Object, url: str, began: float | None) -> None:
        status = str(result.get("error") or "") or str(result["outcome"])
        if result.get("status"):
            status = f"{status} {result['status']}"
        size, seconds = result.get("size"), result.get("elapsed") or 0.0
        self.urls.add(Row(result["index"], url, status, size, seconds, began))
