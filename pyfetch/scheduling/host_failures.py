"""What failures say of a host: whether it can be reached, and whom its refusals concern. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from enum import Enum

from pyfetch.scheduling.host_rate import COINCIDENCE

SEVERAL = 3
"""So many failures in a row make a host suspect: then only probes are sent."""
SILENT_PROBES = 4
"""Probes at once to a host that accepts connections and does not answer."""
MOST_SILENT = 10
"""Probes of different URLs that must meet silence before a host counts as down for all URLs."""

_MOST_KEPT = 2048
"""Silent URLs that are kept apart: those of all workers together, and the probes."""
_TOO_MANY_REQUESTS = 429
_REMEMBERED = 64
"""Refused URLs that are remembered for a host, at most."""


class Reach(Enum):
    """What follows from a failure to reach a host."""

    GOES_ON = "nothing yet"
    PAUSE = "wait, then send one probe"
    PROBE_OTHERS = "send a few probes for other URLs"
    DOWN = "the host is down"


class Reachability:
    """Counts the failures in a row of one host.

    A connection that fails is the host's failure. Silence after a connection was accepted is the
    failure of one URL: the host counts as down only if many URLs, from all over the queue, meet
    the same.
    """

    __slots__ = (
        "_down_at", "_probed", "_retries", "_silent", "_silent_since", "answers", "failures",
        "rounds",
    )  # fmt: skip

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self.answers = False
        """Whether the host answered the last request."""
        self.failures = 0
        """Failed connections in a row."""
        self.rounds = 0
        """The same, but connections that were under way together count as one."""
        self._down_at = -math.inf
        """When the last failed connection that counts as a round of its own ended."""
        self._silent: set[int] | None = None
        """URLs that met silence since the last answer; None: none."""
        self._silent_since = math.inf
        """When several URLs in a row had met silence: what is sent from then on are probes."""
        self._probed = 0
        """How many of the silent URLs were probes."""

    @property
    def is_suspect(self) -> bool:
        """Whether the host is probed only, until it answers."""
        return self.failures >= SEVERAL or self.is_silent

    @property
    def is_silent(self) -> bool:
        """Whether the host accepts connections, but has not answered several in a row."""
        return self._silent is not None and len(self._silent) >= SEVERAL

    @property
    def in_a_row(self) -> int:
        """Failures in a row, of both kinds."""
        return self.failures + len(self._silent or ())

    def has_met_silence(self, index: int) -> bool:
        """Whether the URL with this index met silence since the last answer."""
        return self._silent is not None and index in self._silent

    def answered(self) -> None:
        """The host has answered a request."""
        self.answers = True
        self.failures = self.rounds = self._probed = 0
        self._silent = None
        self._silent_since = math.inf

    def failed(self, now: float, began: float) -> Reach:
        """A connection that was begun at `began` has failed, or the name was not found."""
        self.answers = False
        self.failures += 1
        if began >= self._down_at:
            self.rounds += 1
            self._down_at = now
        elif self.failures != SEVERAL:
            return Reach.GOES_ON  # begun before the last one that counts: it says nothing new
        if self.failures < SEVERAL:
            return Reach.GOES_ON
        return Reach.PAUSE if self.rounds <= self._retries else Reach.DOWN

    def met_silence(self, now: float, began: float, index: int) -> Reach:
        """The URL with this index got no answer over a connection that was accepted."""
        if self.answers:
            return Reach.GOES_ON  # the host is alive
        silent = self._silent = self._silent or set()
        if index not in silent and len(silent) < _MOST_KEPT:
            silent.add(index)
            self._probed += began >= self._silent_since
        if not self.is_silent:
            return Reach.GOES_ON
        self._silent_since = min(self._silent_since, now)
        return Reach.PROBE_OTHERS if self._probed < MOST_SILENT else Reach.DOWN


class Blame(Enum):
    """Whom a refusal concerns."""

    URL = "the URL alone"
    UNSURE = "the host, unless it serves another URL soon"
    HOST = "the host"


class _RefusedUrl:
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
        self._refused: OrderedDict[int, _RefusedUrl] = OrderedDict()
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
        self._refused[index] = _RefusedUrl(now)
        self._refused.move_to_end(index)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)
        if status == _TOO_MANY_REQUESTS:
            return Blame.HOST if others else Blame.UNSURE
        return Blame.HOST if any(at > self._served for at in others) else Blame.URL

    def all_explained(self) -> bool:
        """Whether each of the URLs that were refused has a trouble of its own."""
        return all(refused.is_its_own for refused in self._refused.values())
