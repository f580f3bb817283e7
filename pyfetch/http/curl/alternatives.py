"""HTTP/3 where a server offers it by `Alt-Svc` (RFC 7838), at its own host and port alone."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from enum import Enum, auto

import pycurl

from pyfetch.http.response import ResponseHead
from pyfetch.http.route import Route

_OFFER = re.compile(r'(?:^|[,\s])h3="([^"]*)"([^,]*)')
_MAX_AGE = re.compile(r';\s*ma="?(\d{1,9})')
Authority = tuple[str, int]
"""Host and port of one that is asked over TLS, and without a proxy."""
_FOR_A_DAY = 24 * 60 * 60


class _OfferState(Enum):
    OFFERED = auto()
    TRIED = auto()
    """One request goes over a new connection, by HTTP/3 or, if that is not there, by another."""
    SPOKEN = auto()
    BROKEN = auto()


class Http3Offers:
    """Which origins offer HTTP/3, and whether it works. For the thread of the loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[Authority, _OfferState] = {}
        self._until: dict[Authority, float] = {}

    def heard(self, route: Route, field: str) -> None:
        """Take in the field `Alt-Svc` of a response."""
        if route.proxy or route.scheme != "https":
            return
        origin = (route.host, route.port)
        for authority, parameters in _OFFER.findall(field):
            host, _, port = authority.rpartition(":")
            if host.strip("[]").lower() in ("", route.host) and port == str(route.port):
                age = _MAX_AGE.search(parameters)
                self._until[origin] = self._clock() + (int(age[1]) if age else _FOR_A_DAY)
                self._states.setdefault(origin, _OfferState.OFFERED)
                return
        self._until.pop(origin, None)

    def answered(self, route: Route, response: ResponseHead, offered: int | None) -> None:
        """A response has come to a request that was given this version."""
        if offered is not None:
            self.ended(route, spoken=response.version == "3")
        offer = response.headers.get("alt-svc")
        if offer is not None:
            self.heard(route, offer)

    def version(self, route: Route) -> int | None:
        """The version that libcurl is told for the next request; None: the usual one."""
        if not self._states or route.proxy or route.scheme != "https":
            return None
        origin = (route.host, route.port)
        state = self._states.get(origin)
        if state is None or self._until.get(origin, -math.inf) < self._clock():
            return None
        if state is _OfferState.OFFERED:
            self._states[origin] = _OfferState.TRIED
            return int(pycurl.CURL_HTTP_VERSION_3)
        return int(pycurl.CURL_HTTP_VERSION_3ONLY) if state is _OfferState.SPOKEN else None

    def ended(self, route: Route, *, spoken: bool) -> None:
        """A request that was given a version was answered by HTTP/3, or in another way or not."""
        origin = (route.host, route.port)
        if self._states.get(origin) is not _OfferState.BROKEN:
            self._states[origin] = _OfferState.SPOKEN if spoken else _OfferState.BROKEN
