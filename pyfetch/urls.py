"""URLs, each taken apart once, and the masking of the passwords in them.

Whatever is shown, logged or written goes through `str(url)` or through `masked`; `Url.text` is for
requests alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The schemes that can be fetched, and the port of each where its URL names none."""

MASK = "***"
"""What is shown in place of a user and password."""

# Nearly all URLs: printable ASCII, without credentials. One match takes them apart.
_PLAIN = re.compile(
    r"((https?://[A-Za-z0-9._:-]+)(?:/[!\"$->A-\[\]-~]*)?(?:\?[!\"$-?A-\[\]-~]+)?)(?:#[!-\[\]-~]*)?"
)
# `host:8080/path` has a port, not a scheme.
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(?:[/?#]|$))")
_MUST_BE_ENCODED = re.compile(r"[\x00-\x20\\\x7f-\xa0\u2028\u2029\ud800-\udfff]")

# A URL in a text ends at a blank; its authority ends at `/`, `?` or `#` (RFC 3986, section 3.2).
# Only ASCII blanks count: any other space may be part of a password.
_USERINFO = re.compile(r"(?<=//)[^/?#\x00-\x20]*@")
_MAY_SPLIT_A_PASSWORD = re.compile(r"[\x00-\x20\\]")
_AUTHORITY_ALONE = re.compile(r"([^/]*//)[^/?#]*\Z")

_SCHEME_AND_AUTHORITY = re.compile(r"(?:[^/?#]*:)?//[^/?#]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ALLOWED = "!#$%&'()*+,/:;=?@[]~"
"""Characters that stand for themselves behind an authority, but for letters, digits and `-._`."""

_MOST_ORIGINS = 1024


class UnsupportedScheme(ValueError):  # noqa: N818 - it says what is wrong with the URL
    """A URL is neither http nor https. `scheme` is what it is, in lower case."""

    def __init__(self, scheme: str) -> None:
        super().__init__(f"{scheme} is neither http nor https")
        self.scheme = scheme


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """One http or https URL; `parse_url` makes it. Its `str` and `repr` hide the password."""

    text: str
    """The URL as it was given, credentials included: never to be shown."""
    origin: str = field(compare=False)
    """`scheme://host:port` (RFC 6454, section 4): what connections and pauses belong to."""
    identity: str = field(compare=False)
    """The URL without credentials and fragment: what owns a file's name and a part."""

    def __str__(self) -> str:
        return masked(self.text)

    def __repr__(self) -> str:
        return f"Url({masked(self.text)!r})"

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self.origin.partition(":")[0]

    @property
    def host(self) -> str:
        """The host name in lower case, or the address without its brackets."""
        return self.origin.partition("://")[2].rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port, also where the text names none."""
        return int(self.origin.rpartition(":")[2])

    @property
    def userinfo(self) -> str | None:
        """User and password as they stand in the URL, percent-encoded; None if there are none."""
        if "@" not in self.text:
            return None
        userinfo, at, _ = urlsplit(self.text).netloc.rpartition("@")
        return userinfo if at else None

    @property
    def path(self) -> str:
        """The path (RFC 3986, section 3.3), percent-encoded: empty, or it begins with `/`."""
        _, slash, path = self.identity.partition("?")[0].partition("://")[2].partition("/")
        return f"{slash}{path}"

    @property
    def query(self) -> str:
        """What stands between `?` and the fragment, percent-encoded."""
        return self.identity.partition("?")[2]

    @property
    def fragment(self) -> str:
        """What stands behind `#`."""
        return self.text.partition("#")[2]


def is_url(text: str) -> bool:
    """Whether a text begins as URLs do (`scheme://`), so that it is no name of a file."""
    scheme = _SCHEME.match(text)
    return scheme is not None and text.startswith("//", scheme.end())


def parse_url(text: str) -> Url:
    """Take a URL apart.

    Raises `UnsupportedScheme`, or `ValueError` for what is no URL. The message shows nothing of
    the URL's authority: what was taken for a port or a host may be a part of a password.
    """
    plain = _PLAIN.fullmatch(text)
    if plain:
        return Url(text, _origin_of(plain[2]), plain[1])
    bad = _MUST_BE_ENCODED.search(text)
    if bad:
        raise ValueError(f"{bad.group()!r} must be percent-encoded in one")
    scheme = _SCHEME.match(text)
    if not scheme:
        raise ValueError("it does not begin with https:// or http://")
    if scheme[1].lower() not in DEFAULT_PORTS:
        raise UnsupportedScheme(scheme[1].lower())
    parts = _split(text)
    without_credentials = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    return Url(text, _origin(parts), urlunsplit(without_credentials))


def escape_url(text: str) -> str:
    """Percent-encode what a URL or a reference to one may not have (RFC 3986, section 2.1).

    A `%` that begins no escape is itself escaped; the escapes beside it stay as they are. A host
    beyond ASCII stays, too: it is not encoded in percents (RFC 3490).
    """
    found = _SCHEME_AND_AUTHORITY.match(text)
    authority, rest = (found[0], text[found.end() :]) if found else ("", text)
    if "[" not in authority:  # an IPv6 address may have a zone: `[fe80::1%eth0]`
        authority = _STRAY_PERCENT.sub("%25", authority)
    return authority + quote(_STRAY_PERCENT.sub("%25", rest), safe=_ALLOWED)


@lru_cache(_MOST_ORIGINS)
def _origin_of(authority: str) -> str:
    return _origin(_split(authority))


def _origin(parts: SplitResult) -> str:
    host, scheme = parts.hostname, parts.scheme
    if not host:
        raise ValueError("it names no host")
    if ":" in host:
        host = f"[{host}]"
    try:
        port = parts.port
    except ValueError:
        raise ValueError("its port is no number up to 65535") from None
    if port == 0:
        raise ValueError("there is no port 0")
    return f"{scheme}://{host}:{port or DEFAULT_PORTS.get(scheme, '')}"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("its host is neither a name nor an address") from None


def masked(text: str) -> str:
    """The same text with `***` for the user and password of each URL in it."""
    return _USERINFO.sub(f"{MASK}@", text) if "@" in text else text


def masked_url(text: str) -> str:
    """The same for what should be one URL; if it is none, all that may be a password is hidden."""
    if "@" not in text:
        return text
    try:
        _origin(_split(text))
        is_url = not _MAY_SPLIT_A_PASSWORD.search(text)
    except ValueError:
        is_url = False
    if is_url:
        return masked(text)
    before_at, _, rest = text.rpartition("@")
    scheme, slashes, _ = before_at.partition("//")
    return f"{scheme}//{MASK}@{rest}" if slashes and "@" not in scheme else f"{MASK}@{rest}"


def shown_of_split(url: str, rest: str) -> str:
    """What to show of a URL that a blank has cut off from `rest`: not the half of a password."""
    half = _AUTHORITY_ALONE.match(url)
    return f"{half[1]}{MASK}" if half and "@" in rest else url
