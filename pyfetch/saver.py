"""The receiver of a body that is wanted whole: judges the head, hashes, and writes the part."""

from __future__ import annotations

from pyfetch.checksum import Digest
from pyfetch.model import Failure, FileFacts, Settings, Target, TargetError
from pyfetch.part import Note, Part
from pyfetch.ranges import contradicts, modified_at, parse_content_range, strong_validator
from pyfetch.transfer import Transfer
from pyfetch.transport import Head
from pyfetch.units import format_size

_GONE = frozenset({404, 410})


class Saver:
    """What one GET is pushed to. `part` is None where the body is only counted.

    `continued` is what is known of the part if the request asked for the rest of it.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        transfer: Transfer,
        part: Part | None,
        continued: Note | None = None,
        *,
        conditional: bool = False,
    ) -> None:
        self._settings = settings
        self._transfer = transfer
        self._part = part
        self._continued = continued
        self._conditional = conditional
        self._begun = False
        self._demanded = target.checksum
        self._digest = Digest(target.checksum)
        self._total: int | None = None
        self.answer: Head | None = None
        """The head of the answer, once there is one."""
        self.start_again = False
        """Whether the answer is no way to continue: ask for the whole."""
        self.unchanged = False
        """Whether the answer to a condition is that the file is as it was."""
        transfer.received = transfer.resumed = 0
        transfer.size = None
        if continued and part:
            for block in part.blocks():
                self._digest.update(block)
                transfer.check()

    @property
    def sha256(self) -> str:
        return self._digest.sha256

    def head(self, head: Head) -> bool:
        """Whether the body is wanted. Raises `TargetError` where it is known to be too large."""
        self.answer = head
        self.unchanged = head.status == 304 and self._conditional
        if self._continued:
            if head.status == 206 and self._goes_on(head, self._continued):
                return True
            if head.status in (206, 416):
                self.start_again = True
                return False
            if not 200 <= head.status < 300:
                return False
            self._digest = Digest(self._demanded)
        if not 200 <= head.status < 300 or head.status == 206:
            return False
        self._expect(head.length)
        return True

    def chunk(self, data: bytes) -> None:
        self._refuse_larger_than_wanted(self._transfer.received)
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
        mismatch = self._digest.mismatch()
        if mismatch:
            if self._part:
                self._part.drop()
            raise TargetError(Failure.CHECKSUM, mismatch)
        if not self._part:
            return None
        if not self._begun:
            self._begin(self._part, 0)
        self._transfer.check()
        modified = modified_at(head.headers)
        modified_ns = self._part.commit(replace=replace, modified=modified)
        return FileFacts(
            size=received,
            modified_ns=modified_ns,
            etag=head.headers.get("ETag"),
            last_modified=head.headers.get("Last-Modified") if modified is not None else None,
            sha256=self._digest.sha256,
        )

    def _goes_on(self, head: Head, note: Note) -> bool:
        """Go on with the part, if this 206 is its rest and nothing else (RFC 9110, 15.3.7)."""
        part = self._part
        found = parse_content_range(head.headers.get("Content-Range"))
        if part is None or found is None or contradicts(head.headers, note.validator):
            return False
        if (found.first, found.last + 1, found.total) != (part.length, note.total, note.total):
            return False
        self._transfer.received = self._transfer.resumed = part.length
        self._expect(note.total)
        part.go_on()
        self._begun = True
        return True

    def _expect(self, total: int | None) -> None:
        if total is not None:
            self._refuse_larger_than_wanted(total)
        self._total = self._transfer.size = total

    def _begin(self, part: Part, first: int) -> None:
        head = self.answer
        # What came whole with its first bytes has nothing to continue: it needs no note.
        whole = first == self._total or head is None
        part.begin(None if whole or head is None else strong_validator(head.headers), self._total)
        self._begun = True

    def _wanted_answer(self) -> Head:
        """The head of an answer that brings the content. Raises `TargetError` for others."""
        head = self.answer
        if head is None:
            raise TargetError(Failure.INTERNAL, "a transfer without an answer (please report it)")
        said = f"{head.status} {head.reason}".rstrip()
        if head.status >= 400:
            if self._part and head.status in _GONE:
                self._part.drop()
            raise TargetError(Failure.HTTP, said)
        if not 200 <= head.status < 300:
            raise TargetError(Failure.WRONG_CONTENT, f"the answer {said} brings no content")
        if head.status == 206 and not self._transfer.resumed:
            detail = "the answer is 206 Partial Content, though the whole was asked for"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        return head

    def _refuse_larger_than_wanted(self, size: int) -> None:
        limit = self._settings.max_size
        if limit is not None and size > limit:
            if self._part:
                self._part.drop()
            raise TargetError(
                Failure.TOO_LARGE, f"larger than the {format_size(limit)} of --max-size"
            )
