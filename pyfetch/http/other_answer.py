"""Answers that are not the content of a target, for an archive that keeps these, too."""

from __future__ import annotations

import time
from http.client import HTTPException
from typing import NamedTuple

from pyfetch.http.response import Response, ResponseHead
from pyfetch.transfer import Transfer

MOST_KEPT = 1024 * 1024
"""Bytes of such a body that are kept, at most."""
KEPT_WITHIN = 10.0
"""Seconds that such a body may take, at most: a server that drips must not hold up the run."""
_AT_ONCE = 64 * 1024


class OtherAnswer(NamedTuple):
    """A redirect, a demand to log in, an error: an answer with the body that came with it."""

    head: ResponseHead
    body: bytes
    cut_by: str | None
    """Why this is not all of the body, as WARC names it (`length`, `time`, `disconnect`,
    `unspecified`); None: it is all."""


class OtherBody:
    """Collects the body of such an answer."""

    __slots__ = ("_left", "cut_by", "data", "due")

    def __init__(self, length: int | None, seconds: float | None) -> None:
        """`length`: bytes that the server has announced, if it has. `seconds`: the timeout."""
        self.due = time.monotonic() + min(seconds or KEPT_WITHIN, KEPT_WITHIN)
        """When no more is waited for, on the monotonic clock."""
        self.data = bytearray()
        self.cut_by: str | None = None
        self._left = length
        """Bytes of it that are still to come; None: that is not known."""

    def put(self, data: bytes) -> bool:
        """Take a piece. Returns False if some of it was too much: then it takes no more."""
        taken = data
        if self._left is not None:
            taken = data[: self._left]
            self._left -= len(taken)
        room = MOST_KEPT - len(self.data)
        self.data += taken[:room]
        if len(taken) > room:
            self.cut_by = "length"
        return len(taken) == len(data) and not self.cut_by

    def cut_off(self, cut_by: str) -> None:
        """Note that no more of it comes, if it is not whole and was not cut off already."""
        if not self.cut_by and self._left != 0:
            self.cut_by = cut_by

    def answer(self, head: ResponseHead) -> OtherAnswer:
        """The answer with this head."""
        return OtherAnswer(head, bytes(self.data), self.cut_by)


def read_other(response: Response, transfer: Transfer, timeout: float | None) -> OtherAnswer:
    """Read the body of such an answer. An error of the connection only cuts it off.

    `timeout`: longest wait for a byte, in seconds.
    """
    body = OtherBody(response.length, timeout)
    if response.framing.error:  # nobody knows where it ends
        body.cut_by = "unspecified"
        return body.answer(response)
    transfer.steps += 1  # what comes now is timed anew
    transfer.wait_at_most(min(timeout or KEPT_WITHIN, KEPT_WITHIN))
    try:
        while (data := response.read(_AT_ONCE)) and body.put(data):
            if time.monotonic() > body.due:
                raise TimeoutError
        if response.left:
            body.cut_off("disconnect")
    except TimeoutError:
        body.cut_off("time")
    except (OSError, HTTPException):
        body.cut_off("disconnect")
    return body.answer(response)
