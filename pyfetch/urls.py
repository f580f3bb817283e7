"""URLs, each taken apart once.

To show, log or write a URL, use `str(url)`; for a text that may contain URLs, use `text.masked`.
`Url.text`, with its password, is for requests only.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from pyfetch.signed_query import LEFT_OUT, unsigned
from pyfetch.text import MASK, masked, masked_signatures

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The supported schemes, and the default port of each."""

# Matches nearly all URLs: printable ASCII without credentials. One match takes them apart.
_PLAIN = re.compile(
    r"((https?://[A-Za-z0-9._:-]+)(?:/[!\"$->A-\[\]-~]*)?(?:\?[!\"$-?A-\[\]-~]+)?)(?:#[!-\[\]-~]*)?"
)
# `host:8080/path` has a port, not a scheme.
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(?:[/?#]|$))")

# The patterns below are compiled by `re` at their first use, since most runs use none of them.
_MUST_BE_ENCODED = r"[\x00-\x20\\\x7f-\xa0\u2028\u2029\ud800-\udfff]"
_BLANK_OR_BACKSLASH = r"[\x00-\x20\\]"
_HOST_AND_PATH = (
    r"(?:[^\s/?#@]*@)?"
    r"(?:www\.[^\s/]+|(?:(?:[\w-]+\.)+[A-Za-z]{2,}|localhost|[0-9]+(?:\.[0-9]+){3})(?::[0-9]+)?/)"
)
_SCHEME_AND_AUTHORITY = r"(?:[^/?#]*:)?//[^/?#]*"
_STRAY_PERCENT = r"%(?![0-9A-Fa-f]{2})"
_ALLOWED = "!#$%&'()*+,/:;=?@[]~"
"""Characters after an authority that need no escape, besides letters, digits and `-._`."""

_MOST_ORIGINS = 1024
_LONGEST_SCHEME = len("https://")


class UnsupportedScheme(ValueError):  # noqa: N818 - it says what is wrong with the URL
    """A URL is neither http nor https. `scheme` is its scheme, in lower case."""

    def __init__(self, scheme: str) -> None:
        super().__init__(f"{scheme} is neither http nor https")
        self.scheme = scheme


class Url(NamedTuple):
    """One http or https URL; `parse_url` makes it. Its `str` and `repr` hide the password."""

    text: str
    """The URL as it was given, including credentials: must not be shown."""
    origin: str
    """`scheme://host:port` (RFC 6454, section 4): what connections and pauses belong to."""
    identity: str
    """What the state knows the URL by: the URL without credentials, fragment and signature.

    It ends in `#` if a part of the query was left out."""

    def __str__(self) -> str:
        text = self.text
        # Without these characters there is nothing to mask, and each URL is shown.
        return masked(text) if "@" in text or "=" in text or "%" in text else text

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
        """The port: that in the text, else the default one."""
        return int(self.origin.rpartition(":")[2])

    @property
    def userinfo(self) -> str | None:
        """User and password as they are in the URL, percent-encoded; None if there are none."""
        if "@" not in self.text:
            return None
        userinfo, at, _ = urlsplit(self.text).netloc.rpartition("@")
        return userinfo if at else None

    @property
    def path(self) -> str:
        """The path (RFC 3986, section 3.3), percent-encoded: empty, or it begins with `/`."""
        url = self.identity
        if "?" in url or "#" in url:
            url = without_query(url)
        start = url.find("/", _LONGEST_SCHEME)
        return url[start:] if start >= 0 else ""

    @property
    def query(self) -> str:
        """The query, percent-encoded, without the signature."""
        return self.identity.partition("?")[2].removesuffix(LEFT_OUT)

    @property
    def exact(self) -> str:
        """The URL without credentials and fragment, with all of its query."""
        return _without_credentials(_split(self.text)) if self.is_signed else self.identity

    @property
    def is_signed(self) -> bool:
        """Whether its identity leaves a part of the query out."""
        return self.identity.endswith(LEFT_OUT)

    def ignoring(self, parameters: Sequence[str]) -> "Url":
        """The same URL, with an identity that leaves out parameters that match these patterns."""
        if "?" not in self.identity:
            return self
        return Url(self.text, self.origin, unsigned(self.identity, parameters))

    @property
    def fragment(self) -> str:
        """The fragment, without the `#`."""
        return self.text.partition("#")[2]


def without_query(identity: str) -> str:
    """Origin and path of a URL without credentials."""
    return identity.partition("?")[0].partition("#")[0]


def is_url(text: str) -> bool:
    """Whether a text begins like a URL (`scheme://`), so that it is no file name."""
    scheme = _SCHEME.match(text)
    return scheme is not None and text.startswith("//", scheme.end())


def parse_url(text: str) -> Url:
    """Take a URL apart.

    Raises `UnsupportedScheme`, or `ValueError` for a text that is no URL. The message does not show
    the authority: a part that looks like a port or host may be part of a password.
    """
    plain = _PLAIN.fullmatch(text)
    if plain:
        identity = unsigned(plain[1]) if "?" in plain[1] else plain[1]
        return Url(text, _origin_of(plain[2]), identity)
    bad = re.search(_MUST_BE_ENCODED, text)
    if bad:
        raise ValueError(f"{bad.group()!r} must be percent-encoded in one")
    scheme = _SCHEME.match(text)
    if not scheme:
        raise ValueError("it does not begin with https:// or http://")
    if scheme[1].lower() not in DEFAULT_PORTS:
        raise UnsupportedScheme(scheme[1].lower())
    parts = _split(text)
    return Url(text, _origin(parts), unsigned(_without_credentials(parts)))


def _without_credentials(parts: SplitResult) -> str:
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def escape_url(text: str) -> str:
    """Percent-encode all characters that a URL or a reference must not have (RFC 3986, 2.1).

    A `%` that begins no escape is encoded; existing escapes stay. A host with other characters
    than ASCII stays as well, as hosts have another encoding (RFC 3490).
    """
    found = re.match(_SCHEME_AND_AUTHORITY, text)
    authority, rest = (found[0], text[found.end() :]) if found else ("", text)
    if "[" not in authority:  # an IPv6 address may have a zone: `[fe80::1%eth0]`
        authority = re.sub(_STRAY_PERCENT, "%25", authority)
    return authority + quote(re.sub(_STRAY_PERCENT, "%25", rest), safe=_ALLOWED)


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


def looks_like_a_url(text: str) -> bool:
    """Whether a text looks like a URL without a scheme: `example.org/a`, `www.example.org`."""
    return not is_url(text) and re.match(_HOST_AND_PATH, text) is not None


def masked_url(text: str) -> str:
    """Return a text that should be one URL, masked. If it is none, all before the last `@` is."""
    if "@" not in text:
        return masked_signatures(text)
    try:
        _origin(_split(text))
        is_whole = not re.search(_BLANK_OR_BACKSLASH, text)
    except ValueError:
        is_whole = False
    if is_whole:
        return masked(text)
    before_at, _, rest = text.rpartition("@")
    scheme, slashes, _ = before_at.partition("//")
    hidden = f"{scheme}//{MASK}" if slashes and "@" not in scheme else MASK
    return masked_signatures(f"{hidden}@{rest}")
