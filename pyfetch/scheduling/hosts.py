"""When a host may be asked again, and how many times at once. Pure."""

import copy
import logging
import math
from typing import TYPE_CHECKING

from pyfetch.models import Failure, HostSignal, Result
from pyfetch.scheduling.host_failures import SILENT_PROBES, Reach, Reachability
from pyfetch.scheduling.host_limits import HostMemory, HostRate, HostShare, Limits, Refusal
from pyfetch.scheduling.host_refusals import Blame, Refusals
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.value import Value

if TYPE_CHECKING:  # loaded where several members share hosts
    from pyfetch.scheduling.host_budgets import HostBudget, HostNews

_log = logging.getLogger(__name__)

# A member of an enum takes thirty times as long to look up in its class as a global name.
_ANSWERED = HostSignal.ANSWERED
_NOT_ASKED = HostSignal.NOT_ASKED

DOWN_FOR = 300.0
"""Seconds after which a host that was given up may be asked again."""
_SAME_PACE = 0.8, 1.25
"""Between these factors of the rate that was told last, a learned rate is no news."""


class _Before(Value):
    """What the host could take before refusals that may be their URLs' own trouble."""

    share: HostShare
    paused_until: float
    refusal: Refusal | None
    rate: HostRate


class Host:
    """One origin, and how many requests it can take, learned from how attempts end.

    After a refusal (429, 503) no request is sent for a while, then one as a probe. After that,
    its share of the workers grows again (`HostShare`).
    """

    __slots__ = (
        "_asked_at", "_asked_before", "_before", "_counts_running", "_interval", "_most_at_once",
        "_origin", "_paused_for", "_paused_until", "_policy", "_pushed_at", "_pushes", "_rate",
        "_refusals", "_share", "_told_rate", "_waiting_since", "has_news", "reach", "refusal",
        "running",
    )  # fmt: skip

    def __init__(
        self,
        limits: Limits,
        policy: RetryPolicy,
        memory: HostMemory | None = None,
        origin: str = "",
    ) -> None:
        """`memory`: what was remembered of this host; `origin`: for the log."""
        self._origin = origin
        self._interval = limits.interval
        self._most_at_once = limits.per_host or math.inf
        self._counts_running = limits.per_host is not None or limits.limit_rate is not None
        """Whether the limits concern attempts that are running, and not only when one begins."""
        self._policy = policy
        self.running = 0
        """Attempts in flight at this host."""
        self.refusal: Refusal | None = memory.refusal if memory else None
        self._asked_at = self._asked_before = -math.inf
        self._paused_until = memory.not_before if memory else -math.inf
        self._paused_for = ""
        """Why, in a word or a number."""
        self._share = HostShare()
        self._rate = (memory and memory.rate) or HostRate()
        self.reach = Reachability(policy.retries)
        """Whether it answers; read several times for each target."""
        self._refusals: Refusals | None = None
        """None while it has refused nothing."""
        self._pushes = 0
        """Refusals about the host since the last good answer."""
        self._pushed_at = -math.inf
        self._before: _Before | None = None
        """Set while the last refusals may have been their URLs' own trouble."""
        self._waiting_since: float | None = None
        """When the first refusal since the last good answer came."""
        self.has_news = False
        """Whether something was learned that other members of the run have to know."""
        self._told_rate = math.inf
        """The rate that the last news said."""

    @property
    def lacks_budget(self) -> bool:
        """Whether no request may begin, as this member of the run has no part of the budget."""
        return self._most_at_once == 0

    @property
    def exceeds_budget(self) -> bool:
        """Whether more attempts are running than the budget allows by now."""
        return self._counts_running and self.running > self._most_at_once

    @property
    def wants_another_url(self) -> bool:
        """Whether the next attempt is a probe, which should not ask for a URL that had trouble."""
        if self.refusal is not None:
            return False  # no request will be made
        return self.reach.is_silent or (self._pushes > 0 and self._share.limit <= 1)

    def has_trouble_with(self, index: int) -> bool:
        """Whether the host lately refused the URL with this index, or did not answer it."""
        if self.reach.has_met_silence(index):
            return True
        return self._refusals is not None and index in self._refusals

    def may_start(self, now: float) -> float | None:
        """The earliest time for another request; None: not before one has ended."""
        if self.refusal and self.refused(now):
            return now  # its targets fail at once, without a request
        if self.running >= self._most_at_once or self.running >= self._share.limit:
            return None
        interval = self._rate.interval
        if interval < self._interval:
            interval = self._interval
        then = self._asked_at + interval
        return then if then > self._paused_until else self._paused_until

    def wait(self, now: float) -> tuple[float, str] | None:
        """For how many seconds the host is paused, and why; None: it is not."""
        if self._paused_until <= now:
            return None
        return self._paused_until - now, self._paused_for

    def learned_interval(self) -> float:
        """Seconds between two requests that it accepts; 0 where `--rate` asks for no less."""
        learned = self._rate.interval
        return learned if learned > self._interval else 0.0

    def refused(self, now: float) -> Refusal | None:
        """Why the host must not be asked now; None: it may be asked."""
        if self.refusal and self.refusal.until <= now:
            self.refusal = None
        return self.refusal

    def obey(self, budget: "HostBudget") -> None:
        """Keep to this budget from now on."""
        self._most_at_once = math.inf if budget.per_host is None else budget.per_host
        if budget.per_host != 0:  # else the last interval says when another member may begin
            self._interval = budget.interval

    def news(self, now: float) -> "HostNews":
        """What other members of the run have to know of the host."""
        self.has_news = False
        self._told_rate = self._rate.rate
        not_before = max(self._paused_until, self._asked_at + self._interval)
        rate = self._rate if self._rate.rate < math.inf else None
        memory = HostMemory(not_before, self.refused(now), rate)
        reason = self._paused_for if self._paused_until > now else ""
        return memory.as_news(self._origin, now, reason)

    def hear(self, news: "HostNews", now: float) -> None:
        """Take in what another member of the run has learned."""
        memory = HostMemory.of_news(news, now)
        if news.reason:
            if memory.not_before > self._paused_until:
                self._paused_until, self._paused_for = memory.not_before, news.reason
            # Begin again slowly, as the member does that was refused.
            self._share = HostShare.after_refusal(self.running)
        elif news.wait:  # the interval since the last request of another member
            self._asked_at = max(self._asked_at, memory.not_before - self._interval)
        if memory.refusal and not self.refused(now):
            self.refusal = memory.refusal
        if memory.rate and memory.rate.rate < self._rate.rate:
            self._rate = memory.rate
            self._told_rate = memory.rate.rate

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
    ) -> bool:
        """Take in how an attempt has ended. Returns whether fewer workers would have been better.

        `began`: when the attempt began. `asked`: seconds that the host asked to wait. `result`:
        what became of the attempt; None if it goes on with another request.
        """
        too_much = False
        if sign is _ANSWERED:
            self._answered(now, began, result)
            if asked and not self._policy.refusal(asked):
                self._before = None  # the host says itself that it gets too many requests
                self._paused(now, now + asked, "its quota is spent")
        elif sign is _NOT_ASKED:
            if self._asked_at == began:
                self._asked_at = self._asked_before
        elif result:
            too_much = self._refused_or_not_reached(now, began, sign, asked, result)
        self.running -= 1
        return too_much

    def _refused_or_not_reached(
        self, now: float, began: float, sign: HostSignal, asked: float | None, result: Result
    ) -> bool:
        match sign:
            case HostSignal.PUSHED_BACK:
                self._is_alive()
                return self._pushed_back(now, began, asked, result)
            case HostSignal.UNREACHED:
                self._not_reached(now, self.reach.failed(now, began), result)
            case HostSignal.SILENT:
                reach = self.reach.met_silence(now, began, result.index)
                self._not_reached(now, reach, result)
            case _:
                pass
        return False

    def memory(self, now: float) -> HostMemory | None:
        """What must be remembered of the host; None: it would be treated as a new host is.

        To be called while no attempt at it is in flight.
        """
        not_before = max(self._paused_until, self._asked_at + self._interval)
        learned = self._rate.rate < math.inf and self._asked_at + DOWN_FOR > now
        refusal = self.refused(now)
        if not_before <= now and not learned and not refusal:
            return None
        return HostMemory(not_before, refusal, self._rate if learned else None)

    def _is_alive(self) -> None:
        if self.reach.is_suspect:
            self.refusal = None
            self._paused_until = -math.inf
            self.has_news = True
        self.reach.answered()

    def _answered(self, now: float, began: float, result: Result | None) -> None:
        if not self.reach.answers:
            self._is_alive()
        if self._refusals is not None and not (result and result.status and result.status >= 500):
            self._refusals.served(began, None if result is None else result.index)
            if self._before is not None:
                self._judge_again(began, self._refusals, self._before)
        if began < self._pushed_at:
            return  # the request was sent before the host refused
        self._pushes = 0
        self._waiting_since = None
        if self._share.limit < math.inf:
            self._share.answered()
        rate = self._rate
        rate.accepted(now, held_back=now - self._asked_at < 2 * rate.interval)
        if rate.interval and not _SAME_PACE[0] < rate.rate / self._told_rate < _SAME_PACE[1]:
            self.has_news = True

    def _judge_again(self, began: float, refusals: Refusals, before: _Before) -> None:
        """Undo what refusals have caused, if this answer shows that they were their URLs' own."""
        if not refusals.are_outweighed:
            if began >= self._pushed_at:
                self._before = None  # the pause was kept to
            return
        self._before = None
        self._share = before.share
        self._paused_until, self.refusal = before.paused_until, before.refusal
        self.has_news = True
        self._pushes = 0
        self._waiting_since = None
        if began < self._pushed_at:  # else the host may have served it because of the pause
            self._rate = before.rate

    def _pushed_back(self, now: float, began: float, asked: float | None, result: Result) -> bool:
        """The host has refused a request. Returns whether fewer workers would have been better.

        If the host's limit is known already, its rate follows from this, and not the workers'
        number.
        """
        if self._refusals is None:
            self._refusals = Refusals()
        limit_is_known = self._rate.rate < math.inf
        blame = self._refusals.judge(
            result.index, result.status, began, now, limit_is_known=limit_is_known
        )
        if blame is Blame.URL:
            if self._refusals.all_explained():
                self._unlearn()
            return False
        if began < self._pushed_at:  # it was sent before the last refusal: it tells nothing new
            if asked:
                self._pause(now, asked, result)
            return blame is Blame.HOST and not limit_is_known
        if blame is Blame.HOST and limit_is_known:
            self._before = None
        elif self._before is None:
            self._before = _Before(
                self._share, self._paused_until, self.refusal, copy.copy(self._rate)
            )
        self._pushes += 1
        self._pushed_at = now
        self._share = HostShare.after_refusal(self.running)
        self._rate.pushed_back(now)
        if self._waiting_since is None:
            self._waiting_since = now
        self._pause(now, self._policy.backoff(self._pushes, asked), result)
        return blame is Blame.HOST and not limit_is_known

    def _unlearn(self) -> None:
        """Forget limits that were learned from refusals about single URLs."""
        if self._pushes or self._share.limit < math.inf or self._rate.rate < math.inf:
            self._share, self._rate = HostShare(), HostRate()
            self._pushes = 0
            self.has_news = True

    def _pause(self, now: float, seconds: float, result: Result) -> None:
        """Pause the host, or refuse it if the whole wait gets longer than `--max-wait`.

        A host that has not refused several URLs in a row gets another one as a probe first.
        """
        until = now + seconds
        since = now if self._waiting_since is None else self._waiting_since
        if until - since <= self._policy.max_wait:
            self._paused(now, until, str(result.status))
            return
        if self._refusals is not None and not self._refusals.is_shut(self.running - 1):
            pause = min(self._policy.backoff(self._pushes), self._policy.max_wait)
            self._paused(now, now + pause, str(result.status))
            return
        self._waiting_since = None
        all_used = f"has refused requests for {now - since:.0f} s, which is all of --max-wait"
        self._refuse(until, result, self._policy.refusal(seconds) or all_used)

    def _not_reached(self, now: float, reach: Reach, result: Result) -> None:
        match reach:
            case Reach.PAUSE:
                self._share = HostShare(1.0)
                pause = self._policy.backoff(self.reach.rounds)
                self._paused(now, now + pause, "not reached")
            case Reach.PROBE_OTHERS:
                self._share = HostShare(SILENT_PROBES)
            case Reach.DOWN:
                self._share = HostShare(1.0)
                why = f"could not be reached {self.reach.in_a_row} times in a row"
                self._refuse(now + DOWN_FOR, result, why)
            case Reach.GOES_ON:
                pass

    def _paused(self, now: float, until: float, reason: str) -> None:
        if until > self._paused_until:
            self._paused_until, self._paused_for = until, reason
            self.has_news = True
            _log.info("%s is paused for %.1f s: %s", self._origin, until - now, reason)

    def _refuse(self, until: float, result: Result, why: str) -> None:
        failure = result.error or Failure.HTTP
        if self.refusal and self.refusal.until > until:
            return
        self.refusal = Refusal(until, failure, f"{result.detail}; its host {why}")
        self.has_news = True
        _log.info("%s is not asked any more for a while: it %s", self._origin, why)
