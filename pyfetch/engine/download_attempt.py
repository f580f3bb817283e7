"""One attempt at one target: say what to request, and take the body. Here, no file is kept.

An attempt sends nothing itself. It is a generator of steps: each says what has to be done next, so
that threads and a loop can drive the same attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from pyfetch.attempt import AttemptOutcome, RedirectState
from pyfetch.engine.attempt_report import AttemptReport
from pyfetch.engine.expectations import Expectations
from pyfetch.engine.receiver import HASHED_LATE, BodyWriter
from pyfetch.engine.verdict import FOR_ALL, Question, Verdict
from pyfetch.http.response import ResponseHead
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where files are kept only
    from pyfetch.facts import FileFacts
    from pyfetch.http.client import KeepAnswer
    from pyfetch.storage.placing import Placement
    from pyfetch.storage.store import Saving


class Get(NamedTuple):
    """A step: one GET. It is answered with what `Client.get` returns, or with what that raises."""

    state: RedirectState
    fields: Mapping[str, str]
    """Header fields for this request alone: a range, conditions."""
    receiver: BodyWriter
    head_blocks: bool
    """Whether `receiver.head` may take long: it hashes a part, or asks for a name."""


class Pause:
    """A step for which nothing is to be done: what comes next may take long, or may wait."""

    __slots__ = ("waits",)

    def __init__(self, *, waits: bool) -> None:
        self.waits = waits
        """Whether what comes next waits for a server, and uses no CPU meanwhile."""


BEFORE_WORK: Final = Pause(waits=False)
"""A file is hashed or copied."""
BEFORE_WAIT: Final = Pause(waits=True)
"""A bucket is asked."""
AFTER_OTHERS: Final = Pause(waits=False)
"""It takes no time. Who makes several attempts may bring the others as far first."""
_ASK_AGAIN = Verdict.ASK_AGAIN
"""Looked up once: a member of an enum takes thirty times as long as a global name."""
_NO_FIELDS: Final[Mapping[str, str]] = {}

Step = Get | Pause


class NeedsAnotherRequest(Exception):  # noqa: N818 - no error, but it unwinds the attempt as one does
    """The attempt needs another request, and the scheduler decides when it may be sent."""

    def __init__(self, redirects: RedirectState) -> None:
        super().__init__(redirects)
        self.redirects = redirects


class Download:
    """One attempt while it is made. The body is hashed, and not kept."""

    __slots__ = ("_keep_answer", "_settings", "_transfer", "report")

    def __init__(self, report: AttemptReport, transfer: Transfer, settings: Settings) -> None:
        self.report = report
        self._transfer = transfer
        self._settings = settings
        self._keep_answer: KeepAnswer | None = None

    @property
    def _target(self) -> Target:
        return self.report.target

    def steps(self) -> Generator[Step, RedirectState | None, AttemptOutcome]:
        """Fetch the target. Raises `TargetError` or `NeedsAnotherRequest`."""
        expected = Expectations(self._settings, self._transfer.assignment.length)
        redirects = self._transfer.assignment.redirects
        question = Question(is_second=True) if redirects and redirects.whole else FOR_ALL
        writer = yield from self._get(None, question, expected)
        self._finish(writer, None)
        return self.report.fetched(None, writer)

    def _get(
        self,
        part: Saving | None,
        question: Question,
        expected: Expectations,
        on_wanted: Callable[[ResponseHead, str], None] | None = None,
    ) -> Generator[Step, RedirectState | None, BodyWriter]:
        """Make one GET. Raises `NeedsAnotherRequest` if the attempt needs another one.

        `on_wanted`: what to do with the head of a wanted answer and its media type.
        """
        task = self._transfer.assignment
        if task.refusal:
            raise task.refusal
        redirects = self._redirects()
        if question.part_length > HASHED_LATE:
            yield BEFORE_WORK
        writer = BodyWriter(
            self.report.target,
            self._transfer,
            part,
            question,
            expected,
            decodes=self._settings.compressed,
            hashes=self._settings.hash,
            names_by_servers=self._settings.content_disposition,
            part_digest=redirects.part_digest,
            on_wanted=on_wanted,
            keep_answer=self._keep_answer,
        )
        self.report.asked = True
        blocks = question.part is not None or on_wanted is not None
        try:
            fields = _NO_FIELDS if question is FOR_ALL else question.fields
            onward = yield Get(redirects, fields, writer, blocks)
        finally:
            self.report.answer = writer.answer
        if writer.verdict is _ASK_AGAIN:
            raise self._again()
        if onward:
            raise NeedsAnotherRequest(onward._replace(part_digest=writer.part_digest))
        return writer

    def _redirects(self) -> RedirectState:
        task = self._transfer.assignment
        return task.redirects or RedirectState(task.url)

    def _again(self) -> NeedsAnotherRequest:
        """The exception to raise if the whole file has to be requested."""
        return NeedsAnotherRequest(self._redirects()._replace(whole=True, part_digest=None))

    def _finish(self, writer: BodyWriter, placement: Placement | None) -> FileFacts | None:
        """Give the file its name. Raises `NeedsAnotherRequest` if the old part was a wrong one."""
        facts = writer.finish(placement)
        if writer.verdict is _ASK_AGAIN:
            raise self._again()
        return facts
