"""One attempt at one target: send the request, and take the body. Here, no file is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyfetch.attempt import AttemptOutcome, RedirectState
from pyfetch.engine.attempt_report import AttemptReport
from pyfetch.engine.expectations import Expectations
from pyfetch.engine.receiver import BodyWriter
from pyfetch.engine.verdict import FOR_ALL, Question
from pyfetch.http.client import Client
from pyfetch.http.response import Response
from pyfetch.models import Target
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where files are kept only
    from pyfetch.facts import FileFacts
    from pyfetch.storage.part import Part
    from pyfetch.storage.placing import Placement


class NeedsAnotherRequest(Exception):  # noqa: N818 - no error, but it unwinds the attempt as one does
    """The attempt needs another request, and the scheduler decides when it may be sent."""

    def __init__(self, redirects: RedirectState) -> None:
        super().__init__(redirects)
        self.redirects = redirects


class Download:
    """One attempt while it is made. The body is hashed, and not kept."""

    __slots__ = ("_settings", "_transfer", "report")

    def __init__(self, report: AttemptReport, transfer: Transfer, settings: Settings) -> None:
        self.report = report
        self._transfer = transfer
        self._settings = settings

    @property
    def _target(self) -> Target:
        return self.report.target

    def make(self, client: Client) -> AttemptOutcome:
        """Fetch the target. Raises `TargetError` or `NeedsAnotherRequest`."""
        expected = Expectations(self._settings, self._transfer.assignment.length)
        redirects = self._redirects()
        question = Question(is_second=True) if redirects.whole else FOR_ALL
        writer = self._get(client, None, question, expected)
        self._finish(writer, None)
        return self.report.fetched(None, writer)

    def _get(
        self,
        client: Client,
        part: Part | None,
        question: Question,
        expected: Expectations,
        on_wanted: Callable[[Response, str], None] | None = None,
    ) -> BodyWriter:
        """Make one GET. Raises `NeedsAnotherRequest` if the attempt needs another one.

        `on_wanted`: what to do with the head of a wanted answer and its media type.
        """
        task = self._transfer.assignment
        if task.refusal:
            raise task.refusal
        redirects = self._redirects()
        writer = BodyWriter(
            self._target,
            self._transfer,
            part,
            question,
            expected,
            decodes=self._settings.compressed,
            hashes=self._settings.hash,
            names_by_servers=self._settings.content_disposition,
            part_digest=redirects.part_digest,
            on_wanted=on_wanted,
        )
        self.report.asked = True
        try:
            onward = client.get(redirects, question.fields, self._transfer, writer)
        finally:
            self.report.answer = writer.answer
        if writer.start_again:
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
        if writer.start_again:
            raise self._again()
        return facts
