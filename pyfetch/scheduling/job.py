"""Jobs: targets that were started and are not done yet, and their deadlines. Pure."""

from __future__ import annotations

import logging
from collections import OrderedDict

from pyfetch.attempt import Assignment, Finished, RedirectState
from pyfetch.models import Failure, Length, Result, Target, TargetError
from pyfetch.scheduling.in_flight import StallDetector
from pyfetch.timing import Entered, Try
from pyfetch.transfer import Transfer
from pyfetch.urls import Url

_SAME_AT_EVERY_MIRROR = frozenset(
    {Failure.EXISTS, Failure.DISK, Failure.TOO_LARGE, Failure.CANCELLED, Failure.INTERNAL}
)
"""Failures that would be the same at any mirror."""
_MIRROR_DIFFERS = frozenset({Failure.CHECKSUM, Failure.WRONG_CONTENT})

MOST_ATTEMPTS = 1000
"""After this many attempts, progress no longer resets the count of retries."""

_log = logging.getLogger(__name__)


class Job:
    """The life of one target in this run, from its first attempt to its last."""

    # A dataclass of so many fields would take half a millisecond of each start to make.
    __slots__ = (
        "attempts", "attempts_forgiven", "failed", "length", "longest", "mirrors", "origin",
        "phases", "read", "redirects", "resumed", "started", "target", "tried_since", "tries",
        "url",
    )  # fmt: skip

    def __init__(self, target: Target, started: float, url: Url, read: float | None) -> None:
        self.target = target
        self.started = started
        """When the first attempt began, in seconds."""
        self.origin = url.origin
        """Origin (`scheme://host:port`) of the next request."""
        self.url = url
        """The URL to ask: that of the target, or a mirror."""
        self.length: Length | None = target.length
        """How many bytes the body must have."""
        self.mirrors = target.mirrors
        """Mirrors that have not been asked yet."""
        self.attempts = 0
        """Attempts so far, including one that is in flight."""
        self.attempts_forgiven = 0
        """Attempts that are no retries: at earlier mirrors, and before the last progress."""
        self.longest = 0
        """The most bytes of the body that an attempt has got."""
        self.resumed: int | None = None
        """Bytes of the body that were there before this run; None while no attempt brought any."""
        self.failed: Finished | None = None
        """The last attempt, if it failed and another will follow."""
        self.redirects: RedirectState | None = None
        """The next request of the present attempt, if one was not enough."""
        self.read = read
        """When the target began to wait, in seconds."""
        self.tries: tuple[Try, ...] = ()
        """The attempts that have failed."""
        self.phases: tuple[Entered, ...] = ()
        """What the present attempt has done so far."""
        self.tried_since: float | None = None
        """When the present attempt began, in seconds."""

    def __repr__(self) -> str:
        return f"<Job {self.target.index}: {self.url}, attempts: {self.attempts}>"

    def next_attempt(self, now: float, refusal: TargetError | None) -> Assignment:
        """What to do next: a new attempt, or the next request of the present one."""
        if not self.redirects:
            self.attempts += 1
            self.phases, self.tried_since = (), now
        return Assignment(
            self.target, self.url, self.length, self.attempts, self.started, now,
            self.redirects, refusal, self.failed.result.status if self.failed else None,
            self.resumed, self.read, self.tries, self.phases, self.tried_since,
        )  # fmt: skip

    def take_back(self) -> None:
        """Do not count the attempt, as it was not made."""
        if not self.redirects:
            self.attempts -= 1

    def learn_length(self, size: int | None) -> None:
        """Expect the length that this mirror has announced from the others, if none is known."""
        if self.length is None and size and not self.target.checksum:
            self.length = Length(size, str(self.url))

    def go_on(self, redirects: RedirectState, transfer: Transfer) -> None:
        """Note that the attempt needs another request, perhaps to another host."""
        self.redirects, self.origin = redirects, redirects.origin
        self.phases += tuple(transfer.phases)

    def note_failure(self, failed: Finished, now: float) -> None:
        """Remember the present attempt, which has failed, for the timing of the last one."""
        result = failed.result
        began = now if self.tried_since is None else self.tried_since
        made = result.timing.connections if result.timing else 0
        self.tries += (Try(began, now, str(result.error), result.status, made),)

    def try_again(self, failed: Finished) -> None:
        """Note that the attempt failed, and that the same URL will be asked again."""
        self.failed, self.redirects, self.origin = failed, None, self.url.origin

    def learn_progress(self, transfer: Transfer, now: float, stalls: StallDetector | None) -> None:
        """Reset the count of retries if this attempt, which failed, got more of the body."""
        if self.resumed is None and transfer.received:
            self.resumed = transfer.resumed
        start = max(self.longest, transfer.resumed)
        self.longest = max(start, transfer.received)
        seconds = now - transfer.assignment.began - transfer.seconds_ours()
        brought = self.longest - start
        is_progress = stalls.is_progress(brought, seconds) if stalls else brought > 0
        if is_progress and self.attempts < MOST_ATTEMPTS:
            self.attempts_forgiven = self.attempts - 1

    def turn_to_next_mirror(self, result: Result) -> bool:
        """Ask the next mirror. False: there is none, or it would meet the same failure."""
        if not (self.mirrors and result.failed) or result.error in _SAME_AT_EVERY_MIRROR:
            return False
        failed, self.url, self.mirrors = self.url, self.mirrors[0], self.mirrors[1:]
        # If mirrors have different files, warn, even if the next one has the right file.
        level = logging.WARNING if result.error in _MIRROR_DIFFERS else logging.INFO
        _log.log(
            level, "mirror %s: %s (%s); now %s", failed, result.error,
            result.detail, self.url,
        )  # fmt: skip
        self.failed, self.redirects, self.origin = None, None, self.url.origin
        self.attempts_forgiven = self.attempts
        return True

    def as_failed(self, failure: Failure, detail: str) -> Finished:
        """The end of the job with a failure that no attempt has reported."""
        failed = self.target.as_failed(failure, detail, self.attempts)
        if self.failed and self.failed.result.kept:
            failed = failed._replace(kept=self.failed.result.kept)
        return Finished(failed)


class Deadlines:
    """When each job must be done: `max_time` seconds after its start; None: never."""

    def __init__(self, max_time: float | None) -> None:
        self._max_time = max_time
        self._in_time: OrderedDict[int, Job] = OrderedDict()
        """Jobs whose deadline has not passed, in the order in which they were started."""
        self.detail = f"not done within {max_time:g} s" if max_time is not None else ""
        """The message for a job that is late."""

    def begin(self, job: Job) -> None:
        """Take in a job that was started."""
        if self._max_time is not None:
            self._in_time[job.target.index] = job

    def end(self, job: Job) -> None:
        """Take out a job that is done."""
        if self._in_time:
            self._in_time.pop(job.target.index, None)

    def missed(self, job: Job) -> bool:
        """Whether `late` has returned this job."""
        return self._max_time is not None and job.target.index not in self._in_time

    def late(self, now: float) -> list[Job]:
        """The jobs whose deadline has passed; each is returned once."""
        late: list[Job] = []
        while (due := self.due()) is not None and due <= now:
            late.append(self._in_time.popitem(last=False)[1])
        return late

    def due(self) -> float | None:
        """The next deadline; None: there is none."""
        if self._max_time is None or not self._in_time:
            return None
        return next(iter(self._in_time.values())).started + self._max_time

    def too_late(self, job: Job, then: float) -> str:
        """Why an attempt at the time `then` would be too late, as a clause; empty if it is not."""
        if self._max_time is None or then < job.started + self._max_time:
            return ""
        return f"no time is left of the {self._max_time:g} s of --max-time"
