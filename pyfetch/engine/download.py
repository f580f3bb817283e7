"""One attempt at one target → one `Attempt`. No failure of a target leaves it as an exception."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from pyfetch import __version__, cpu
from pyfetch.attempt import Attempt, RedirectState
from pyfetch.checksum import Digest
from pyfetch.engine.receiver import BodyWriter
from pyfetch.errors import RunError
from pyfetch.http.client import Head, Transport
from pyfetch.http.rate_limit import PAUSING_STATUSES, asked_wait, wait_when_spent
from pyfetch.http.throttle import Bandwidth
from pyfetch.http.validators import conditions, is_as_recorded
from pyfetch.models import Failure, FileFacts, HostSignal, Outcome, Result, Target, TargetError
from pyfetch.naming.content_disposition import file_name_given
from pyfetch.settings import IfExists, Settings
from pyfetch.storage.filesystem import errors_of, file_status, way_to
from pyfetch.storage.part import BLOCK, Part, Parts
from pyfetch.transfer import Transfer
from pyfetch.urls import identity_of, masked_url, origin_of

USER_AGENT = f"pyfetch/{__version__}"

_log = logging.getLogger(__name__)


Rename = Callable[[Target, str], Target]
"""The target with a path of its own that is made from the name that the server gave."""


class _GoesOn(Exception):  # noqa: N818 - no error, but it ends the attempt as one does
    """The attempt is not over, but the host is not the one to ask any more."""

    def __init__(self, chain: RedirectState) -> None:
        super().__init__(chain)
        self.chain = chain


class _IsThere(Exception):  # noqa: N818 - no error, but it ends the attempt as one does
    """The file of the name that the server gave is there, and is trusted."""

    def __init__(self, file: str, status: os.stat_result) -> None:
        super().__init__(file, status)
        self.file = file
        self.status = status


class Downloader:
    """Fetches targets, from any number of threads, which share their connections.

    Raises `UsageError` for files that the settings name and that cannot be used.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        bandwidth = Bandwidth(settings.limit_rate) if settings.limit_rate else None
        self._transport = Transport(settings, USER_AGENT, bandwidth)
        self._parts = Parts(Path(settings.output_dir), settings.min_free)
        self.rename: Rename | None = None
        """Asked for each answer that names its file; None where names are not the server's."""

    def __call__(self, target: Target, transfer: Transfer) -> Attempt:
        """Make one attempt. Raises only `RunError`, where the whole run has to stop."""
        attempt = _Attempt(target, transfer, self._settings, self._clock, self._parts, self.rename)
        try:
            return attempt.make(self._transport)
        except TargetError as error:
            return attempt.failed(error)
        except _GoesOn as error:
            return attempt.goes_on(error.chain)
        except RunError:
            raise
        except Exception as error:
            _log.debug("unexpected error for %s", masked_url(target.url), exc_info=True)
            detail = f"unexpected {type(error).__name__}: {error} (please report it)"
            return attempt.failed(TargetError(Failure.INTERNAL, detail))
        finally:
            transfer.end()


class _Attempt:
    """One attempt while it is made."""

    def __init__(
        self,
        target: Target,
        transfer: Transfer,
        settings: Settings,
        clock: Callable[[], float],
        parts: Parts,
        rename: Rename | None = None,
    ) -> None:
        self._target = target
        self._transfer = transfer
        self._settings = settings
        self._clock = clock
        self._parts = parts
        self._rename = rename
        self._final = None if target.path is None else parts.final(target.path)
        self._answer: Head | None = None
        self._asked = False
        self._asked_of: str | None = None
        self._replaces = settings.if_exists in (IfExists.REFRESH, IfExists.REPLACE)

    def make(self, transport: Transport) -> Attempt:
        """Fetch the target, or find that nothing has to be fetched. Raises `TargetError`."""
        path, final = self._target.path, self._final
        if path is None or final is None:
            saver = self._get(transport, None, {})
            saver.finish(replace=False)
            return self._came(saver, None)
        settings = self._settings
        output_dir = self._parts.output_dir
        way_to(output_dir, path)
        found = self._found(final)
        if isinstance(found, Attempt):
            return found
        url = self._target.identity
        with Part(self._parts, path, url, fsync=settings.fsync) as part:
            try:
                saver = self._get(transport, part, found)
            except _IsThere as there:
                part.drop()
                return self._as_it_was(there.file, there.status, Outcome.SKIPPED)
            if saver.unchanged:
                part.drop()
                with errors_of(final):
                    return self._as_it_was(final, Path(final).stat(), Outcome.UNCHANGED)
            facts = saver.finish(replace=self._replaces)
        return self._came(saver, facts)

    def failed(self, error: TargetError) -> Attempt:
        """How the attempt ended that raised this."""
        return self._ended(self._result(Outcome.FAILED, error=error), error.sign)

    def goes_on(self, chain: RedirectState) -> Attempt:
        """How the attempt ended that is to ask another host, or once more."""
        result = self._result(Outcome.FAILED)
        return self._ended(result, HostSignal.ANSWERED)._replace(chain=chain)

    def _ended(self, result: Result, sign: HostSignal, facts: FileFacts | None = None) -> Attempt:
        head = self._answer
        wait = None
        if not self._asked:
            sign = HostSignal.NOT_ASKED
        elif head and head.status in PAUSING_STATUSES:
            sign, wait = HostSignal.PUSHED_BACK, asked_wait(head.headers)
        elif head:
            sign, wait = HostSignal.ANSWERED, wait_when_spent(head.headers)
        return Attempt(result, sign, wait, facts, path=self._target.path)

    def _found(self, final: str) -> Attempt | dict[str, str]:
        """What is there → the attempt, if no request is needed, or conditions for one.

        Raises `TargetError` if there may be none.
        """
        status = file_status(final)
        policy = self._settings.if_exists
        if self._target.known.begun and policy in (IfExists.FAIL, IfExists.RENAME):
            policy, self._replaces = IfExists.REFRESH, True
        if status is None:
            self._replaces = self._replaces or Path(final).is_symlink()  # one that leads nowhere
            return {}
        if policy in (IfExists.REPLACE, IfExists.RENAME):
            return {}
        if policy is IfExists.FAIL:
            raise TargetError(Failure.EXISTS, f"{final} is there")
        if self._target.checksum:
            if self._transfer.chain:  # it was looked at before the first request
                self._replaces = True
                return {}
            # Whatever a server says now, this is what was asked for, or it is not.
            digest = self._digest_of(final)
            if digest.mismatch() is None:
                outcome = Outcome.SKIPPED if policy is IfExists.SKIP else Outcome.UNCHANGED
                return self._as_it_was(final, status, outcome, digest.sha256)
            self._replaces = True
            return {}
        if policy is IfExists.SKIP:
            return self._as_it_was(final, status, Outcome.SKIPPED)
        facts = self._target.known.facts
        self._asked_of = facts.answered_by if facts else self._target.identity
        return conditions(self._target.known, status.st_size, status.st_mtime_ns, time.time())

    def _digest_of(self, final: str) -> Digest:
        digest = Digest(self._target.checksum)
        with cpu.anywhere(), errors_of(final), Path(final).open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                self._transfer.check()
        return digest

    def _get(self, transport: Transport, part: Part | None, fields: dict[str, str]) -> BodyWriter:
        """One GET. Raises `_GoesOn` where what was left of an earlier attempt is of no use."""
        if self._transfer.refusal:
            raise self._transfer.refusal
        chain = self._transfer.chain or self._first()
        note = part.continuable() if part else None
        if chain.whole:
            note, fields = None, {}
        asked_of = self._asked_of if fields else None
        saver = BodyWriter(
            self._target,
            self._settings,
            self._transfer,
            part,
            note,
            asked_of,
            lambda head: self._take_name(head, part),
        )
        rest = {}
        if note and part:
            rest = {"Range": f"bytes={part.length}-", "If-Range": note.validator}
        self._asked = True
        try:
            onward = transport.get(chain, fields | rest, self._transfer, saver)
        finally:
            self._answer = saver.answer
        if saver.start_again:
            onward = chain._replace(whole=True)
        if onward:
            raise _GoesOn(onward)
        return saver

    def _first(self) -> RedirectState:
        """The chain of which nothing was asked yet."""
        url = self._transfer.url
        return RedirectState(
            url, self._target.origin if url == self._target.url else origin_of(url)
        )

    def _take_name(self, head: Head, part: Part | None) -> None:
        """Take the name that the server gives (RFC 6266), where that is wanted.

        Raises `TargetError` or `_IsThere` where a file of that name is there and stays.
        """
        given = file_name_given(head.headers.get("Content-Disposition")) if self._rename else None
        if self._rename is None or part is None or given is None:
            return
        target = self._rename(self._target, given)
        if target.path is None or target.path == self._target.path:
            return
        self._target = target
        self._final = self._parts.final(target.path)
        part.goes_to(target.path)
        way_to(self._parts.output_dir, target.path)
        status = file_status(self._final)
        if status is None:
            return
        if self._settings.if_exists is IfExists.FAIL:
            raise TargetError(Failure.EXISTS, f"{self._final} is there")
        if self._settings.if_exists is IfExists.SKIP:
            raise _IsThere(self._final, status)

    def _as_it_was(
        self, final: str, status: os.stat_result, outcome: Outcome, sha256: str | None = None
    ) -> Attempt:
        """The result for a file that stays; its facts, if the state did not know them."""
        known = self._target.known
        new = None
        if is_as_recorded(known, status.st_size, status.st_mtime_ns):
            facts = known.facts
        elif outcome is Outcome.UNCHANGED or sha256:
            head = self._answer
            facts = new = FileFacts(
                status.st_size,
                status.st_mtime_ns,
                last_modified=head.headers.get("Last-Modified") if head else None,
                sha256=sha256,
                answered_by=identity_of(head.url) if head else None,
            )
        else:
            facts = None
        result = self._result(
            outcome,
            size=status.st_size,
            path=final,
            sha256=facts.sha256 if facts else None,
            facts=facts,
        )
        return self._ended(result, HostSignal.NONE, new)

    def _came(self, saver: BodyWriter, facts: FileFacts | None) -> Attempt:
        result = self._result(
            Outcome.FETCHED,
            size=self._transfer.received,
            path=self._final,
            sha256=facts.sha256 if facts else saver.sha256,
        )
        return self._ended(result, HostSignal.NONE, facts)

    def _result(
        self,
        outcome: Outcome,
        *,
        size: int | None = None,
        path: str | None = None,
        sha256: str | None = None,
        error: TargetError | None = None,
        facts: FileFacts | None = None,
    ) -> Result:
        head = self._answer
        headers = head.headers if head else {}
        return Result(
            index=self._target.index,
            url=self._target.url,
            outcome=outcome,
            final_url=head.url if head else None,
            status=head.status if head else None,
            size=size,
            path=path,
            error=error.failure if error else None,
            detail=error.detail if error else None,
            attempts=self._transfer.attempt - (not self._asked),
            elapsed=self._clock() - self._transfer.started,
            content_type=headers.get("Content-Type"),
            etag=headers.get("ETag") or (facts.etag if facts else None),
            last_modified=headers.get("Last-Modified") or (facts.last_modified if facts else None),
            sha256=sha256,
            input=self._target.input,
        )
