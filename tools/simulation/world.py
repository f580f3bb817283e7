"""Hosts, a network and a client in virtual time, driven by the real schedule and controller."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from pyfetch.attempt import Finished
from pyfetch.models import Failure, HostSignal, Outcome, Result, Target
from pyfetch.scheduling.jobs import Done, Jobs
from pyfetch.transfer import Transfer

READ_AHEAD = 4096
"""Targets that wait or run at most, as the read-ahead has it."""

Figure = Callable[[float], float]
"""Something that changes with time."""


def always(value: float) -> Figure:
    return lambda _: value


@dataclass
class SimulatedHost:
    """How one origin answers."""

    latency: Figure = field(default_factory=lambda: always(0.05))
    """Seconds until it answers when little is asked."""
    capacity: Figure = field(default_factory=lambda: always(math.inf))
    """So many at once, and beyond that answers take longer by more than in proportion."""
    refuses_beyond: float = math.inf
    """So many at once, and beyond that it answers 503."""
    limit: float = math.inf
    """So many a second, and beyond that it answers 429."""
    retry_after: float | None = None
    outage: tuple[float, float] = (math.inf, math.inf)
    """From when to when connections are refused."""
    drops_packets: bool = False
    refuses: Callable[[int], int | None] = lambda _: None
    """The status (429 or 503) with which it always refuses the URL with this index, if any."""
    hangs: Callable[[int], bool] = lambda _: False
    """Whether it never answers a request for the URL with this index."""
    running: int = 0
    _window: int = -1
    _in_window: int = 0

    def over_the_limit(self, now: float) -> bool:
        """Count a request, in windows of a second."""
        window = int(now)
        if window != self._window:
            self._window, self._in_window = window, 0
        self._in_window += 1
        return self._in_window > self.limit

    def takes(self, now: float) -> float:
        """Seconds until it answers, as busy as it is."""
        crowd = max(1.0, self.running / self.capacity(now))
        return self.latency(now) * math.pow(crowd, 1.5)


@dataclass
class Answer:
    """How an attempt ended, and when."""

    time: float
    url: str
    sign: HostSignal
    size: int


class Network:
    """A line that all bodies share evenly, each of them no faster than one connection is."""

    def __init__(self, bandwidth: float, connection: float) -> None:
        self._bandwidth = bandwidth
        self._connection = connection
        self._now = 0.0
        self._each = 0.0
        """Bytes that a body which has come from the start on would have brought."""
        self._ends: list[tuple[float, int, Transfer]] = []
        self._began: dict[int, float] = {}
        self._numbers = count()

    def add(self, transfer: Transfer, size: int, now: float) -> None:
        self.advance(now)
        self._began[transfer.target.index] = self._each
        heappush(self._ends, (self._each + size, next(self._numbers), transfer))

    def advance(self, now: float) -> None:
        self._each += (now - self._now) * self._speed()
        self._now = now

    def next_end(self) -> float:
        if not self._ends:
            return math.inf
        return self._now + max(0.0, self._ends[0][0] - self._each) / self._speed()

    def ended(self, now: float) -> Transfer:
        self.advance(now)
        transfer = heappop(self._ends)[2]
        del self._began[transfer.target.index]
        return transfer

    def observe(self, now: float) -> None:
        """Let all that is under way know how much of it has come."""
        self.advance(now)
        for _, _, transfer in self._ends:
            transfer.received = int(self._each - self._began[transfer.target.index])

    def under_way(self) -> int:
        return sum(transfer.received for _, _, transfer in self._ends)

    def _speed(self) -> float:
        return min(self._connection, self._bandwidth / max(1, len(self._ends)))


class World:
    """Drives `jobs` over simulated hosts for some virtual time."""

    def __init__(
        self,
        jobs: Jobs,
        hosts: dict[str, SimulatedHost],
        targets: Iterator[Target],
        *,
        size: Callable[[int], int] = lambda _: 0,
        cpu: float = 0.0015,
        network: Network | None = None,
        connect_timeout: float = 2.0,
        timeout: float = 30.0,
        seed: int = 1,
    ) -> None:
        self._jobs = jobs
        self._hosts = hosts
        self._targets = targets
        self._size = size
        self._cpu = cpu
        """Seconds that the client itself is busy with one file: it does one after the other."""
        self._network = network or Network(math.inf, math.inf)
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, str, Transfer]] = []
        self._numbers = count()
        self._cpu_free = 0.0
        self._input_ended = False
        self._observed = 0.0
        self.now = 0.0
        self.answers: list[Answer] = []
        self.done: dict[int, Done] = {}
        self.limits: list[tuple[float, int]] = []
        """When the number of workers changed, and to what."""
        self.most_at_once: dict[str, int] = {}

    @property
    def received(self) -> int:
        """Bytes of bodies so far, those of files that are under way included."""
        self._network.observe(self.now)
        whole = sum(answer.size for answer in self.answers)
        return whole + self._network.under_way()

    def run(self, seconds: float = math.inf) -> None:
        """Let that much time pass, or until all is done."""
        until = self.now + seconds
        while True:
            self._read()
            self._start()
            due = self._jobs.due()
            ends = self._network.next_end()
            event = self._events[0][0] if self._events else math.inf
            following = min(event, ends, math.inf if due is None else max(due, self.now))
            if self._input_ended and not self._jobs:
                return
            if following > until:
                self.now = until
                return
            assert following < math.inf, "nothing will ever happen"
            self.now = following
            if ends == following:
                self._finish(self._network.ended(self.now))
            elif event == following:
                _, _, kind, transfer = heappop(self._events)
                self._happens(kind, transfer)
            if self.now - self._observed > 0.05:
                self._network.observe(self.now)
                self._observed = self.now
            for done in self._jobs.late(self.now):
                self.done[done.target.index] = done
            self._jobs.in_flight.end_stalled(self.now)
            self._jobs.review(self.now)
            limit = self._jobs.workers.limit
            if not self.limits or self.limits[-1][1] != limit:
                self.limits.append((self.now, limit))

    def _read(self) -> None:
        while not self._input_ended and len(self._jobs) < READ_AHEAD:
            target = next(self._targets, None)
            if target is None:
                self._input_ended = True
            else:
                self._jobs.add(target)

    def _start(self) -> None:
        while turn := self._jobs.next(self.now):
            if isinstance(turn, Done):
                self.done[turn.target.index] = turn
                continue
            if turn.assignment.refusal:
                target, refusal = turn.target, turn.assignment.refusal
                result = Result(
                    target.index, target.url.text, Outcome.FAILED,
                    error=refusal.failure, detail=refusal.detail,
                )  # fmt: skip
                done = self._jobs.ended(turn, Finished(result, HostSignal.NOT_ASKED), self.now)
                assert done
                self.done[target.index] = done
                continue
            name = turn.target.origin
            host = self._hosts[name]
            host.running += 1
            self.most_at_once[name] = max(self.most_at_once.get(name, 0), host.running)
            after, kind = self._answer_of(host, turn.target.index)
            self._later(after, kind, turn)

    def _answer_of(self, host: SimulatedHost, index: int) -> tuple[float, str]:
        start, end = host.outage
        if host.drops_packets:
            return self._connect_timeout, "unreached"
        jitter = self._random.lognormvariate(0, 0.1)
        if start <= self.now < end:
            return host.latency(self.now) * jitter, "unreached"
        if host.hangs(index):
            return self._timeout, "silent"
        refused = host.refuses(index)
        if refused:
            return host.latency(self.now) * jitter, str(refused)
        if host.over_the_limit(self.now):
            return host.latency(self.now) * jitter, "429"
        if host.running > host.refuses_beyond:
            return host.latency(self.now) * jitter, "503"
        return host.takes(self.now) * jitter, "answered"

    def _later(self, seconds: float, kind: str, transfer: Transfer) -> None:
        heappush(self._events, (self.now + seconds, next(self._numbers), kind, transfer))

    def _happens(self, kind: str, transfer: Transfer) -> None:
        if kind == "answered":
            transfer.latency = self.now - transfer.assignment.began
            size = self._size(transfer.target.index)
            if size:
                self._network.add(transfer, size, self.now)
            else:
                self._finish(transfer)
        elif kind == "finished":
            self._end(transfer, HostSignal.ANSWERED)
        elif kind in ("429", "503"):
            self._end(transfer, HostSignal.PUSHED_BACK, int(kind))
        elif kind == "silent":
            self._end(transfer, HostSignal.SILENT)
        else:
            self._end(transfer, HostSignal.UNREACHED)

    def _finish(self, transfer: Transfer) -> None:
        """The body is there; the client does its part."""
        self._cpu_free = max(self._cpu_free, self.now) + self._cpu
        self._later(self._cpu_free - self.now, "finished", transfer)

    def _end(self, transfer: Transfer, sign: HostSignal, status: int | None = None) -> None:
        target = transfer.target
        host = self._hosts[target.origin]
        host.running -= 1
        size = self._size(target.index) if sign is HostSignal.ANSWERED else 0
        transfer.received = size
        self.answers.append(Answer(self.now, target.url.text, sign, size))
        result = _RESULTS[sign](target, transfer)
        if status:
            result = result._replace(status=status)
        asked = host.retry_after if sign is HostSignal.PUSHED_BACK else None
        done = self._jobs.ended(transfer, Finished(result, sign, asked), self.now)
        if done:
            self.done[done.target.index] = done


def _result(
    outcome: Outcome, status: int | None, error: Failure | None
) -> Callable[[Target, Transfer], Result]:
    return lambda target, transfer: Result(
        target.index, target.url.text, outcome, status=status, error=error,
        detail=error and "went wrong", attempts=transfer.assignment.number,
    )  # fmt: skip


_RESULTS = {
    HostSignal.ANSWERED: _result(Outcome.FETCHED, 200, None),
    HostSignal.PUSHED_BACK: _result(Outcome.FAILED, 429, Failure.HTTP),
    HostSignal.UNREACHED: _result(Outcome.FAILED, None, Failure.CONNECT),
    HostSignal.SILENT: _result(Outcome.FAILED, None, Failure.TIMEOUT),
}
