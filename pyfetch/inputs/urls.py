"""Which text is a URL that can be fetched, and what can be shown of one that is not."""

from __future__ import annotations

import re

from pyfetch.checksum import demanded_by
from pyfetch.models import Failure, TargetError
from pyfetch.pattern import pattern
from pyfetch.urls import DEFAULT_PORTS, MASK, origin_of

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(?:[/?#]|$))")
_WITHIN_AUTHORITY = pattern(r"([^/]*//)[^/?#]*\Z")
_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_NOT_IN_A_URL = pattern(r"[\x00-\x20\\\x7f-\xa0\u2028\u2029\ud800-\udfff]")


def is_url(argument: str) -> bool:
    """Whether a command-line argument is a URL, not the name of a file of URLs."""
    scheme = _SCHEME.match(argument)
    return scheme is not None and argument.startswith("//", scheme.end())


def checked_origin(url: str) -> str:
    """The origin of a URL. Raises `TargetError` if it is none that can be fetched."""
    bad = None if _PLAIN.fullmatch(url) else _NOT_IN_A_URL.search(url)
    if bad:
        raise TargetError(
            Failure.INVALID_URL, f"no URL: {bad.group()!r} must be percent-encoded in one"
        )
    scheme = _SCHEME.match(url)
    if not scheme:
        raise TargetError(Failure.INVALID_URL, "no URL: it does not begin with https:// or http://")
    name = scheme.group(1).lower()
    if name not in DEFAULT_PORTS:
        raise TargetError(Failure.UNSUPPORTED_SCHEME, f"{name} is neither http nor https")
    try:
        origin = origin_of(url)  # first: what it raises shows nothing of the URL
        demanded_by(url)
        return origin
    except ValueError as error:
        raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from None


def shown_of(url: str, rest: str) -> str:
    """What can be shown of a bad line: not the first half of a password with a space in it."""
    half = _WITHIN_AUTHORITY.match(url)
    return f"{half.group(1)}{MASK}" if half and "@" in rest else url
