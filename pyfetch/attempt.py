"""How an attempt ended: what a worker tells the scheduler, which decides what follows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.models import FileFacts, HostSignal, Result
from pyfetch.urls import Url

if TYPE_CHECKING:
    from http.cookiejar import CookieJar


class RedirectState(NamedTuple):
    """The next request of an attempt, and what the redirects before it have left."""

    url: Url
    """What to ask for."""
    followed: int = 0
    """Redirects so far."""
    away: bool = False
    """Whether a redirect has ever left the origin that the credentials are meant for."""
    cookies: Mapping[str, CookieJar] = MappingProxyType({})
    """By origin, the cookies that it set on the way; they go to no other."""
    asked: frozenset[tuple[str, str]] = frozenset()
    """URL and cookies of the requests so far: the same once more would be a loop."""
    whole: bool = False
    """Ask for the whole, without conditions and ranges: with them it was of no use."""

    @property
    def origin(self) -> str:
        """`scheme://host:port` of the next request."""
        return self.url.origin


class Attempt(NamedTuple):
    """How one attempt ended."""

    result: Result
    """The target's result, unless the attempt goes on or another one follows."""
    sign: HostSignal = HostSignal.NONE
    """What the attempt tells about the host that was asked."""
    asked_wait: float | None = None
    """Seconds for which that host wants no more requests; None if it does not say."""
    facts: FileFacts | None = None
    """What the state has to note about the file; None: nothing new."""
    chain: RedirectState | None = None
    """The next request, if the attempt goes on."""
    path: str | None = None
    """Path of the file below the output directory; None: the target's own."""
