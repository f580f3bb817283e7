"""What an answer is: the whole file, the rest of a part, or of no use. Pure."""

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.headers import is_slice, parse_content_range
from pyfetch.http.response import ResponseHead
from pyfetch.http.validators import is_of_another_version, is_same_etag
from pyfetch.models import Failure, TargetError
from pyfetch.urls import without_query

if TYPE_CHECKING:  # loaded where files are kept only
    from pyfetch.storage.parts import PartMetadata

_WHOLE = frozenset({200, 203})
"""Statuses whose body is the whole content (RFC 9110, section 15.3)."""
_REFUSING = frozenset({400, 403, 405, 409, 412, 416, 417, 431, 501})
"""Statuses with which servers refuse a range or a condition, rightly or wrongly."""


_GONE = frozenset({404, 410})


class Verdict(Enum):
    """What an answer is."""

    WHOLE = "its body is the whole file"
    REST = "its body is the rest of the part"
    UNCHANGED = "the file is as it was"
    ASK_AGAIN = "it is of no use: ask for the whole, without range and conditions"
    NO_FILE = "its body is no file"


class Conditions(NamedTuple):
    """Asks whether the existing file has changed (RFC 9110, section 13.1)."""

    fields: dict[str, str]
    """The header fields: `If-None-Match`, `If-Modified-Since`."""
    answered_by: str
    """Identity of the URL that the validators came from."""
    size: int
    """Size of the existing file, in bytes."""

    def are_met_by(self, head: ResponseHead) -> bool:
        """Whether a 304 is about the existing file.

        It is if the URL that answers is the one that the validators came from. A link that is
        signed anew each time has another query: then ETag and length have to agree.
        """
        if head.url.identity == self.answered_by:
            return True
        etag, found = self.fields.get("If-None-Match"), head.headers.get("etag")
        if etag is None or found is None or not is_same_etag(etag, found):
            return False
        # Some servers send 0 with a 304, though they must not (RFC 9110, section 8.6).
        length = head.headers.get("content-length", "0").strip()
        same_length = length in ("0", str(self.size))
        return same_length and without_query(head.url.identity) == without_query(self.answered_by)


_ANSWER_IS_WHOLE = Verdict.WHOLE
"""Looked up once: a member of an enum takes thirty times as long as a global name."""


class Question(NamedTuple):
    """What one request asks for."""

    part: "PartMetadata | None" = None
    """The part whose rest is asked for."""
    part_length: int = 0
    """Bytes that the part has."""
    conditions: Conditions | None = None
    checksum_decides: bool = False
    """Whether the list demands a checksum of the file."""
    is_second: bool = False
    """Whether an earlier answer was `ASK_AGAIN`."""
    distrusts_500: bool = False
    """Whether a 500 is taken for a refusal of the range or the condition."""
    wants_no_coding: bool = False
    """Whether the rest of a part is asked for without a coding, though a whole body is not."""

    @property
    def fields(self) -> dict[str, str]:
        """The header fields of the request; none to ask for the whole file."""
        fields = dict(self.conditions.fields) if self.conditions else {}
        if self.part:
            fields["Range"] = f"bytes={self.part_length}-"
            if self.part.validator:
                fields["If-Range"] = self.part.validator
            if self.wants_no_coding:
                fields["Accept-Encoding"] = "identity"
        return fields

    def verdict(self, head: ResponseHead) -> Verdict:
        """What the answer with this head is."""
        status, content_range = head.status, head.headers.get("content-range")
        asked_for_more = self.part is not None or self.conditions is not None
        if status == 304 and self.conditions and self.conditions.are_met_by(head):
            return Verdict.UNCHANGED
        if status in _WHOLE and not is_slice(content_range, head.length):
            return _ANSWER_IS_WHOLE
        if status == 206 and self._is_rest(head):
            return Verdict.REST
        if status == 206 and not self.part and _is_all(content_range, head.length):
            return Verdict.WHOLE
        if status in _WHOLE or status == 206:
            return Verdict.NO_FILE if self.is_second else Verdict.ASK_AGAIN
        refuses = status in _REFUSING or status == 304 or (status == 500 and self.distrusts_500)
        return Verdict.ASK_AGAIN if asked_for_more and refuses else Verdict.NO_FILE

    def is_about_part(self, head: ResponseHead) -> bool:
        """Whether the URL that answers is the one that the part came from.

        A link that is signed anew each time has another query: then a strong ETag, which a 206 has
        to repeat, and the total length have to agree, unless a demanded checksum decides.
        """
        part = self.part
        if part is None or head.url.identity == part.answered_by:
            return part is not None
        is_known = part.validator.startswith('"') and part.total > 0
        return (is_known or self.checksum_decides) and (
            without_query(head.url.identity) == without_query(part.answered_by)
        )

    def is_gone(self, head: ResponseHead, *, has_mirrors: bool) -> bool:
        """Whether the answer says that the file is gone, so that a part of it is of no use.

        If the part came from another mirror, the answer is not about it.
        """
        is_of_another_mirror = has_mirrors and self.part and not self.is_about_part(head)
        return head.status in _GONE and not is_of_another_mirror

    def _is_rest(self, head: ResponseHead) -> bool:
        """Whether this 206 is exactly the rest of the part (RFC 9110, section 15.3.7)."""
        part = self.part
        found = parse_content_range(head.headers.get("content-range"))
        if part is None or found is None or not self.is_about_part(head):
            return False
        if is_of_another_version(head.headers, part.validator, part.representation):
            return False
        is_to_the_end = found.last + 1 == found.total
        return found.first == self.part_length and is_to_the_end and part.total in (0, found.total)


FOR_ALL = Question()
"""Asks for the whole file, without range and conditions, as most requests do."""


def why_no_file(head: ResponseHead | None) -> TargetError:
    """Why the body of an answer is not wanted. None: there is no answer."""
    if head is None:
        return TargetError(Failure.INTERNAL, "a transfer without an answer (please report it)")
    status = f"{head.status} {head.reason}".rstrip()
    if head.status >= 400:
        return TargetError(Failure.HTTP, status)
    content_range = head.headers.get("content-range")
    if head.status in (200, 203, 206):
        of = f" ({content_range})" if content_range else ""
        detail = f"the answer {status} has only a part{of}, though the whole was requested"
        return TargetError(Failure.WRONG_CONTENT, detail)
    return TargetError(Failure.WRONG_CONTENT, f"the answer {status} has no content")


def _is_all(content_range: str | None, length: int | None) -> bool:
    """Whether a 206 to a request without a range brings the whole file."""
    found = parse_content_range(content_range)
    return found is not None and found.is_whole and length in (None, found.total)
