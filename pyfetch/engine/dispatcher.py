"""What the workers of a run share: jobs, ledger, and the one lock that guards both."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pyfetch.attempt import AttemptOutcome
from pyfetch.engine.results import RunState
from pyfetch.models import Result, Target
from pyfetch.scheduling.jobs import Done, Jobs
from pyfetch.storage.ledger import Ledger, NoLedger
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where something is drawn, or files are computed
    from pyfetch.activity import Activity
    from pyfetch.compute.stage import ComputeStage

_REVIEW_EVERY = 0.02
"""Seconds between two reviews of how many workers there should be, at least."""


class Dispatcher:
    """Says which attempt a worker makes next, and takes in how it ended; for any thread.

    It delivers results, and wakes the thread of the run if something is due earlier or a worker has
    nothing to do.
    """

    def __init__(self, jobs: Jobs, state: RunState, clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._state = state
        self._clock = clock
        self._ledger: Ledger = NoLedger()
        self._lock = threading.Lock()
        self._wakes_at = math.inf
        """When the thread of the run wakes up by itself."""
        self._review_at = -math.inf
        self._is_closed = False
        self._stage: ComputeStage | None = None
        """What is done with files before their results are delivered."""

    def begin(self, ledger: Ledger, stage: ComputeStage | None = None) -> None:
        """Use this ledger to name targets and to note how they ended, and this stage, if any."""
        self._ledger = ledger
        self._stage = stage

    def computed(self, done: Sequence[tuple[Target, Result]]) -> None:
        """Deliver results of the stage; for its threads."""
        with self._lock:
            if self._is_closed or self._stage is None:
                return
            may_start = self._stage.computed([target for target, _ in done])
            for target, result in done:
                may_start |= self._jobs.let_go(target)
                self._state.deliver(result)
            if may_start or not self._stage.left:
                self._state.wake()

    def expect(self, targets: Sequence[Target]) -> None:
        """Prepare for targets that will be added next."""
        with self._lock:
            self._ledger.expect(targets)

    def add(self, targets: Sequence[Target]) -> None:
        """Name targets and let them wait for their first attempts. Raises `RunError`."""
        with self._lock:
            now = self._clock()
            for target in targets:
                self._jobs.add(self._ledger.named(target), now)

    def tell(self, told: Callable[[float], None]) -> None:
        """Call `told` with the time while no attempt begins or ends; then start what may."""
        with self._lock:
            told(self._clock())
            self._state.wake()

    def give_back(self, origin: str) -> list[Target]:
        """Remove the targets of a host for which no attempt was made."""
        with self._lock:
            removed = self._jobs.give_back(origin)
            self._state.wake()
            return removed

    def deliver(self, result: Result) -> None:
        """Deliver a result that needs no attempt."""
        with self._lock:
            self._state.deliver(result)

    def next(self) -> Transfer | None:
        """The attempt to make now; None if none may start. Raises `RunError`."""
        with self._lock:
            return self._next(self._clock())

    def ended(self, transfer: Transfer, outcome: AttemptOutcome) -> Transfer | None:
        """Take in how an attempt ended. Returns the next one for the same worker."""
        with self._lock:
            if self._is_closed:
                return None
            if self._state.stopped:
                self._finish(self._jobs.given_up(transfer, outcome))
                self._state.wake()
                return None
            now = self._clock()
            done = self._jobs.ended(transfer, outcome, now)
            if done:
                self._finish(done)
            following = self._next(now)
            commit_at = self._ledger.commit_due()
            if (
                not (done and following)
                or (now >= self._review_at and self._review(now))
                or (commit_at is not None and commit_at < self._wakes_at)
            ):
                self._wakes_at = -math.inf
                self._state.wake()
            return following

    def take_back(self, transfer: Transfer) -> bool:
        """Take back an attempt for which no thread could be started: it is made later.

        Returns whether other attempts are in flight, so that a worker will become free.
        """
        with self._lock:
            self._jobs.take_back(transfer, self._clock())
            return len(self._jobs.in_flight) > 0

    def failed(self, transfer: Transfer, error: BaseException) -> None:
        """Take in an error of a worker that ends the run."""
        with self._lock:
            if self._jobs.in_flight.of(transfer.target.index) is transfer:
                self._jobs.in_flight.remove(transfer)
        self._state.fail(error)

    def do_what_is_due(self) -> None:
        """End what is late or stalls, review the number of workers, and commit the ledger."""
        with self._lock:
            now = self._clock()
            for late in self._jobs.late(now):
                self._finish(late)
            self._jobs.in_flight.end_stalled(now)
            if now >= self._review_at:
                self._review(now)
            commit_at = self._ledger.commit_due()
            if commit_at is not None and commit_at <= now:
                self._ledger.commit()

    def seconds_until_due(self) -> float | None:
        """How long the thread of the run may wait if nobody wakes it; None: for ever."""
        with self._lock:
            may_start = self._may_start()
            times = (self._jobs.due(may_start=may_start), self._ledger.commit_due())
            self._wakes_at = min((time for time in times if time is not None), default=math.inf)
            return max(0.0, self._wakes_at - self._clock()) if self._wakes_at < math.inf else None

    def is_starved(self) -> bool:
        """Whether a worker had nothing to do, though the consumer does take results."""
        with self._lock:
            return self._jobs.starved and self._may_start()

    def is_done(self) -> bool:
        """Whether all targets that were added are done."""
        with self._lock:
            return not (self._jobs or (self._stage and self._stage.left))

    @property
    def computing(self) -> bool:
        """Whether the stage is at work."""
        return bool(self._stage and self._stage.running)

    def commit(self) -> None:
        """Write what was noted in the ledger. Raises `RunError`."""
        with self._lock:
            self._ledger.commit()

    def cancel(self) -> None:
        """Stop all transfers, and what is computed."""
        with self._lock:
            self._jobs.stop()
            if self._stage:
                self._stage.stop()

    def close(self) -> None:
        """Take nothing in any more. In a run that was stopped, deliver cancelled targets."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._jobs.stop()
            if self._state.stopped:
                for result in self._jobs.cancelled():
                    self._state.deliver(result)
                for result in self._stage.cancelled() if self._stage else ():
                    self._state.deliver(result)

    @property
    def in_flight(self) -> list[Transfer]:
        """What is running now; a snapshot, which takes no lock."""
        return self._jobs.in_flight.snapshot()

    def activity(self) -> Activity:
        """What has come so far, and who waits for whom: to be taken a few times a second."""
        with self._lock:
            activity = self._jobs.activity(self._clock())
            if not self._stage:
                return activity
            running = self._stage.running
            waiting = max(0, self._stage.left - running)
            return activity._replace(computing=running, to_compute=waiting)

    @property
    def waiting(self) -> int:
        """Targets that were added and may not start yet."""
        return len(self._jobs) - len(self._jobs.in_flight)

    @property
    def workers_summary(self) -> str | None:
        """How many workers turned out best, and why; None if the number is fixed."""
        return self._jobs.workers.summary()

    def _next(self, now: float) -> Transfer | None:
        while not self._state.stopped and self._may_start():
            following = self._jobs.next(now)
            if following is None:
                return None
            if isinstance(following, Transfer):
                self._see_what_is_known(following)
                return following
            self._finish(following)
        return None

    def _may_start(self) -> bool:
        """Whether there is room for one more result, and for one more file to compute."""
        if self._state.results.is_full():
            return False
        return self._stage is None or self._stage.may_start(len(self._jobs.in_flight))

    def _see_what_is_known(self, transfer: Transfer) -> None:
        try:
            transfer.target = self._ledger.starting(transfer.target)
        except BaseException:
            self._jobs.in_flight.remove(transfer)  # no worker will have it
            raise

    def _finish(self, done: Done) -> None:
        try:
            self._ledger.finished(done.target, done.attempt)
        except BaseException as error:
            self._state.fail(error)  # under the lock: the run would seem done to its own thread
            raise
        result = done.attempt.result
        if self._stage and result.ok:
            self._stage.take(done.target, done.attempt)
        else:
            self._state.deliver(result)

    def _review(self, now: float) -> bool:
        self._review_at = now + _REVIEW_EVERY
        return self._jobs.review(now)
