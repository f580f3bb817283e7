"""Why a part does not go on, and why a file is fetched anew: for the log alone. Pure."""

from __future__ import annotations

from pyfetch.engine.verdict import Question, Verdict
from pyfetch.headers import parse_content_range
from pyfetch.http.response import ResponseHead
from pyfetch.http.validators import is_as_recorded, is_of_another_version
from pyfetch.models import Target
from pyfetch.storage.existing import Status
from pyfetch.units import format_size


def about_answer(question: Question, head: ResponseHead, verdict: Verdict) -> str:
    """What an answer means for the part or for the file that is there; empty if nothing."""
    if question.part:
        if verdict is Verdict.REST:
            return f"the part goes on at {format_size(question.part_length)}"
        return f"the part does not go on: {_why_not_rest(question, head)}"
    if question.conditions and verdict is Verdict.WHOLE:
        return "the file is fetched anew: the server has another version now"
    if question.conditions and verdict is Verdict.ASK_AGAIN:
        return f"asked once more without conditions: the answer was {head.status}"
    return ""


def _why_not_rest(question: Question, head: ResponseHead) -> str:
    """Why an answer to a request for the rest of a part is not that."""
    part = question.part
    assert part  # noqa: S101 - the rest of it was asked for
    if head.status in (200, 203):
        return f"the server sends the whole ({head.status}): it has another version, or no ranges"
    if head.status != 206:
        return f"the answer is {head.status} {head.reason}".rstrip()
    found = parse_content_range(head.headers.get("content-range"))
    if found is None:
        return "the 206 does not say which range it brings"
    if not question.is_about_part(head):
        return "the URL that answers is not the one that the part came from"
    if is_of_another_version(head.headers, part.validator, part.representation):
        return "ETag, date, coding or type of the 206 are not those of the part"
    return f"the 206 brings bytes {found.first} to {found.last}, not the rest of the part"


def without_conditions(target: Target, status: Status) -> str:
    """Why the server cannot be asked whether a file that is there has changed."""
    known = target.known
    if known.facts is None:
        return "pyfetch knows nothing of it"
    if not is_as_recorded(known, status.st_size, status.st_mtime_ns):
        return "it was changed since pyfetch wrote it"
    return "the server had given neither ETag nor date"
