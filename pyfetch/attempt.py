"""How an attempt ended: what a worker says of it to those who decide what follows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.models import FileFacts, HostSignal, Result

if TYPE_CHECKING:
    from http.cookiejar import CookieJar


class RedirectState(NamedTuple):
    """What is to be asked next, and what has come of the requests before it."""

    url: str
    origin: str
    """Of that URL."""
    followed: int = 0
    """Redirects so far."""
    away: bool = False
    """Whether it has ever left the origin for which credentials were meant."""
    cookies: Mapping[str, CookieJar] = MappingProxyType({})
    """By origin, what that has set on the way; it goes to no other."""
    asked: frozenset[tuple[str, str]] = frozenset()
    """What was asked already, as (URL, cookies): to ask it again would go round in a loop."""
    whole: bool = False
    """Whether conditions and ranges are of no use any more: the whole is asked for."""


class Attempt(NamedTuple):
    """How one attempt ended."""

    result: Result
    """What becomes of the target unless it is tried again or goes on."""
    sign: HostSignal = HostSignal.NONE
    """What it says of the host that was asked."""
    asked_wait: float | None = None
    """How long that host wants to be left alone, in seconds; None if it does not say."""
    facts: FileFacts | None = None
    """What is to be known of the file from now on; None where that does not change."""
    chain: RedirectState | None = None
    """Where it goes on, if it is not over."""
    path: str | None = None
    """Where the file is, below the output directory; None: where the target has it."""
