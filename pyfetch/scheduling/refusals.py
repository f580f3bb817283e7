"""Whose trouble a refusal (429, 503) is: that of one URL, or that of its whole host. Pure."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

from pyfetch.scheduling.host_rate import COINCIDENCE

_TOO_MANY_REQUESTS = 429
_REMEMBERED = 64
"""Refused URLs that are remembered for a host, at most."""


class Blame(Enum):
    """Whom a refusal concerns."""

    URL = "the URL alone"
    UNSURE = "the host, unless it serves another URL soon"
    HOST = "the host"


class _Refused:
    """A URL that was refused."""

    __slots__ = ("at", "is_its_own")

    def __init__(self, at: float) -> None:
        self.at = at
        """When it was refused last, in seconds."""
        self.is_its_own = False
        """Whether the host served other URLs between two refusals of this one."""


class Refusals:
    """The URLs that one host refused lately. Each has the index of its target as its name.

    A URL's trouble is that URL's until other URLs of its host have it too:

    - A 503 is the host's if another URL was refused just before, and no request that was sent
      after that one has been served.
    - A 429 speaks of the number of requests, so it is the host's at once. But if it is the only
      one for a while, and the host serves another URL soon, it was the URL's.
    - A URL that is refused again, after the host has served others, has a trouble of its own.
      Where a host limits the number of requests, it refuses now this URL, now that.
    """

    __slots__ = ("_refused", "_served")

    def __init__(self) -> None:
        self._refused: OrderedDict[int, _Refused] = OrderedDict()
        """The URL that was refused last is the last one."""
        self._served = -float("inf")
        """When the newest of the requests was sent that were served."""

    def __contains__(self, index: int) -> bool:
        return index in self._refused

    def served(self, began: float) -> None:
        """The host has served a request that was sent at this time."""
        self._served = max(self._served, began)

    def judge(self, index: int, status: int | None, now: float) -> Blame:
        """Say whom this refusal concerns, and remember it."""
        before = self._refused.get(index)
        if before is not None and (before.is_its_own or self._served > before.at):
            before.at, before.is_its_own = now, True
            return Blame.URL
        others = [
            refused.at
            for other, refused in self._refused.items()
            if other != index and not refused.is_its_own and now - refused.at < COINCIDENCE
        ]
        self._refused[index] = _Refused(now)
        self._refused.move_to_end(index)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)
        if status == _TOO_MANY_REQUESTS:
            return Blame.HOST if others else Blame.UNSURE
        return Blame.HOST if any(at > self._served for at in others) else Blame.URL

    def all_explained(self) -> bool:
        """Whether each of the URLs that were refused has a trouble of its own."""
        return all(refused.is_its_own for refused in self._refused.values())
