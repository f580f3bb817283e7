"""What failures tell about a host: can it be reached? Are refusals about it or one URL? Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from enum import Enum

from pyfetch.scheduling.host_limits import COINCIDENCE

SEVERAL = 3
"""After this many failures in a row a host is suspect: only probes are sent to it."""
SILENT_PROBES = 4
"""Probes at once to a host that accepts connections and does not answer."""
MOST_SILENT = 10
"""A host counts as down once this many probes, of different URLs, got no answer."""

_MOST_KEPT = 2048
"""Unanswered URLs that are remembered for a host, at most."""
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

    A connection that fails is a failure of the host. If a host accepts a connection and then does
    not answer, that is a failure of one URL: the host counts as down only if many URLs, drawn from
    the whole queue, get no answer either.
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
        """The same, but connections that were made at the same time count as one."""
        self._down_at = -math.inf
        """When the last failed connection that began a new round ended."""
        self._silent: set[int] | None = None
        """Indexes of URLs that got no answer since the last answer of the host; None: none."""
        self._silent_since = math.inf
        """Since when the host counts as silent: requests that begin later are probes."""
        self._probed = 0
        """How many of the URLs that got no answer were probes."""

    @property
    def is_suspect(self) -> bool:
        """Whether only probes are sent to the host, until it answers."""
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
        """Whether the URL with this index got no answer since the last answer of the host."""
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
            return Reach.GOES_ON  # it began before the last one failed: it tells nothing new
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
    """What a refusal is about."""

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
    """The URLs that one host refused lately, by the indexes of their targets.

    A refusal is about one URL, unless other URLs of the host are refused as well:

    - A 503 is about the host if another URL was refused just before, and the host has served no
      request that was sent after that.
    - A 429 is about the number of requests, so it is about the host. But if it is the only one for
      a while, and the host serves another URL soon, it was about the URL.
    - If a URL is refused again after the host has served others, that is about the URL: a host
      that limits the number of requests would refuse different URLs.
    """

    __slots__ = ("_refused", "_served")

    def __init__(self) -> None:
        self._refused: OrderedDict[int, _RefusedUrl] = OrderedDict()
        """In the order of their last refusals."""
        self._served = -float("inf")
        """When the newest request that was served had been sent."""

    def __contains__(self, index: int) -> bool:
        return index in self._refused

    def served(self, began: float) -> None:
        """The host has served a request that was sent at this time."""
        self._served = max(self._served, began)

    def judge(self, index: int, status: int | None, now: float) -> Blame:
        """Say what this refusal is about, and remember it."""
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
        """Whether all the refusals were about single URLs."""
        return all(refused.is_its_own for refused in self._refused.values())
