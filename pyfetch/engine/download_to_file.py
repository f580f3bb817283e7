"""One attempt at one target whose file is kept: look at what is there, fetch, place the file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

from pyfetch.attempt import AttemptOutcome, Finished, RedirectState
from pyfetch.engine.attempt_report import AttemptReport
from pyfetch.engine.download_attempt import AFTER_OTHERS, BEFORE_WAIT, BEFORE_WORK, Download, Step
from pyfetch.engine.existing_file import (
    Kept,
    Wanted,
    judge_existing,
    judge_named,
    recorded_facts,
)
from pyfetch.engine.expectations import Expectations
from pyfetch.engine.receiver import BodyWriter
from pyfetch.engine.verdict import FOR_ALL, Question, Verdict
from pyfetch.facts import UNKNOWN, FileFacts
from pyfetch.http.response import ResponseHead
from pyfetch.http.validators import kept_value, media_type_of
from pyfetch.models import Outcome
from pyfetch.naming.content_disposition import file_name_given
from pyfetch.naming.template import NOTHING_SAID, Said
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.existing import NOTHING
from pyfetch.storage.ledger import Rename
from pyfetch.storage.placing import Placement, WhenThere
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from pyfetch.storage.store import Saving, Store

# Looked up once: a member of an enum takes thirty times as long as a global name.
_KEEP, _REPLACE, _BACK_UP = WhenThere.KEEP, WhenThere.REPLACE, WhenThere.BACK_UP
_REPLACED = IfExists.REPLACE
_UNCHANGED = Outcome.UNCHANGED

_log = logging.getLogger(__name__)

_NO_VALIDATOR = "the server gave no ETag or date that shows that it still has the same version"
_MAY_BE_CODED = "it is coded, or may be, and the file is to be decoded"


class _NamedFileStays(Exception):  # noqa: N818 - no error, but it unwinds the attempt as one does
    """There is a file of the name that the server gave, and it stays."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept)
        self.kept = kept


def _size_of(kept: Kept, recorded: FileFacts | None) -> int:
    """Bytes of the file as it was fetched, as far as that is known."""
    if recorded:
        return recorded.size
    assert kept.status  # noqa: S101 - only a file that is recorded can be gone
    return kept.status.st_size


class FileDownload(Download):
    """One attempt while it is made. The body becomes the target's file."""

    __slots__ = ("_final", "_policy", "_rename", "_said", "_store", "_there")

    def __init__(
        self,
        report: AttemptReport,
        transfer: Transfer,
        settings: Settings,
        store: Store,
        rename: Rename | None,
    ) -> None:
        super().__init__(report, transfer, settings)
        target = report.target
        self._store = store
        self._keep_answer = store.keep_answer
        self._rename = rename
        assert target.path is not None  # noqa: S101 - the ledger has named it
        self._final = store.final(target.path)
        self._policy = target.if_exists or settings.if_exists
        self._there = NOTHING
        """What was found under the final name."""
        self._said = NOTHING_SAID
        """What the answer says that the path depends on."""

    def steps(self) -> Generator[Step, RedirectState | None, AttemptOutcome]:
        """Fetch the target, or find that its file is there already.

        Raises `TargetError` or `NeedsAnotherRequest`.
        """
        target, final = self.report.target, self._final
        path = target.path
        settings = self._settings
        expected = Expectations(settings, self._transfer.assignment.length)
        assert path is not None  # noqa: S101 - the ledger has named it
        store = self._store
        if store.waits and not store.looks_at_once(target.known, self._policy):
            yield BEFORE_WAIT
        self._there = there = store.look(path, target.known, self._policy)
        if there.status:
            final = self._final = there.shown or final
            if target.checksum:
                yield BEFORE_WORK
        found = judge_existing(final, there, self._policy, target, self._transfer, expected, store)
        if isinstance(found, Kept):
            return self._stays(found)
        with store.begin(path, target) as part:
            self.report.part = part
            try:
                question = self._question(part, found)
                writer = yield from self._get(part, question, expected, self._naming(part))
            except _NamedFileStays as stays:
                part.drop()
                return self._stays(stays.kept)
            if writer.verdict is Verdict.UNCHANGED:
                kept = self._unchanged(path, final)
                self._see_whether_it_still_fits(kept, expected)
                part.drop()
                return self._stays(kept)
            replaces = found.replaces or self._target.known.of_other_url
            if part.waits:
                yield BEFORE_WAIT if store.waits else BEFORE_WORK
            placement = self._placement(replaces=replaces)
            yield AFTER_OTHERS
            facts = self._finish(writer, placement)
            yield AFTER_OTHERS
        return self._fetched(writer, facts)

    def _question(self, part: Saving, wanted: Wanted) -> Question:
        """What the next request asks for."""
        redirects = self._transfer.assignment.redirects
        if redirects and redirects.whole:
            return Question(is_second=True)
        known = part.continuable()
        settings = self._settings
        if known and settings.compressed and known.content_encoding != "":
            known = None
            _log.info("%s: its part does not go on: %s", self._target.url, _MAY_BE_CODED)
        demands_checksum = self.report.target.checksum is not None
        if known and not (known.validator or demands_checksum):
            known = None
            _log.info("%s: its part does not go on: %s", self._target.url, _NO_VALIDATOR)
        if not (known or wanted.conditions):
            return FOR_ALL
        # A 500 may be caused by the range or the condition. Assume that after the second one, or
        # after the first if a 500 is not tried again.
        retries = settings.of_host(self._transfer.assignment.origin).retries
        is_last = not retries or -500 in settings.retry_status
        return Question(
            part=known,
            part_length=part.length if known else 0,
            conditions=wanted.conditions,
            checksum_decides=demands_checksum,
            wants_no_coding=settings.compressed,
            distrusts_500=is_last or self._transfer.assignment.failed_status == 500,
        )

    def _unchanged(self, path: str, final: str) -> Kept:
        """The file that a 304 is about. Raises `NeedsAnotherRequest` if it is not as it was."""
        before = self._there.status
        if before is None:
            return Kept(Outcome.UNCHANGED, None, None)
        status = self._store.status(path, self._target.known)
        if status and (status.st_size, status.st_mtime_ns) == (before.st_size, before.st_mtime_ns):
            return Kept(Outcome.UNCHANGED, final, status)
        raise self._again()

    def _see_whether_it_still_fits(self, kept: Kept, expected: Expectations) -> None:
        """Raise `NeedsAnotherRequest` if a 304 would keep a file that this run does not want.

        With `--expect-type` and `{type_ext}` the type has to be known, and with
        `--content-disposition` the name that the server gives. Both are known from the earlier run,
        or from the 304.
        """
        head = self.report.answer
        recorded = recorded_facts(self._target, kept.status)
        fields = head.headers if head else {}
        if expected.of_type:
            known = (recorded and recorded.media_type) or fields.get("content-type")
            if not (known and expected.allow(_size_of(kept, recorded), known)):
                raise self._again()
        if self._rename is not None:
            disposition = fields.get("content-disposition")
            given = recorded.unused_name if recorded else file_name_given(disposition)
            media_type = (
                recorded.media_type if recorded else media_type_of(fields.get("content-type"))
            )
            said = self._deciding(given, media_type)
            if said != NOTHING_SAID and self._rename(self._target, said).path != self._target.path:
                raise self._again()

    def _deciding(self, given: str | None, media_type: str | None) -> Said:
        """Those parts of an answer on which the path depends."""
        settings = self._settings
        return Said(
            given if settings.content_disposition else None,
            (media_type or None) if settings.names_by_type else None,
        )

    def _naming(self, part: Saving) -> Callable[[ResponseHead, str], None] | None:
        """What to do with the head of a wanted answer and its media type; None: nothing."""
        if self._rename is None:
            return None
        return partial(self._take_name, self._rename, part)

    def _take_name(self, rename: Rename, part: Saving, head: ResponseHead, media_type: str) -> None:
        """Take the name that the server gives (RFC 6266), or the extension of the media type.

        Raises `TargetError` or `_NamedFileStays` if there is a file of that name that stays.
        """
        given = file_name_given(head.headers.get("content-disposition"))
        self._said = self._deciding(given, media_type)
        if self._said == NOTHING_SAID:
            return
        target = rename(self._target, self._said)
        if target.path is None or target.path == self._target.path:
            return
        self.report.target = target
        self._final = self._store.final(target.path)
        self._policy = target.if_exists or self._settings.if_exists
        part.goes_to(target.path)
        self._there = self._store.look(target.path, target.known, self._policy)
        self._final = self._there.shown or self._final
        kept = judge_named(self._final, self._there, self._policy, target.known)
        if kept:
            raise _NamedFileStays(kept)

    def _placement(self, *, replaces: bool) -> Placement:
        """How the part gets its name. `replaces`: also if a file has that name."""
        when_there = _KEEP
        if replaces:
            when_there = _REPLACE if self._policy is _REPLACED else _BACK_UP
        there = self._there
        instead = self._path_beside if self._said.name and replaces else None
        # What has appeared since the name was seen free is not ours, whatever its time says.
        known = UNKNOWN if there.seen_before else self.report.target.known
        return Placement(when_there, known, there, instead, self._transfer.check)

    def _path_beside(self) -> str:
        """Another path, for when a file of the user has the name that the server gave."""
        assert self._rename  # noqa: S101 - the server has named it
        self.report.target = self._rename(self._target, self._said, beside=True)
        assert self._target.path  # noqa: S101 - it has got one
        self._final = self._store.final(self._target.path)
        return self._target.path

    def _stays(self, there: Kept) -> Finished:
        """The outcome if the existing file stays, with new facts if the state had none."""
        status = there.status
        report = self.report
        answer = report.answer
        facts = recorded_facts(report.target, status)
        new = None
        if status and facts is None and (there.outcome is _UNCHANGED or there.sha256):
            headers = answer.headers if answer else {}
            facts = new = FileFacts(
                status.st_size,
                status.st_mtime_ns,
                last_modified=kept_value(headers.get("last-modified")),
                sha256=there.sha256,
                answered_by=answer.url.identity if answer else None,
                media_type=media_type_of(kept_value(headers.get("content-type"))) or None,
                stored=self._there.stored,
            )
        size = facts.size if facts else status.st_size if status else None
        sha256 = facts.sha256 if facts else None
        result = report.result(there.outcome, size, there.file, sha256, facts=facts)
        return report.finished(result, facts=new)

    def _fetched(self, writer: BodyWriter, facts: FileFacts | None) -> Finished:
        placed = writer.placed
        backup = self._store.final(placed.backup) if placed and placed.backup else None
        if backup:
            _log.warning(
                "%s was not written by pyfetch, or was changed since: it is kept as %s",
                self._final,
                backup,
            )
        final = placed.shown if placed and placed.shown else self._final
        return self.report.fetched(final, writer, facts, backup)
