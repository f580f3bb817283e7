"""What an error of a server of buckets means: for the run, or for one URL. Pure."""

from __future__ import annotations

import re

from pyfetch.errors import StoppedError
from pyfetch.http.s3_errors import code_of
from pyfetch.models import Failure, TargetError
from pyfetch.text import masked

_STATUS = re.compile(r"status code: (\d{3})")
_WHY = re.compile(r"<Message>([^<]{1,200})</Message>")
_OF_ALL_OBJECTS = frozenset({
    "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidBucketName", "InvalidToken",
    "NoSuchBucket", "TokenRefreshRequired",
})  # fmt: skip
"""Codes whose status is 4xx, and which say nothing of the one object."""
_FULL = re.compile("Quota|StorageFull|InsufficientStorage")


class ConditionFailed(Exception):  # noqa: N818 - an answer, not an error
    """The object is there though it must not be, or is another version than it must be."""


def meaning_of(
    shown: str, text: str, *, writes: bool, is_denied: bool = False
) -> StoppedError | TargetError:
    """The error for what a server or its client has said of an object."""
    status, code, why = _STATUS.search(text), code_of(text), _WHY.search(text)
    number = int(status[1]) if status else 0
    parts = (f"HTTP {number}" if number else "", code, f"({masked(why[1])})" if why else "")
    said = " ".join(part for part in parts if part)
    what = f"cannot {'write' if writes else 'read'} {shown}: "
    if number == 507 or _FULL.search(code):
        return StoppedError(
            f"{what}{said} (the bucket is full: make room, and run the same command again to go on)"
        )
    if is_denied:
        return StoppedError(
            f"{what}access denied{f', {said}' if said else ''} (check the credentials and what they"
            " allow, and run the same command again)"
        )
    if 400 <= number < 500 and number not in (408, 429) and code not in _OF_ALL_OBJECTS:
        return TargetError(Failure.DISK, f"{what}{said}")
    said = said or masked(_first_cause(text))
    return StoppedError(f"{what}{said} (run the same command again to go on)")


def _first_cause(text: str) -> str:
    line = text.splitlines()[0] if text else "no answer"
    return line if len(line) <= 300 else f"{line[:300]}…"
