"""A target that was started and is not done, and the attempts that it has had."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pyfetch.attempt import Attempt, RedirectState
from pyfetch.models import Failure, Length, Result, Target, TargetError
from pyfetch.scheduling.stall import Look
from pyfetch.transfer import Transfer
from pyfetch.urls import Url

_SAME_EVERYWHERE = frozenset(
    {Failure.EXISTS, Failure.DISK, Failure.TOO_LARGE, Failure.CANCELLED, Failure.INTERNAL}
)
"""What another mirror would not mend."""
_DIFFERENT = frozenset({Failure.CHECKSUM, Failure.WRONG_CONTENT})

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False, repr=False)
class Job:
    """One target, from its first attempt to its last."""

    target: Target
    started: float
    origin: str
    """Whom it asks."""
    url: Url
    """Which of its URLs is asked."""
    length: Length | None
    """How many bytes its body has to have."""
    mirrors: tuple[Url, ...]
    """Those that were not asked yet."""
    attempts: int = 0
    """How many it has had, the one that is being made included."""
    attempts_elsewhere: int = 0
    """How many of them at other mirrors."""
    failed: Attempt | None = None
    """Its last attempt, if that is to be followed by another."""
    chain: RedirectState | None = None
    """Where its attempt goes on, if one request was not enough."""
    transfer: Transfer | None = None
    """The attempt that is being made, from before a worker has it."""
    look: Look | None = None
    """What was seen of it."""

    def begin(self, now: float, refusal: TargetError | None) -> Transfer:
        """Its next attempt, or the rest of one that goes on elsewhere."""
        if not self.chain:
            self.attempts += 1
        self.look = None
        self.transfer = Transfer(
            self.target, self.attempts, self.started, now, self.chain, refusal,
            self.url, self.length,
        )  # fmt: skip
        return self.transfer

    def learn_length(self, size: int | None) -> None:
        """What one mirror says of the length holds for the others, if nothing better does."""
        if self.length is None and size and not self.target.checksum:
            self.length = Length(size, str(self.url))

    def go_on(self, chain: RedirectState) -> None:
        """Its attempt needs another request, of another host perhaps."""
        self.chain, self.origin = chain, chain.origin

    def try_again(self, failed: Attempt) -> None:
        """Its attempt failed, and the same URL is asked once more."""
        self.failed, self.chain, self.origin = failed, None, self.url.origin

    def turn_to_next_mirror(self, result: Result) -> bool:
        """Ask another mirror after this, if there is one and it may do better."""
        if not (self.mirrors and result.failed) or result.error in _SAME_EVERYWHERE:
            return False
        failed, self.url, self.mirrors = self.url, self.mirrors[0], self.mirrors[1:]
        # Mirrors that differ are worth a word even where one of them is as it should be.
        level = logging.WARNING if result.error in _DIFFERENT else logging.INFO
        _log.log(
            level, "mirror %s: %s (%s); now %s", failed, result.error,
            result.detail, self.url,
        )  # fmt: skip
        self.failed, self.chain, self.origin = None, None, self.url.origin
        self.attempts_elsewhere = self.attempts
        return True

    def as_failed(self, failure: Failure, detail: str) -> Attempt:
        """Its end where no attempt says what became of it."""
        return Attempt(self.target.as_failed(failure, detail, self.attempts))
