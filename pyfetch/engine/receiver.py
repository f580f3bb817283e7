"""The receiver of a GET: judges the head, then hashes the body and writes it to the part."""

from __future__ import annotations

import time
from collections.abc import Callable

from pyfetch import cpu
from pyfetch.attempt import PartDigest
from pyfetch.checksum import Digest
from pyfetch.engine.expectations import Expectations
from pyfetch.http.response import Response
from pyfetch.http.validators import (
    contradicts,
    is_etag,
    modified_at,
    parse_content_range,
    strong_validator,
)
from pyfetch.models import Failure, FileFacts, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.storage.part import Part
from pyfetch.storage.part_metadata import PartMetadata
from pyfetch.storage.placing import Placed, Placement
from pyfetch.transfer import Transfer

HASHED_LATE = 256 * 1024 * 1024
"""Bytes of a part up to which it is hashed only when its rest comes.

A longer part is hashed before the request: a server would not wait so long for its reader.
"""

_WHOLE = frozenset({200, 203})
"""Statuses whose body is the whole content (RFC 9110, section 15.3)."""
_GONE = frozenset({404, 410})
_REFUSING = frozenset({206, 304, 400, 412, 416, 501})
"""Answers, right or wrong, of servers that do not support a range or a condition."""


class BodyWriter:
    """The `Receiver` of one GET. `part` is None where the body is hashed, but not kept.

    `continued` is what is known of the part, if the request asks for the rest of it.
    `conditions_of` is the URL whose validators the request sends as conditions, if any.
    `on_wanted` is called with the head whose body will be the file, before the body.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        transfer: Transfer,
        part: Part | None,
        *,
        continued: PartMetadata | None = None,
        part_digest: PartDigest | None = None,
        conditions_of: str | None = None,
        on_wanted: Callable[[Response], None] = lambda _: None,
    ) -> None:
        self._target = target
        self._transfer = transfer
        self._expectations = Expectations(settings, transfer.assignment.length)
        self._part = part
        self._continued = continued
        self._conditions_of = conditions_of
        self._on_wanted = on_wanted
        self._begun = False
        self._digest = Digest(target.checksum)
        self._total: int | None = None
        self.part_digest = part_digest
        """The digest of what is in the part, once it was computed."""
        self.answer: Response | None = None
        """The head of the answer, once it has come."""
        self.start_again = False
        """Whether the answer is of no use: ask for the whole body, without conditions."""
        self.placed: Placed | None = None
        """Where the file went, once it has its name."""
        self.unchanged = False
        """Whether the server says that the file is as it was (304)."""
        transfer.received = transfer.resumed = 0
        transfer.size = None
        if continued and part and part.length > HASHED_LATE:
            self._digest_of(part)

    @property
    def sha256(self) -> str:
        return self._digest.sha256

    def head(self, head: Response) -> bool:
        """Whether the body is wanted. Raises `TargetError` if it is known not to fit."""
        self.answer = head
        if head.status == 304 and self._conditions_of == head.url.identity:
            self.unchanged = True
            return False
        if self._continued and head.status == 206 and self._goes_on(head, self._continued):
            return True
        if head.status not in _WHOLE:
            has_asked = self._continued or self._conditions_of
            self.start_again = bool(has_asked) and head.status in _REFUSING
            return False
        self._continued = None
        self._expect(head.length, head)
        return True

    def chunk(self, data: bytes | memoryview) -> None:
        """Hash and write a piece of the body."""
        received = self._transfer.received
        try:
            self._expectations.check_not_too_large(received)
            if self._total is not None and received > self._total:
                detail = f"the body goes on beyond its announced {self._total} bytes"
                raise TargetError(Failure.TRUNCATED, detail)
        except TargetError:
            self._drop()
            raise
        self._digest.update(data)
        if self._part:
            if not self._begun:
                self._begin(self._part, len(data))
            self._part.write(data)

    def finish(self, placement: Placement | None = None) -> FileFacts | None:
        """Give the part its final name, as `placement` says; sets `placed`.

        Returns the facts of the file, None if none is kept. Raises `TargetError` if the
        body is not what was wanted.
        """
        head = self._wanted_answer()
        received = self._transfer.received
        if self._total is not None and received != self._total:
            detail = f"the body ended after {received} of {self._total} bytes"
            raise TargetError(Failure.TRUNCATED, detail)
        try:
            self._expectations.check_whole_size(received)
            mismatch = self._digest.mismatch()
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

    def _commit(self, part: Part, head: Response, placement: Placement) -> FileFacts:
        said_before = self._said_before()
        last_modified = head.headers.get("Last-Modified") or said_before.get("Last-Modified")
        etag = head.headers.get("ETag") or said_before.get("ETag")
        modified = modified_at(last_modified, head.headers.get("Date"), time.time())
        self.placed = part.commit(placement, modified=modified)
        return FileFacts(
            size=self._transfer.received,
            modified_ns=self.placed.modified_ns,
            etag=etag if etag and is_etag(etag) else None,
            last_modified=last_modified if modified is not None else None,
            sha256=self._digest.sha256,
            answered_by=head.url.identity,
        )

    def _said_before(self) -> dict[str, str]:
        """What the first answer said and a 206 need not repeat (RFC 9110, section 15.3.7)."""
        note = self._continued
        if note is None:
            return {}
        fields = {"Last-Modified": note.last_modified} if note.last_modified else {}
        return fields | ({"ETag": note.validator} if is_etag(note.validator) else {})

    def _goes_on(self, head: Response, note: PartMetadata) -> bool:
        """Continue the part, if this 206 is exactly its rest (RFC 9110, section 15.3.7)."""
        part = self._part
        found = parse_content_range(head.headers.get("Content-Range"))
        if part is None or found is None or contradicts(head.headers, note.validator):
            return False
        if head.url.identity != note.answered_by:
            return False
        if (found.first, found.last + 1, found.total) != (part.length, note.total, note.total):
            return False
        self._transfer.received = self._transfer.resumed = part.length
        self._expect(note.total, head)
        self._digest = self._digest_of(part)
        part.go_on()
        self._begun = True
        return True

    def _digest_of(self, part: Part) -> Digest:
        """The digest of what is in the part, which is read once for all requests of an attempt."""
        known = self.part_digest
        if known is None or known.length != part.length:
            digest = Digest(self._target.checksum)
            with cpu.anywhere():
                for block in part.blocks():
                    digest.update(block)
                    self._transfer.check()
            known = self.part_digest = PartDigest(part.length, digest)
        return known.digest.copy()

    def _expect(self, total: int | None, head: Response) -> None:
        """Check what the head says about the body, before the body comes."""
        try:
            self._expectations.check_type(head.headers.get("Content-Type"))
            if total is not None:
                self._expectations.check_not_too_large(total)
                self._expectations.check_whole_size(total)
        except TargetError:
            self._drop()
            raise
        self._total = self._transfer.size = total
        self._on_wanted(head)

    def _begin(self, part: Part, first: int) -> None:
        metadata = None
        head = self.answer
        # A body that came whole with its first bytes leaves nothing to continue.
        if head is not None and first != self._total:
            validator = strong_validator(head.headers)
            if validator is not None:
                modified = head.headers.get("Last-Modified", "")
                metadata = PartMetadata(
                    self._target.identity,
                    validator,
                    head.url.identity,
                    self._total or 0,
                    modified,
                )
        part.begin(self._total, metadata)
        self._begun = True

    def _wanted_answer(self) -> Response:
        """The head of an answer with the content. Raises `TargetError` for any other."""
        head = self.answer
        if head is None:
            raise TargetError(Failure.INTERNAL, "a transfer without an answer (please report it)")
        status = f"{head.status} {head.reason}".rstrip()
        if head.status >= 400:
            if head.status in _GONE and not self._part_is_of_another_mirror(head):
                self._drop()
            raise TargetError(Failure.HTTP, status)
        if head.status == 206 and not self._transfer.resumed:
            detail = "the answer is 206 Partial Content, though the whole was asked for"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        if head.status not in _WHOLE and head.status != 206:
            raise TargetError(Failure.WRONG_CONTENT, f"the answer {status} brings no content")
        return head

    def _part_is_of_another_mirror(self, head: Response) -> bool:
        """Whether this answer says nothing about the part, which came from another mirror."""
        note = self._continued
        if note is None or not self._target.mirrors:
            return False
        return head.url.identity != note.answered_by

    def _drop(self) -> None:
        if self._part:
            self._part.drop()
