"""Builds the outcome of an attempt: its result, what it tells about the host, and file facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyfetch.attempt import Finished, GoesOn, RedirectState
from pyfetch.facts import FileFacts
from pyfetch.http.rate_limit import (
    FIELDS_OF_QUOTA,
    PAUSING_STATUSES,
    asked_wait,
    wait_when_spent,
)
from pyfetch.http.response import ResponseHead
from pyfetch.http.validators import kept_value
from pyfetch.models import Change, HostSignal, Outcome, Result, Target, TargetError
from pyfetch.timing import Timing
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where files are kept only
    from pyfetch.engine.receiver import BodyWriter
    from pyfetch.storage.placing import Placed
    from pyfetch.storage.store import Saving

# Looked up once: a member of an enum takes thirty times as long as a global name.
_FETCHED, _UNCHANGED = Outcome.FETCHED, Outcome.UNCHANGED
_NONE, _NOT_ASKED, _ANSWERED = HostSignal.NONE, HostSignal.NOT_ASKED, HostSignal.ANSWERED
_NEW = Change.NEW


class AttemptReport:
    """Collects what is known of an attempt while it is made, and builds its outcome."""

    __slots__ = ("_clock", "_transfer", "answer", "asked", "part", "target")

    def __init__(self, target: Target, transfer: Transfer, clock: Callable[[], float]) -> None:
        self.target = target
        """The target, with the path that its file gets in the end."""
        self.answer: ResponseHead | None = None
        """The head of the last answer."""
        self.asked = False
        """Whether a request was sent."""
        self.part: Saving | None = None
        """What the body was written to, once there is anything to be written."""
        self._transfer = transfer
        self._clock = clock

    def failed(self, error: TargetError) -> Finished:
        """The outcome of the attempt that raised this."""
        result = self.result(
            Outcome.FAILED, error=error, in_part=self.part.length if self.part else 0
        )
        return self.finished(result, error.sign)

    def goes_on(self, redirects: RedirectState) -> GoesOn:
        """The outcome of the attempt that needs another request."""
        return GoesOn(redirects, wait_when_spent(self.answer.headers) if self.answer else None)

    def fetched(
        self,
        final: str | None,
        writer: BodyWriter,
        facts: FileFacts | None = None,
        backup: str | None = None,
    ) -> Finished:
        """The outcome if the whole body was received by this writer.

        `final`: the file, None if it is not kept; `backup`: where the file that had this name is
        kept, if there is one.
        """
        placed = writer.placed
        size, sha256 = (
            (facts.size, facts.sha256) if facts else (writer.size, writer.sha256)
        )  # not twice: the digest is computed each time
        is_same_file = placed is not None and placed.adopted
        outcome = _UNCHANGED if is_same_file else _FETCHED
        change = None
        if placed and not is_same_file:
            change = self._change_of(placed, sha256) if placed.replaced else _NEW
        result = self.result(
            outcome, size, final, sha256,
            backup=backup, change=change, coded_size=writer.coded_size,
        )  # fmt: skip
        return self.finished(result, facts=facts)

    def _change_of(self, placed: Placed, sha256: str | None) -> Change:
        """Whether the file is the same as the one that it has replaced, or another one."""
        before = self.target.known.facts
        is_same = bool(sha256 and before and before.sha256 == sha256 and not placed.backup)
        return Change.SAME if is_same else Change.CHANGED

    def finished(
        self, result: Result, sign: HostSignal = _NONE, facts: FileFacts | None = None
    ) -> Finished:
        """The outcome, with what the answer tells about the host, or `sign` without an answer."""
        head = self.answer
        wait = None
        if not self.asked:
            sign = _NOT_ASKED
        elif head and head.status in PAUSING_STATUSES:
            sign, wait = HostSignal.PUSHED_BACK, asked_wait(head.headers)
        elif head:
            sign = _ANSWERED
            if not FIELDS_OF_QUOTA.isdisjoint(head.headers):
                wait = wait_when_spent(head.headers)
        return Finished(result, sign, wait, facts, self.target.path)

    def result(
        self,
        outcome: Outcome,
        size: int | None = None,
        path: str | None = None,
        sha256: str | None = None,
        *,
        error: TargetError | None = None,
        facts: FileFacts | None = None,
        backup: str | None = None,
        change: Change | None = None,
        coded_size: int | None = None,
        in_part: int = 0,
    ) -> Result:
        """The result, with what the last answer says."""
        head = self.answer
        kept = head.headers.kept() if head else {}
        transfer = self._transfer
        task = transfer.assignment
        target = self.target
        now = self._clock()
        began = task.began if task.tried_since is None else task.tried_since
        timing = Timing(
            began if task.read is None else task.read,
            task.tries,
            began,
            (*task.phases, *transfer.phases),
            now,
            transfer.seconds_ours(),
        )
        # In the order of its fields: by name takes three times as long.
        return Result(
            target.index,
            target.url.text,
            outcome,
            _final_url(head, target) if head else None,
            head.status if head else None,
            size,
            path,
            error.failure if error else None,
            error.detail if error else None,
            task.number - (not self.asked),
            now - task.started,
            kept.get("content-type"),
            kept.get("content-encoding"),
            coded_size,
            kept.get("etag") or (facts.etag if facts else None),
            kept.get("last-modified") or (facts.last_modified if facts else None),
            sha256,
            target.input,
            backup,
            change,
            transfer.resumed if task.resumed is None else task.resumed,
            in_part,
            timing,
            head.version if head else None,
        )


def _final_url(head: ResponseHead, target: Target) -> str | None:
    return target.url.text if head.url is target.url else kept_value(head.url.text)
