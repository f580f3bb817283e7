"""Whether a host can be reached: failed connections and silence in a row. Pure."""

from __future__ import annotations

import math
from enum import Enum

SEVERAL = 3
"""After this many failures in a row a host is suspect: only probes are sent to it."""
SILENT_PROBES = 4
"""Probes at once to a host that accepts connections and does not answer."""
MOST_SILENT = 10
"""A host counts as down once this many probes, of different URLs, got no answer."""

_MOST_KEPT = 2048
"""Silent URLs that are kept apart: those of all workers together, and the probes."""


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
        "is_silent", "rounds",
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
        self.is_silent = False
        """Whether the host accepts connections, but has not answered several in a row."""

    @property
    def is_suspect(self) -> bool:
        """Whether only probes are sent to the host, until it answers."""
        return self.failures >= SEVERAL or self.is_silent

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
        self.is_silent = False

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
        self.is_silent = len(silent) >= SEVERAL
        if not self.is_silent:
            return Reach.GOES_ON
        self._silent_since = min(self._silent_since, now)
        return Reach.PROBE_OTHERS if self._probed < MOST_SILENT else Reach.DOWN
