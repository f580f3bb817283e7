"""The receiver of a body that is wanted whole: judges the head, hashes, and writes the part."""

from __future__ import annotations

import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NoReturn

from pyfetch import cpu
from pyfetch.checksum import Digest
from pyfetch.http.client import Head
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
from pyfetch.storage.part_metadata import Note, Version
from pyfetch.text import format_size
from pyfetch.transfer import Transfer
from pyfetch.urls import identity_of

WHOLE = frozenset({200, 203})
"""The statuses whose body is what the URL stands for (RFC 9110, section 15.3)."""

_GONE = frozenset({404, 410})
# What servers answer, rightly or not, that do not like a range or a condition.
_REFUSING = frozenset({206, 304, 400, 412, 416, 501})


class BodyWriter:
    """What one GET is pushed to. `part` is None where the body is only counted.

    `continued` is what is known of the part if the request asks for the rest of it;
    `asked_of` is the URL whose validators the request's conditions are, if it has any.
    `wanted` is told of the head whose body will be the file, before that comes.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        transfer: Transfer,
        part: Part | None,
        continued: Note | None = None,
        asked_of: str | None = None,
        wanted: Callable[[Head], None] = lambda _: None,
    ) -> None:
        self._target = target
        self._settings = settings
        self._transfer = transfer
        self._part = part
        self._continued = continued
        self._asked_of = asked_of
        self._wanted = wanted
        self._begun = False
        self._digest = Digest(target.checksum)
        self._total: int | None = None
        self.answer: Head | None = None
        """The head of the answer, once there is one."""
        self.start_again = False
        """Whether the answer is of no use: ask for the whole, without conditions."""
        self.unchanged = False
        """Whether the answer to a condition is that the file is as it was."""
        transfer.received = transfer.resumed = 0
        transfer.size = None
        if continued and part:
            with cpu.anywhere():
                for block in part.blocks():
                    self._digest.update(block)
                    transfer.check()

    @property
    def sha256(self) -> str:
        return self._digest.sha256

    def head(self, head: Head) -> bool:
        """Whether the body is wanted. Raises `TargetError` where it is known not to fit."""
        self.answer = head
        if head.status == 304 and self._asked_of == identity_of(head.url):
            self.unchanged = True
            return False
        if self._continued and head.status == 206 and self._goes_on(head, self._continued):
            return True
        if head.status not in WHOLE:
            asked = self._continued or self._asked_of
            self.start_again = bool(asked) and head.status in _REFUSING
            return False
        if self._continued:
            self._continued = None
            self._digest = Digest(self._target.checksum)
        self._expect(head.length, head)
        return True

    def chunk(self, data: bytes | memoryview) -> None:
        received = self._transfer.received
        self._refuse_larger_than_wanted(received)
        if self._total is not None and received > self._total:
            self._drop()
            detail = f"the body goes on beyond its announced {self._total} bytes"
            raise TargetError(Failure.TRUNCATED, detail)
        self._digest.update(data)
        if self._part:
            if not self._begun:
                self._begin(self._part, len(data))
            self._part.write(data)

    def finish(self, *, replace: bool) -> FileFacts | None:
        """Give what has come its final name, with `replace` in place of a file that is there.

        Returns the facts of the file, None if none was to be kept. Raises `TargetError`
        if it is not what was wanted.
        """
        head = self._wanted_answer()
        received = self._transfer.received
        if self._total is not None and received != self._total:
            detail = f"the body ended after {received} of {self._total} bytes"
            raise TargetError(Failure.TRUNCATED, detail)
        self._refuse_another_length(received)
        mismatch = self._digest.mismatch()
        if mismatch:
            self._drop()
            raise TargetError(Failure.CHECKSUM, mismatch)
        if not self._part:
            return None
        if not self._begun:
            self._begin(self._part, 0)
        self._transfer.check()
        said_before = self._of_the_note()
        last_modified = head.headers.get("Last-Modified") or said_before.get("Last-Modified")
        etag = head.headers.get("ETag") or said_before.get("ETag")
        modified = modified_at(last_modified, head.headers.get("Date"), time.time())
        return FileFacts(
            size=received,
            modified_ns=self._part.commit(replace=replace, modified=modified),
            etag=etag if etag and is_etag(etag) else None,
            last_modified=last_modified if modified is not None else None,
            sha256=self._digest.sha256,
            answered_by=identity_of(head.url),
        )

    def _of_the_note(self) -> dict[str, str]:
        """What a 206 need not say again (RFC 9110, section 15.3.7)."""
        note = self._continued
        if note is None:
            return {}
        fields = {"Last-Modified": note.last_modified} if note.last_modified else {}
        return fields | ({"ETag": note.validator} if is_etag(note.validator) else {})

    def _goes_on(self, head: Head, note: Note) -> bool:
        """Go on with the part, if this 206 is its rest and nothing else (RFC 9110, 15.3.7)."""
        part = self._part
        found = parse_content_range(head.headers.get("Content-Range"))
        if part is None or found is None or contradicts(head.headers, note.validator):
            return False
        if identity_of(head.url) != note.answered_by:
            return False
        if (found.first, found.last + 1, found.total) != (part.length, note.total, note.total):
            return False
        self._transfer.received = self._transfer.resumed = part.length
        self._expect(note.total, head)
        part.go_on()
        self._begun = True
        return True

    def _expect(self, total: int | None, head: Head) -> None:
        expected = self._settings.expect_type
        if expected:
            found = head.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if not any(fnmatchcase(found, pattern.lower()) for pattern in expected):
                kind = f"of the type {found}" if found else "of no type"
                self._unwanted(f"it is {kind}, not {' or '.join(expected)} (--expect-type)")
        if total is not None:
            self._refuse_larger_than_wanted(total)
            self._refuse_another_length(total)
        self._total = self._transfer.size = total
        self._wanted(head)

    def _refuse_another_length(self, size: int) -> None:
        least = self._settings.min_size
        if size < least:
            self._unwanted(f"{size} bytes are less than the {least} of --min-size")
        expected = self._transfer.length
        if expected and size != expected.size:
            self._unwanted(f"{size} bytes, where {expected.said_by} says {expected.size}")

    def _unwanted(self, detail: str) -> NoReturn:
        self._drop()
        raise TargetError(Failure.WRONG_CONTENT, detail)

    def _begin(self, part: Part, first: int) -> None:
        version = None
        head = self.answer
        # What came whole with its first bytes has nothing to continue: it needs no note.
        if head is not None and first != self._total:
            validator = strong_validator(head.headers)
            if validator is not None:
                modified = head.headers.get("Last-Modified", "")
                version = Version(validator, identity_of(head.url), modified)
        part.begin(self._total, version)
        self._begun = True

    def _wanted_answer(self) -> Head:
        """The head of an answer that brings the content. Raises `TargetError` for others."""
        head = self.answer
        if head is None:
            raise TargetError(Failure.INTERNAL, "a transfer without an answer (please report it)")
        said = f"{head.status} {head.reason}".rstrip()
        if head.status >= 400:
            if head.status in _GONE and not self._came_from_another_mirror(head):
                self._drop()
            raise TargetError(Failure.HTTP, said)
        if head.status == 206 and not self._transfer.resumed:
            detail = "the answer is 206 Partial Content, though the whole was asked for"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        if head.status not in WHOLE and head.status != 206:
            raise TargetError(Failure.WRONG_CONTENT, f"the answer {said} brings no content")
        return head

    def _came_from_another_mirror(self, head: Head) -> bool:
        """Whether the part did, so that this answer says nothing of it."""
        note = self._continued
        if note is None or not self._target.mirrors:
            return False
        return identity_of(head.url) != note.answered_by

    def _refuse_larger_than_wanted(self, size: int) -> None:
        limit = self._settings.max_size
        if limit is not None and size > limit:
            self._drop()
            raise TargetError(
                Failure.TOO_LARGE, f"larger than the {format_size(limit)} of --max-size"
            )

    def _drop(self) -> None:
        if self._part:
            self._part.drop()
