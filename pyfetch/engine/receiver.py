"""The receiver of a GET: judges the head, then hashes the body and writes it to the part."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pyfetch import cpu
from pyfetch.attempt import PartDigest
from pyfetch.checksum import Digest
from pyfetch.engine.expectations import Expectations
from pyfetch.engine.verdict import FOR_ALL, Question, Verdict, why_no_file
from pyfetch.facts import FileFacts
from pyfetch.headers import parse_content_range
from pyfetch.http.response import ResponseHead, SavedContent
from pyfetch.http.validators import Representation, is_etag, modified_at
from pyfetch.models import Failure, Target, TargetError
from pyfetch.naming.content_disposition import file_name_given
from pyfetch.timing import Phase
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where bodies are decoded, or files are kept
    from pyfetch.engine.decoded_body import DecodedBody
    from pyfetch.http.client import KeepAnswer
    from pyfetch.storage.placing import Placed, Placement
    from pyfetch.storage.store import Saving

HASHED_LATE = 256 * 1024 * 1024
"""A part up to this length, in bytes, is hashed when the answer has come.

A longer part is hashed before the request, as a server would not wait so long for its reader.
"""

_log = logging.getLogger(__name__)

# Looked up once: a member of an enum takes thirty times as long as a global name.
_WHOLE, _REST, _NO_FILE = Verdict.WHOLE, Verdict.REST, Verdict.NO_FILE
_ASK_AGAIN, _UNCHANGED = Verdict.ASK_AGAIN, Verdict.UNCHANGED


class BodyWriter:
    """The `Receiver` of one GET. `part` is None if the body is hashed, but not kept.

    `on_wanted` is called, before the body, with the head of an answer that brings the file, and
    with the media type of the file (empty: not known).
    """

    def __init__(
        self,
        target: Target,
        transfer: Transfer,
        part: Saving | None,
        question: Question,
        expected: Expectations,
        *,
        decodes: bool = False,
        hashes: bool = True,
        names_by_servers: bool = False,
        part_digest: PartDigest | None = None,
        on_wanted: Callable[[ResponseHead, str], None] | None = None,
        keep_answer: KeepAnswer | None = None,
    ) -> None:
        self._target = target
        self._transfer = transfer
        self._expectations = expected
        self._names_by_servers = names_by_servers
        self._part = part
        self._question = question
        self._on_wanted = on_wanted
        self.keep_answer = keep_answer
        self.verdict = _NO_FILE
        """What the answer is. After `finish`, a continued part may have been the wrong one."""
        self._representation: Representation | None = None
        self._begun = False
        self._decodes = decodes
        self._decoded: DecodedBody | None = None
        """What decodes the body, if it is coded and is to be decoded."""
        self._digest: Digest | None = None
        """None: no sha256 is wanted, and no checksum is demanded."""
        if hashes or target.checksum:
            self._digest = Digest(target.checksum)
        self._total: int | None = None
        self.part_digest = part_digest
        """The digest of the old part, once it was computed."""
        self.answer: ResponseHead | None = None
        """The answer, once its head has come."""
        self.placed: Placed | None = None
        """Where the file went, once it has its name."""
        transfer.received = transfer.resumed = 0
        transfer.size = None
        transfer.decodes = False
        if self._digest and question.part and part and part.length > HASHED_LATE:
            self._digest_of(part)

    @property
    def sha256(self) -> str | None:
        """Digest of what is saved; None: it is not wanted."""
        return self._digest.sha256 if self._digest else None

    @property
    def size(self) -> int:
        """Bytes that are saved."""
        return self._decoded.size if self._decoded else self._transfer.received

    @property
    def coded_size(self) -> int | None:
        """Bytes of the body as it came, where it is decoded."""
        return self._transfer.received if self._decoded else None

    def head(self, head: ResponseHead) -> bool:
        """Whether the body is wanted.

        Raises `TargetError` if its type or size is not expected, or if it cannot be decoded.
        """
        self.answer = head
        self._representation = None
        self.verdict = self._question.verdict(head)
        if self._question is not FOR_ALL and _log.isEnabledFor(logging.INFO):
            from pyfetch.engine.reasons import about_answer

            why = about_answer(self._question, head, self.verdict)
            if why:
                _log.info("%s: %s", self._target.url, why)
        if self.verdict is _REST:
            self._continue(head)
        elif self.verdict is _WHOLE:
            length = head.length
            if head.status == 206:
                found = parse_content_range(head.headers.get("content-range"))
                length = found.total if found else length
            if self._decodes and "content-encoding" in head.headers:
                from pyfetch.engine.decoded_body import decoded_body

                self._decoded = decoded_body(head, self._transfer, self._expectations)
            self._expect(length, head)
        else:
            return False
        return True

    def chunk(self, data: bytes | memoryview) -> None:
        """Hash and write a piece of the body."""
        received = self._transfer.received
        total = self._total
        try:
            if total is not None and received > total:
                detail = f"the body is longer than its announced {total} bytes"
                raise TargetError(Failure.TRUNCATED, detail)
            if self._decoded:
                for piece in self._decoded.pieces(data):
                    self._save(piece)
                return
            if total is None:  # an announced length was checked with the head
                self._expectations.check_not_too_large(received)
        except TargetError:
            self._drop()
            raise
        self._save(data)

    def _save(self, data: bytes | memoryview) -> None:
        if self._digest:
            self._digest.update(data)
        if self._part:
            if not self._begun:
                self._begin(self._part, len(data))
            self._part.write(data)

    def finish(self, placement: Placement | None = None) -> FileFacts | None:
        """Give the part its final name, as `placement` says; sets `placed`.

        Returns the facts of the file; None if no file is kept, or if the verdict is `ASK_AGAIN` now
        because a continued part has the wrong checksum. Raises `TargetError` if the body is not
        what was expected.
        """
        head = self.answer
        if head is None or not (self.verdict is _WHOLE or self.verdict is _REST):
            raise self._no_file(head)
        received = self._transfer.received
        total = self._total
        if total is not None and received != total:
            detail = f"the body ended after {received} of {total} bytes"
            raise TargetError(Failure.TRUNCATED, detail)
        try:
            if self._decoded:
                self._decoded.end()
            if total is None or self._decoded:
                self._expectations.check_whole_size(self.size)
            demanded = self._target.checksum
            mismatch = self._digest.mismatch() if demanded and self._digest else None
            if mismatch and self._transfer.resumed:
                _log.info("%s: the continued part is not the file: %s", self._target.url, mismatch)
                self._drop()
                self.verdict = _ASK_AGAIN
                return None
            if mismatch:
                raise TargetError(Failure.CHECKSUM, mismatch)
        except TargetError:
            self._drop()
            raise
        if not self._part or not placement:
            return None
        if not self._begun:
            self._begin(self._part, 0)
        self._transfer.check()
        return self._commit(self._part, head, placement)

    def _commit(self, part: Saving, head: ResponseHead, placement: Placement) -> FileFacts:
        said = self._said(head)
        modified = modified_at(said.last_modified, head.headers.get("date"), time.time())
        given = head.headers.get("content-disposition")
        sha256 = self.sha256
        coding = None if self._decoded else said.content_encoding or None
        content = SavedContent(head, said, coding, sha256)
        placed = self.placed = part.commit(placement, content, modified=modified)
        # In the order of its fields: by name takes three times as long.
        return FileFacts(
            self.size,
            placed.modified_ns,
            said.etag if said.etag and is_etag(said.etag) else None,
            said.last_modified if modified is not None else None,
            sha256,
            head.url.identity,
            said.media_type or None,
            None if given is None or self._names_by_servers else file_name_given(given),
            coding,
            placed.stored,
        )

    def _said(self, head: ResponseHead) -> Representation:
        """What is known of the content: what a 206 does not repeat, the first answer has said."""
        if self._representation is None:
            part = self._question.part if self.verdict is _REST else None
            headers = head.headers
            said = part.completed_by(headers) if part else Representation.of(headers)
            self._representation = said
        return self._representation

    def _continue(self, head: ResponseHead) -> None:
        """Prepare to append to the part."""
        part = self._part
        found = parse_content_range(head.headers.get("content-range"))
        assert part, "the verdict was REST"  # noqa: S101
        assert found, "the verdict was REST"  # noqa: S101
        self._transfer.received = self._transfer.resumed = part.length
        self._expect(found.total, head)
        if self._digest:
            self._digest = self._digest_of(part)
        part.go_on()
        self._begun = True

    def _digest_of(self, part: Saving) -> Digest:
        """The digest of the old part. The part is read once for all requests of an attempt."""
        known = self.part_digest
        if known is None or known.length != part.length:
            digest = Digest(self._target.checksum)
            self._transfer.enter(Phase.CHECKING)
            with cpu.anywhere():
                for block in part.blocks():
                    digest.update(block)
                    self._transfer.check()
            known = self.part_digest = PartDigest(part.length, digest)
        return known.digest.copy()

    def _expect(self, total: int | None, head: ResponseHead) -> None:
        """Check type and size of the body as the head announces them."""
        try:
            if self._expectations.of_type:
                self._expectations.check_type(self._said(head).media_type)
            if total is not None and not self._decoded:  # else it is the length of coded bytes
                self._expectations.check_not_too_large(total)
                self._expectations.check_whole_size(total)
        except TargetError:
            # An answer that is not the rest (a login page, say) tells nothing about the part.
            if self.verdict is _REST:
                self._drop()
            raise
        self._total = self._transfer.size = total
        if self._on_wanted:
            self._on_wanted(head, self._said(head).media_type or "")

    def _begin(self, part: Saving, first: int) -> None:
        if self._decoded:  # what is decoded never goes on, so it needs no name before its last one
            part.begin(None, is_whole=True)
            self._begun = True
            return
        expected = self._transfer.assignment.length
        total = self._total or (expected.size if expected else None)
        # If the first piece is the whole body, there will be nothing to continue.
        is_whole = first == self._total
        metadata = None
        if self.answer is not None and not is_whole:
            from pyfetch.storage.parts import metadata_of

            metadata = metadata_of(self._target, self.answer, total)
        part.begin(total, metadata, is_whole=is_whole)
        self._begun = True

    def _no_file(self, head: ResponseHead | None) -> TargetError:
        """Drop the part of a file that is gone. Returns why the body of the answer is no file."""
        if head and self._question.is_gone(head, has_mirrors=bool(self._target.mirrors)):
            self._drop()
        return why_no_file(head)

    def _drop(self) -> None:
        if self._part:
            self._part.drop()
