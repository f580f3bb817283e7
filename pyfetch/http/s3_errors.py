"""What a server of S3 refuses a request with, and whether the same request may succeed later."""

from __future__ import annotations

import re

_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_DAMAGED = frozenset({
    "BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch", "XMinioContentChecksumMismatch",
})  # fmt: skip


def code_of(text: str) -> str:
    """The code in an answer that says what is wrong; empty: it has none."""
    found = _CODE.search(text)
    return found[1] if found else ""


def was_damaged(text: str) -> bool:
    """Whether the server says that a body was damaged or cut off on its way.

    Its status is 400 then, which else means that the same request would fail again.
    """
    return code_of(text) in _DAMAGED


class S3Error(Exception):
    """A server of S3 has refused a request, or could not be asked. The text has code and status."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status
        """Of the answer; 0: there was none."""

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        if self.status == 501:  # the server does not know how to
            return False
        is_passing = self.status in (0, 408, 409, 429) or self.status >= 500
        return is_passing or was_damaged(str(self))
