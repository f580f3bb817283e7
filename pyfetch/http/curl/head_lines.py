"""The lines of heads as libcurl passes them on for one request, and which head is the response's.

Before that come those of a proxy that was asked for a tunnel, and interim ones (RFC 9110, section
15.2); behind it comes the trailer of the body.
"""

from __future__ import annotations

from pyfetch.http.curl.head import EMPTY_LINES, is_complete, is_interim
from pyfetch.http.response_head import MAX_INTERIM, too_many_interim

_FINAL = (b"HTTP/1.1 2", b"HTTP/2 2")
"""Beginnings of heads that are no interim ones."""


class HeadLines:
    """What has come of heads. A handle has one, for one request after the other."""

    __slots__ = ("_has_heard_proxy", "_interim", "behind", "lines", "of_proxy")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        """Lines of heads and trailers, as they came."""
        self.of_proxy = 0
        """How many final heads are those of a proxy that was asked for a tunnel."""
        self._has_heard_proxy = False
        self._interim = 0
        """How many interim responses have come."""
        self.behind = 0
        """How many lines are of heads that were seen; what is more is a trailer, in the end."""

    def clear(self) -> None:
        """Forget what has come: another request begins."""
        self.lines.clear()
        self.of_proxy = self.behind = self._interim = 0
        self._has_heard_proxy = False

    def has_final(self) -> bool:
        """Whether the head of the response has come; others before it are passed over.

        Tells it once: what comes then is the trailer. Raises `BadHeadError` for too many interim
        responses: a server could send them without end.
        """
        lines, behind = self.lines, self.behind
        if not lines:
            return False
        last = lines[-1]  # libcurl does not pass on the empty line behind a trailer
        if last in EMPTY_LINES and not (behind or self.of_proxy) and lines[0].startswith(_FINAL):
            self.behind = lines.index(last) + 1  # as most are
            return True
        for end in range(behind, len(lines)):
            if lines[end] not in EMPTY_LINES:
                continue
            first, behind = lines[behind], end + 1
            self.behind = behind
            if is_interim(first):
                self._interim += 1
                if self._interim > MAX_INTERIM:
                    raise too_many_interim()
                continue
            if self.of_proxy and not self._has_heard_proxy:
                self._has_heard_proxy = True
                continue
            return True
        return False

    def size(self) -> int:
        """Bytes that have come of heads."""
        return sum(map(len, self.lines))

    def is_complete(self, size: int) -> bool:
        """Whether these lines, with so many bytes of a body, are a complete response."""
        return is_complete(self.lines, size)

    def tunnel(self) -> str:
        """Status and reason of the first head, if one begins: a proxy's answer to CONNECT."""
        if not self.lines:
            return ""
        line = self.lines[0].decode("latin-1").split(" ", 1)
        return line[1].strip() if len(line) > 1 else ""
