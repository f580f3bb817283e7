"""Pure, the time passed in: whether a host may be asked, how often, and how much at once."""

from __future__ import annotations

import math
from typing import NamedTuple

from pyfetch.models import Failure, HostSignal, Result
from pyfetch.scheduling.host_rate import HostRate
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.settings import MOST_WORKERS

SEVERAL = 3
"""After this many failed connections in a row, the host counts as down."""
DOWN_FOR = 300.0
"""Seconds after which a host that was given up may be asked again."""


class Limits(NamedTuple):
    """How much may be asked of a host at most."""

    per_host: int | None = None
    """Transfers at once; None: no limit but that of the workers."""
    interval: float = 0.0
    """Seconds from one request to the next to the same host."""
    interval_of_all: float = 0.0
    """Seconds from one request to the next, to whatever host."""


class Refusal(NamedTuple):
    """Why a host is not asked at present."""

    until: float
    """When it may be asked again, in seconds."""
    failure: Failure
    detail: str


class Host:
    """One origin and what it can take, learned from how attempts at it end.

    After a 429 or 503, the host is paused, then probed with one request; then its share of
    the workers grows: by one with each answer up to half of what it was, then by one with
    each round of answers. That is slow start and congestion avoidance (RFC 5681, section 3.1),
    an additive increase with a multiplicative decrease, which is what lets all who share a
    host come out even (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for
    Congestion Avoidance", 1989).
    """

    __slots__ = (
        "_asked_at",
        "_asked_before",
        "_down_at",
        "_limits",
        "_paused_until",
        "_policy",
        "_pushed_at",
        "_pushes",
        "_rate",
        "_rounds",
        "_share",
        "_threshold",
        "_unreached",
        "_waiting_since",
        "answers",
        "refusal",
        "running",
    )

    def __init__(self, limits: Limits, policy: RetryPolicy) -> None:
        self._limits = limits
        self._policy = policy
        self.running = 0
        """Attempts in flight at this host."""
        self.answers = False
        """Whether it answered the last request."""
        self.refusal: Refusal | None = None
        self._asked_at = self._asked_before = -math.inf
        self._paused_until = -math.inf
        self._share = self._threshold = math.inf
        self._rate = HostRate()
        self._pushes = 0
        self._pushed_at = -math.inf
        self._waiting_since: float | None = None
        """When it first pushed back since its last good answer."""
        self._unreached = 0
        self._rounds = 0
        """Failed connections in a row; those that were under way together count as one."""
        self._down_at = -math.inf

    def may_start(self, now: float) -> float | None:
        """The earliest time for another request; None: not before one has ended."""
        if self.refused(now):
            return now  # its targets fail at once: that costs no request
        if self.running >= min(self._share, self._limits.per_host or math.inf):
            return None
        interval = max(self._limits.interval, self._rate.interval)
        return max(self._paused_until, self._asked_at + interval)

    def refused(self, now: float) -> Refusal | None:
        """Why the host must not be asked now; None: it may be."""
        if self.refusal and self.refusal.until <= now:
            self.refusal = None
        return self.refusal

    def started(self, now: float) -> None:
        """An attempt has begun."""
        self.running += 1
        self._asked_before = self._asked_at
        self._asked_at = now

    def ended(
        self,
        now: float,
        began: float,
        sign: HostSignal,
        asked: float | None,
        result: Result | None,
    ) -> None:
        """An attempt has ended.

        `began`: when it began. `asked`: seconds for which the host wants to be left alone.
        `result`: what became of the attempt, where `sign` says anything but that it answered.
        """
        match sign:
            case HostSignal.ANSWERED:
                self._answered(now, began)
                if asked and not self._policy.refusal(asked):
                    self._paused_until = max(self._paused_until, now + asked)
            case HostSignal.PUSHED_BACK if result:
                self._is_alive()
                self._pushed_back(now, began, asked, result)
            case HostSignal.UNREACHED if result:
                self._not_reached(now, began, result)
            case HostSignal.SILENT if result and not self.answers:
                self._not_reached(now, began, result)
            case HostSignal.NOT_ASKED if self._asked_at == began:
                self._asked_at = self._asked_before
            case _:
                pass
        self.running -= 1

    def forgettable(self, now: float) -> bool:
        """Whether it can be forgotten: a new host would be treated the same."""
        if self.running or self.refused(now) or self._paused_until > now:
            return False
        if self._asked_at + self._limits.interval > now:
            return False
        limit = min(self._share, self._rate.rate)
        learned = limit < math.inf or self._unreached >= SEVERAL
        return not learned or self._asked_at + DOWN_FOR < now

    def _is_alive(self) -> None:
        if self._unreached >= SEVERAL:
            self.refusal = None
            self._paused_until = -math.inf
        self.answers = True
        self._unreached = self._rounds = 0

    def _answered(self, now: float, began: float) -> None:
        self._is_alive()
        if began < self._pushed_at:
            return  # the request was sent before the host pushed back
        self._pushes = 0
        self._waiting_since = None
        if self._share < math.inf:
            self._share += 1 if self._share < self._threshold else 1 / self._share
            if self._share > MOST_WORKERS:
                self._share = math.inf
        held_back = now - self._asked_at < 2 * self._rate.interval
        self._rate.accepted(now, held_back=held_back)

    def _pushed_back(self, now: float, began: float, asked: float | None, result: Result) -> None:
        if began < self._pushed_at:  # sent before the last one that counts: it says nothing new
            if asked:
                self._pause(now, asked, result)
            return
        self._pushes += 1
        self._pushed_at = now
        self._threshold = max(1.0, self.running / 2)
        self._share = 1.0
        self._rate.pushed_back(now)
        if self._waiting_since is None:
            self._waiting_since = now
        self._pause(now, self._policy.backoff(self._pushes, asked), result)

    def _pause(self, now: float, seconds: float, result: Result) -> None:
        """Pause the host, or refuse it if the whole wait gets longer than `--max-wait`."""
        until = now + seconds
        since = now if self._waiting_since is None else self._waiting_since
        if until - since <= self._policy.max_wait:
            self._paused_until = max(self._paused_until, until)
            return
        self._waiting_since = None
        refusal = self._policy.refusal(seconds)
        if not refusal:
            refusal = f"has pushed back for {now - since:.0f} s, and that is all of --max-wait"
        self._refuse(until, result, refusal)

    def _not_reached(self, now: float, began: float, result: Result) -> None:
        self.answers = False
        self._unreached += 1
        if began >= self._down_at:
            self._rounds += 1
            self._down_at = now
        elif self._unreached != SEVERAL:
            return  # sent before the last one that counts: it says nothing new
        if self._unreached < SEVERAL:
            return
        self._share, self._threshold = 1.0, math.inf
        if self._rounds <= self._policy.retries:
            pause = self._policy.backoff(self._rounds)
            self._paused_until = max(self._paused_until, now + pause)
            return
        why = f"could not be reached {self._unreached} times in a row"
        self._refuse(now + DOWN_FOR, result, why)

    def _refuse(self, until: float, result: Result, why: str) -> None:
        failure = result.error or Failure.HTTP
        if self.refusal and self.refusal.until > until:
            return
        self.refusal = Refusal(until, failure, f"{result.detail}; its host {why}")
