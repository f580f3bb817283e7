"""One attempt at one target as values: what it is to do, and how it ended.

Workers make attempts; the scheduler decides what follows from how they ended.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.checksum import Digest
from pyfetch.facts import FileFacts
from pyfetch.models import HostSignal, Length, Result, Target, TargetError
from pyfetch.timing import Entered, Try
from pyfetch.urls import Url
from pyfetch.value import Value

if TYPE_CHECKING:
    from http.cookiejar import CookieJar


class PartDigest(Value):
    """The digest of the bytes that an earlier attempt has left in a part."""

    length: int
    """Bytes that were in the part."""
    digest: Digest


class RedirectState(NamedTuple):
    """The next request of an attempt, and what is kept from the requests before it."""

    url: Url
    """URL of the request."""
    followed: int = 0
    """Redirects followed so far."""
    away: bool = False
    """Whether a redirect has led to another origin than that for which credentials are meant."""
    cookies: "Mapping[str, CookieJar]" = MappingProxyType({})
    """Cookies set on the way, by the origin that they go back to; see `pyfetch.http.cookies`."""
    asked: frozenset[tuple[str, str]] = frozenset()
    """Requests so far, as (URL, cookies): the same one again would be a loop."""
    logins: int = 0
    """Demands to log in that were answered in a row."""
    whole: bool = False
    """Whether to request the whole body, without range and conditions, as an answer was useless."""
    part_digest: PartDigest | None = None
    """The digest of the part that the attempt continues, if it was computed already."""

    @property
    def origin(self) -> str:
        """`scheme://host:port` of the next request."""
        return self.url.origin

    def __repr__(self) -> str:
        # Cookies are secrets.
        return f"RedirectState({self.url}, followed={self.followed})"


class Assignment(NamedTuple):
    """What one attempt is to do. Its job makes it; it never changes."""

    target: Target
    url: Url
    """The URL to request: the first one of the target, or a mirror."""
    length: Length | None
    """How many bytes the body must have, if anybody has said so."""
    number: int
    """Which attempt at the target this is, from 1."""
    started: float
    """When the first attempt at the target began, on the engine's clock, in seconds."""
    began: float
    """When this attempt began, on the same clock."""
    redirects: RedirectState | None = None
    """The next request, if the first one of the attempt was not enough."""
    refusal: TargetError | None = None
    """Why the host must not be asked; None: it may be."""
    failed_status: int | None = None
    """Status of the answer to the last attempt, if that was for this URL and failed."""
    resumed: int | None = None
    """Bytes of the body that were there before this run; None while no attempt brought any."""
    read: float | None = None
    """When the target began to wait for its first attempt, on the same clock."""
    tries: tuple[Try, ...] = ()
    """The attempts before this one."""
    phases: tuple[Entered, ...] = ()
    """What this attempt has done so far, if it began with a request that was not enough."""
    tried_since: float | None = None
    """When the first request of this attempt began, in that case."""

    @property
    def origin(self) -> str:
        """Origin (`scheme://host:port`) of the request with which the attempt begins."""
        return self.redirects.origin if self.redirects else self.url.origin

    @classmethod
    def first_of(cls, target: Target, now: float = 0.0) -> "Assignment":
        """The first attempt at a target, which begins now."""
        return cls(target, target.url, target.length, 1, now, now)


class Finished(NamedTuple):
    """The attempt is over."""

    result: Result
    """The result of the target, unless it is tried again."""
    sign: HostSignal = HostSignal.NONE
    """What the attempt tells about the host."""
    asked_wait: float | None = None
    """Seconds for which the host wants to be left alone; None if it does not say."""
    facts: FileFacts | None = None
    """New facts about the file; None if nothing has changed."""
    path: str | None = None
    """Where the file is, below the output directory; None: at the target's own path."""


class GoesOn(NamedTuple):
    """The host has answered, but the attempt needs another request, perhaps to another host."""

    redirects: RedirectState
    asked_wait: float | None = None
    """Seconds for which the host wants to be left alone; None if it does not say."""


class NotMade(Value):
    """The attempt could not be made, as this machine has no descriptor or thread left."""

    failed: Finished
    """How the attempt ends if that stays so."""


AttemptOutcome = Finished | GoesOn | NotMade
"""How one attempt ended."""
