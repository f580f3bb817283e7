"""What an error of a server of buckets means: for the run, or for one URL. Pure."""

from __future__ import annotations

import re

from pyfetch.errors import StoppedError
from pyfetch.models import Failure, TargetError
from pyfetch.text import masked

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_WHY = re.compile(r"<Message>([^<]{1,200})</Message>")


class ConditionFailed(Exception):  # noqa: N818 - an answer, not an error
    """The object is there though it must not be, or is another version than it must be."""


def meaning_of(
    shown: str, text: str, *, writes: bool, is_denied: bool = False
) -> StoppedError | TargetError:
    """The error for what a server or its client has said of an object."""
    status = _STATUS.search(text)
    code, why = _CODE.search(text), _WHY.search(text)
    said = " ".join(
        part
        for part in (
            f"HTTP {status[1]}" if status else "",
            code[1] if code else "",
            f"({masked(why[1])})" if why else "",
        )
        if part
    )
    what = f"cannot {'write' if writes else 'read'} {shown}: "
    if is_denied:
        return StoppedError(
            f"{what}access denied{f', {said}' if said else ''} (check the credentials and what they"
            " allow, and run the same command again)"
        )
    if status and status[1].startswith("4") and status[1] not in ("408", "429"):
        return TargetError(Failure.DISK, f"{what}{said}")
    said = said or masked(_first_cause(text))
    return StoppedError(f"{what}{said} (run the same command again to go on)")


def _first_cause(text: str) -> str:
    line = text.splitlines()[0] if text else "no answer"
    return line if len(line) <= 300 else f"{line[:300]}…"
