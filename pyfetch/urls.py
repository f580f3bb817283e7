"""The origin of a URL: what connections, pauses and credentials belong to."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pyfetch.pattern import pattern

DEFAULT_PORTS = {"http": 80, "https": 443}

_WITHOUT_EITHER = re.compile(
    r"https?://[A-Za-z0-9._:-]+(?:/[^?#@\x00-\x20]*)?(?:\?[^#@\x00-\x20]+)?"
)
"""Plain URLs without credentials and fragment, which are their own identity."""
_PLAIN_AUTHORITY = re.compile(r"https?://[A-Za-z0-9.:-]+(?=[/?#]|\Z)")
"""What comes before it begins a URL, without credentials, and says all of its origin."""

_REMEMBERED = 1024


def origin_of(url: str) -> str:
    """`scheme://host:port` (RFC 6454, section 4).

    Raises `ValueError` where there is none. Its text shows nothing of the URL, since what
    was taken for a port or a host may be a part of a password.
    """
    plain = _PLAIN_AUTHORITY.match(url)
    return _origin_of(plain[0] if plain else url)


@lru_cache(_REMEMBERED)
def _origin_of(url: str) -> str:
    parts = _split(url)
    host, scheme = parts.hostname, parts.scheme.lower()
    if not host:
        raise ValueError("it names no host")
    if ":" in host:
        host = f"[{host}]"
    port: int | str | None = _port(parts)
    if port is None:
        port = DEFAULT_PORTS.get(scheme, "")
    if port == 0:
        raise ValueError("there is no port 0")
    return f"{scheme}://{host}:{port}"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("its host is no name and no address") from None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError("its port is no number up to 65535") from None


def identity_of(url: str) -> str:
    """The URL as what owns a name: without credentials, which are secret, and fragment."""
    if _WITHOUT_EITHER.fullmatch(url):
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


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
