"""Whose trouble a refusal (429, 503) is: that of one URL, or that of its whole host. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from enum import Enum

from pyfetch.scheduling.host_limits import COINCIDENCE

_TOO_MANY_REQUESTS = 429
_REMEMBERED = 64
"""Refused URLs that are remembered for a host, at most."""
_MANY = 50
"""So many served URLs make one refusal before them say nothing of the host any more."""


class Blame(Enum):
    """Whom a refusal concerns."""

    URL = "the URL alone"
    UNSURE = "the host, unless it serves other URLs that were requested later"
    HOST = "the host"


class _RefusedUrl:
    """A URL that was refused."""

    __slots__ = ("at", "is_its_own", "served_before")

    def __init__(self, at: float, served_before: int) -> None:
        self.at = at
        """When it was refused last, in seconds."""
        self.is_its_own = False
        """Whether the host served other URLs between two refusals of this one."""
        self.served_before = served_before
        """How many requests the host had served before."""


class Refusals:
    """The URLs that one host refused lately. Each has the index of its target as its name.

    A URL's trouble is that URL's until other URLs of its host have it too:

    - A 503 is the host's if another URL was refused just before, and no request that was sent
      after that one has been served.
    - A 429 speaks of the number of requests, so it is the host's at once. But if the host serves
      as many other URLs as it has refused, which were requested after those, it was the URLs'.
      (A host that limits the number of requests refuses the later ones, too.)
    - A URL that is refused again, after the host has served others, has a trouble of its own.
      Where a host limits the number of requests, it refuses now this URL, now that.
    - Where one such URL is known, and many URLs are served for each that is refused, the next one
      is the same.
    """

    __slots__ = (
        "_in_a_row", "_newest_refused", "_newest_served", "_proof", "_refused", "_served",
        "_wanted",
    )  # fmt: skip

    def __init__(self) -> None:
        self._refused: OrderedDict[int, _RefusedUrl] = OrderedDict()
        """The URL that was refused last is the last one."""
        self._served = 0
        """How many requests were served since this host refused one for the first time."""
        self._newest_served = self._newest_refused = -math.inf
        """When the newest of the requests was sent that were served, or refused."""
        self._in_a_row = 0
        """Refusals that paused the host since a request was served which was sent after them."""
        self._proof = self._wanted = 0
        """Requests that were served though they were sent after all refused ones, and how many
        of them show that the refusals were the URLs' own."""

    def __contains__(self, index: int) -> bool:
        return index in self._refused

    @property
    def are_outweighed(self) -> bool:
        """Whether what was served since the last refusals shows that they were the URLs' own."""
        return self._proof >= self._wanted

    def is_shut(self, in_flight: int) -> bool:
        """Whether the host refuses all URLs. `in_flight`: requests of which that is not known."""
        return self._in_a_row > max(1, in_flight)

    def all_explained(self) -> bool:
        """Whether each of the URLs that were refused has a trouble of its own."""
        return all(refused.is_its_own for refused in self._refused.values())

    def served(self, began: float, index: int | None) -> None:
        """The host has served a request that was sent at this time, for this URL if it is known."""
        self._served += 1
        self._newest_served = max(self._newest_served, began)
        if began > self._newest_refused and index not in self._refused:
            self._proof += 1
            self._in_a_row = 0

    def judge(
        self, index: int, status: int | None, began: float, now: float, *, limit_is_known: bool
    ) -> Blame:
        """Say whom this refusal concerns, and remember it.

        `began`: when the request was sent. `limit_is_known`: whether the host has been found to
        limit the number of requests.
        """
        before = self._refused.get(index)
        if before is not None and (before.is_its_own or self._newest_served > before.at):
            before.at, before.is_its_own = now, True
            return Blame.URL
        some_are_their_own = any(each.is_its_own for each in self._refused.values())
        others = [
            refused
            for other, refused in self._refused.items()
            if other != index and not refused.is_its_own and now - refused.at < COINCIDENCE
        ]
        self._remember(index, now)
        if status != _TOO_MANY_REQUESTS and all(each.at <= self._newest_served for each in others):
            return Blame.URL
        if not limit_is_known:
            others = [each for each in others if self._served - each.served_before < _MANY]
            served_later = self._newest_served > began
            if not others and (some_are_their_own or served_later):
                return Blame.URL
        self._in_a_row += before is None
        self._proof, self._wanted = 0, len(others) + 1
        self._newest_refused = max(self._newest_refused, began)
        return Blame.HOST if len(others) >= (1 if limit_is_known else 2) else Blame.UNSURE

    def _remember(self, index: int, now: float) -> None:
        self._refused[index] = _RefusedUrl(now, self._served)
        self._refused.move_to_end(index)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)
