"""Where a chain of requests for one target stands: redirects, and one that is made anew."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from http.cookiejar import CookieJar


class Chain(NamedTuple):
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
