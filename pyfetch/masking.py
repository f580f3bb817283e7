"""Credentials in URLs, made invisible wherever a URL or a text with URLs is shown."""

from __future__ import annotations

import re

from pyfetch.pattern import pattern
from pyfetch.urls import origin_of

MASK = "***"

# In a text a URL ends at a blank; its authority ends at `/`, `?` or `#` (RFC 3986, 3.2).
# Only ASCII counts: any other space may be part of a password.
_USERINFO = pattern(r"(?<=//)[^/?#\x00-\x20]*@")
_NOT_IN_A_URL = pattern(r"[\x00-\x20\\]")
_ALL_BEFORE_AT = pattern(r"(?<=//).*@", re.DOTALL)


def masked(text: str) -> str:
    """The same text with `***` for the user and password of each URL in it."""
    return _USERINFO.sub(f"{MASK}@", text) if "@" in text else text


def masked_url(url: str) -> str:
    """The same for one URL, which may be none: then as much is hidden as could be a password."""
    if "@" not in url:
        return url
    try:
        origin_of(url)
        whole = not _NOT_IN_A_URL.search(url)
    except ValueError:
        whole = False
    if not whole:
        found = _ALL_BEFORE_AT.sub(f"{MASK}@", url)
        return found if found != url else f"{MASK}@{url.rpartition('@')[2]}"
    return masked(url)
