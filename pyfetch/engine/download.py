"""One attempt at one target. A failure of the target is an outcome, not an exception."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pyfetch import __version__
from pyfetch.attempt import AttemptOutcome, Finished, GoesOn, RedirectState
from pyfetch.engine.existing_file import Kept, Wanted, judge_existing, judge_named
from pyfetch.engine.receiver import BodyWriter
from pyfetch.errors import RunError
from pyfetch.http.client import Client
from pyfetch.http.rate_limit import PAUSING_STATUSES, asked_wait, wait_when_spent
from pyfetch.http.response import Response
from pyfetch.http.throttle import Bandwidth
from pyfetch.http.validators import is_as_recorded
from pyfetch.models import Failure, FileFacts, HostSignal, Outcome, Result, Target, TargetError
from pyfetch.naming.content_disposition import file_name_given
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.existing import NOTHING, look
from pyfetch.storage.filesystem import errors_of
from pyfetch.storage.part import Part
from pyfetch.storage.parts import Parts
from pyfetch.storage.placing import Placement, WhenThere
from pyfetch.transfer import Transfer

USER_AGENT = f"pyfetch/{__version__}"

_log = logging.getLogger(__name__)


class Rename(Protocol):
    """Gives targets the names that servers choose."""

    def __call__(self, target: Target, given: str, *, beside: bool = False) -> Target:
        """The target with a path of its own, made from the name that the server gave.

        `beside`: with a suffix, where no file is.
        """
        ...


class Downloader:
    """Makes attempts, in any number of threads, which share their connections.

    Raises `UsageError` for files that the settings name and that cannot be used.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        bandwidth = Bandwidth(settings.limit_rate) if settings.limit_rate else None
        self._client = Client(settings, USER_AGENT, bandwidth)
        self.directory = OutputDirectory(Path(settings.output_dir))
        self._parts = Parts(self.directory, settings.min_free)
        self.rename: Rename | None = None
        """Called for each answer that names its file; None where servers name no files."""

    def __call__(self, target: Target, transfer: Transfer) -> AttemptOutcome:
        """Make one attempt. Raises only a `RunError`, where the whole run has to stop."""
        download = _Download(
            target, transfer, self._settings, self._clock, self._parts, self.rename
        )
        try:
            return download.make(self._client)
        except TargetError as error:
            return download.failed(error)
        except _Onward as error:
            return download.goes_on(error.redirects)
        except RunError:
            raise
        except Exception as error:
            _log.debug("unexpected error for %s", target.url, exc_info=True)
            detail = f"unexpected {type(error).__name__}: {error} (please report it)"
            return download.failed(TargetError(Failure.INTERNAL, detail))
        finally:
            transfer.end()


class _Onward(Exception):  # noqa: N818 - no error, but it unwinds the attempt as one does
    """The attempt needs another request, which others have to allow."""

    def __init__(self, redirects: RedirectState) -> None:
        super().__init__(redirects)
        self.redirects = redirects


class _NamedFileStays(Exception):  # noqa: N818 - no error, but it unwinds the attempt as one does
    """The file of the name that the server gave is there, and stays."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept)
        self.kept = kept


class _Download:
    """One attempt while it is made."""

    def __init__(
        self,
        target: Target,
        transfer: Transfer,
        settings: Settings,
        clock: Callable[[], float],
        parts: Parts,
        rename: Rename | None,
    ) -> None:
        self._target = target
        self._transfer = transfer
        self._settings = settings
        self._clock = clock
        self._parts = parts
        self._rename = rename
        self._final = None if target.path is None else parts.final(target.path)
        self._policy = target.if_exists or settings.if_exists
        self._there = NOTHING
        """What was found under the final name."""
        self._given: str | None = None
        """The name that the server gave."""
        self._answer: Response | None = None
        self._asked = False
        """Whether a request was sent."""

    def make(self, client: Client) -> AttemptOutcome:
        """Fetch the target, or find that it is there. Raises `TargetError` or `_Onward`."""
        path, final = self._target.path, self._final
        if path is None or final is None:
            writer = self._get(client, None, Wanted(replaces=False))
            writer.finish()
            return self._fetched(writer, None)
        settings = self._settings
        self._there = look(self._parts.directory, path)
        found = judge_existing(final, self._there, self._policy, self._target, self._transfer)
        if isinstance(found, Kept):
            return self._kept(found)
        url = self._target.identity
        with Part(self._parts, path, url, fsync=settings.fsync) as part:
            try:
                writer = self._get(client, part, found)
            except _NamedFileStays as stays:
                part.drop()
                return self._kept(stays.kept)
            if writer.unchanged:
                part.drop()
                with errors_of(final):
                    return self._kept(Kept(Outcome.UNCHANGED, final, Path(final).stat()))
            facts = writer.finish(self._placement(replaces=found.replaces))
        return self._fetched(writer, facts)

    def failed(self, error: TargetError) -> Finished:
        """The outcome of the attempt that raised this."""
        return self._finished(self._result(Outcome.FAILED, error=error), error.sign)

    def goes_on(self, redirects: RedirectState) -> GoesOn:
        """The outcome of the attempt that needs another request."""
        return GoesOn(redirects, wait_when_spent(self._answer.headers) if self._answer else None)

    def _get(self, client: Client, part: Part | None, wanted: Wanted) -> BodyWriter:
        """Make one GET. Raises `_Onward` if the attempt needs another one."""
        task = self._transfer.assignment
        if task.refusal:
            raise task.refusal
        redirects = task.redirects or RedirectState(task.url)
        note = part.continuable() if part else None
        fields = dict(wanted.conditions)
        if redirects.whole:
            note, fields = None, {}
        writer = BodyWriter(
            self._target,
            self._settings,
            self._transfer,
            part,
            continued=note,
            part_digest=redirects.part_digest,
            conditions_of=wanted.conditions_of if fields else None,
            on_wanted=lambda head: self._take_name(head, part),
        )
        if note and part:
            fields |= {"Range": f"bytes={part.length}-", "If-Range": note.validator}
        self._asked = True
        try:
            onward = client.get(redirects, fields, self._transfer, writer)
        finally:
            self._answer = writer.answer
        if writer.start_again:
            raise _Onward(redirects._replace(whole=True))
        if onward:
            raise _Onward(onward._replace(part_digest=writer.part_digest))
        return writer

    def _take_name(self, head: Response, part: Part | None) -> None:
        """Take the name that the server gives (RFC 6266), if names are the server's.

        Raises `TargetError` or `_NamedFileStays` if a file of that name is there and stays.
        """
        given = file_name_given(head.headers.get("Content-Disposition")) if self._rename else None
        if self._rename is None or part is None or given is None:
            return
        self._given = given
        target = self._rename(self._target, given)
        if target.path is None or target.path == self._target.path:
            return
        self._target = target
        self._final = self._parts.final(target.path)
        part.goes_to(target.path)
        self._there = look(self._parts.directory, target.path)
        kept = judge_named(self._final, self._there, self._policy)
        if kept:
            raise _NamedFileStays(kept)

    def _placement(self, *, replaces: bool) -> Placement:
        """How the part gets its name. `replaces`: even if a file has it."""
        when_there = WhenThere.KEEP
        if replaces:
            outright = self._policy is IfExists.REPLACE
            when_there = WhenThere.REPLACE if outright else WhenThere.BACK_UP
        instead = self._path_beside if self._given and replaces else None
        check = self._transfer.check
        return Placement(when_there, self._target.known, self._there, instead, check)

    def _path_beside(self) -> str:
        """Another path, where the name that the server gave is that of a file of the user's."""
        assert self._rename and self._given  # noqa: S101, PT018 - the server has named it
        self._target = self._rename(self._target, self._given, beside=True)
        assert self._target.path  # noqa: S101 - it has got one
        self._final = self._parts.final(self._target.path)
        return self._target.path

    def _kept(self, kept: Kept) -> Finished:
        """The outcome where the file stays, with facts about it if the state had none."""
        known = self._target.known
        status = kept.status
        new = None
        if is_as_recorded(known, status.st_size, status.st_mtime_ns):
            facts = known.facts
        elif kept.outcome is Outcome.UNCHANGED or kept.sha256:
            head = self._answer
            facts = new = FileFacts(
                status.st_size,
                status.st_mtime_ns,
                last_modified=head.headers.get("Last-Modified") if head else None,
                sha256=kept.sha256,
                answered_by=head.url.identity if head else None,
            )
        else:
            facts = None
        result = self._result(
            kept.outcome,
            size=status.st_size,
            path=kept.file,
            sha256=facts.sha256 if facts else None,
            facts=facts,
        )
        return self._finished(result, HostSignal.NONE, new)

    def _fetched(self, writer: BodyWriter, facts: FileFacts | None) -> Finished:
        placed = writer.placed
        backup = self._parts.final(placed.backup) if placed and placed.backup else None
        if backup:
            _log.warning("%s was not as pyfetch left it: it is kept as %s", self._final, backup)
        result = self._result(
            Outcome.UNCHANGED if placed and placed.adopted else Outcome.FETCHED,
            size=self._transfer.received,
            path=self._final,
            sha256=facts.sha256 if facts else writer.sha256,
            backup=backup,
        )
        return self._finished(result, HostSignal.NONE, facts)

    def _finished(
        self, result: Result, sign: HostSignal, facts: FileFacts | None = None
    ) -> Finished:
        """The outcome with what the answer says about the host, or `sign` if there is none."""
        head = self._answer
        wait = None
        if not self._asked:
            sign = HostSignal.NOT_ASKED
        elif head and head.status in PAUSING_STATUSES:
            sign, wait = HostSignal.PUSHED_BACK, asked_wait(head.headers)
        elif head:
            sign, wait = HostSignal.ANSWERED, wait_when_spent(head.headers)
        return Finished(result, sign, wait, facts, path=self._target.path)

    def _result(
        self,
        outcome: Outcome,
        *,
        size: int | None = None,
        path: str | None = None,
        sha256: str | None = None,
        error: TargetError | None = None,
        facts: FileFacts | None = None,
        backup: str | None = None,
    ) -> Result:
        head = self._answer
        headers = head.headers if head else {}
        task = self._transfer.assignment
        return Result(
            index=self._target.index,
            url=str(self._target.url),
            outcome=outcome,
            final_url=str(head.url) if head else None,
            status=head.status if head else None,
            size=size,
            path=path,
            error=error.failure if error else None,
            detail=error.detail if error else None,
            attempts=task.number - (not self._asked),
            elapsed=self._clock() - task.started,
            content_type=headers.get("Content-Type"),
            content_encoding=headers.get("Content-Encoding"),
            etag=headers.get("ETag") or (facts.etag if facts else None),
            last_modified=headers.get("Last-Modified") or (facts.last_modified if facts else None),
            sha256=sha256,
            input=self._target.input,
            backup=backup,
        )
