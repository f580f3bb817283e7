"""URLs, each taken apart once, and the masking of the passwords and signatures in them.

Whatever is shown, logged or written goes through `str(url)` or through `masked`; `Url.text` is for
requests alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from pyfetch.signed_query import LEFT_OUT, unsigned

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The schemes that can be fetched, and the port of each where its URL names none."""

MASK = "***"
"""What is shown in place of a user and password, or of a signature."""

# Nearly all URLs: printable ASCII, without credentials. One match takes them apart.
_PLAIN = re.compile(
    r"((https?://[A-Za-z0-9._:-]+)(?:/[!\"$->A-\[\]-~]*)?(?:\?[!\"$-?A-\[\]-~]+)?)(?:#[!-\[\]-~]*)?"
)
# `host:8080/path` has a port, not a scheme.
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(?:[/?#]|$))")
# What follows is compiled by `re` at its first use, since most runs use none of it.

_MUST_BE_ENCODED = r"[\x00-\x20\\\x7f-\xa0\u2028\u2029\ud800-\udfff]"

# A URL in a text ends at a blank; its authority ends at `/`, `?` or `#` (RFC 3986, section 3.2).
# Only ASCII blanks count: any other space may be part of a password.
_USERINFO = r"(?<=//)[^/?#\x00-\x20]*@"
# A password that begins with digits and has a `/`, `?` or `#` passes for a port and a path. Nobody
# can know which of the two it is. It is taken for a password where the "host" has no dot and what
# follows the `@` may be a host: not the version of a package (`cdn:80/pkg@1.2/x`).
_AFTER_PORT = r"(?<=//)(?!localhost:)[^/?#:@.\[\x00-\x20]+:[0-9]*+((?:[^/\x00-\x20]|/(?!/))++)"
_HOST = r"[A-Za-z\[]|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:[:/?#]|\Z)"
_BLANK_OR_BACKSLASH = r"[\x00-\x20\\]"
_AUTHORITY_ALONE = r"([^/]*//)[^/?#]*\Z"
# What signs a URL for a time (AWS, Google, CloudFront, Azure, Alibaba and the like); also in a URL
# that is percent-encoded within another one.
_SIGNATURE = (
    r"(?i)(?:(?<![\w-])|(?<=%3F)|(?<=%26)|(?<=%3f))"
    r"((?:x-(?:amz|goog|oss|obs|tos)-(?:signature|security-token)|q-signature|signature|sig)"
    r"(?:=|%3D))(?:(?!%26|%23)[^&#;,\s\"'<>])+"
)
_HOST_AND_PATH = (
    r"(?:[^\s/?#@]*@)?"
    r"(?:www\.[^\s/]+|(?:(?:[\w-]+\.)+[A-Za-z]{2,}|localhost|[0-9]+(?:\.[0-9]+){3})(?::[0-9]+)?/)"
)

_SCHEME_AND_AUTHORITY = r"(?:[^/?#]*:)?//[^/?#]*"
_STRAY_PERCENT = r"%(?![0-9A-Fa-f]{2})"
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
    """What owns a file's name and a part: the URL without credentials, fragment and what signs it.

    It ends in `#` if a part of the query was left out."""

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
        _, slash, path = without_query(self.identity).partition("://")[2].partition("/")
        return f"{slash}{path}"

    @property
    def query(self) -> str:
        """What stands between `?` and the fragment, percent-encoded, but for what signs the URL."""
        return self.identity.partition("?")[2].removesuffix(LEFT_OUT)

    @property
    def exact(self) -> str:
        """The URL without credentials and fragment, with all of its query."""
        return _without_credentials(_split(self.text)) if self.is_signed else self.identity

    @property
    def is_signed(self) -> bool:
        """Whether its identity leaves a part of the query out."""
        return self.identity.endswith(LEFT_OUT)

    def ignoring(self, parameters: Sequence[str]) -> Url:
        """The same URL, whose identity does without the parameters that match these patterns."""
        if "?" not in self.identity:
            return self
        return Url(self.text, self.origin, unsigned(self.identity, parameters))

    @property
    def fragment(self) -> str:
        """What stands behind `#`."""
        return self.text.partition("#")[2]


def without_query(identity: str) -> str:
    """Origin and path of a URL without credentials."""
    return identity.partition("?")[0].partition("#")[0]


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
    """Percent-encode what a URL or a reference to one may not have (RFC 3986, section 2.1).

    A `%` that begins no escape is itself escaped; the escapes beside it stay as they are. A host
    beyond ASCII stays, too: it is not encoded in percents (RFC 3490).
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
    """Whether a text begins as a URL does after its scheme: `example.org/a`, `www.example.org`."""
    return not is_url(text) and re.match(_HOST_AND_PATH, text) is not None


def may_hold_credentials(url: str) -> bool:
    """Whether what looks like a port and a path may be a password: `//me:12/secret@host/`."""
    if "@" not in url:
        return False
    return any(_end_of_userinfo(match[1]) is not None for match in re.finditer(_AFTER_PORT, url))


def masked(text: str) -> str:
    """Return the text with `***` for the user, password and signature of each URL in it."""
    if "@" in text:
        text = re.sub(_USERINFO, f"{MASK}@", text)
        text = re.sub(_AFTER_PORT, _without_userinfo, text)
    return masked_signatures(text)


def _without_userinfo(match: re.Match[str]) -> str:
    end = _end_of_userinfo(match[1])
    return match[0] if end is None else MASK + match[1][end:]


def _end_of_userinfo(after_port: str) -> int | None:
    """Where the `@` stands that ends user and password, if they may be what this looks like."""
    if after_port[0] == "/":
        within = re.split("[?#]", after_port, maxsplit=1)[0]
    elif after_port[0] in "?#":
        within = after_port.partition("/")[0] if "@" in after_port.partition("/")[0] else ""
    else:
        return None
    at = within.rfind("@")
    if at < 2 or within[at - 1] == "/" or not re.match(_HOST, after_port[at + 1 :]):
        return None
    return at


def masked_signatures(text: str) -> str:
    """Return the text with `***` for each value that signs a URL (`X-Amz-Signature`, `sig` …)."""
    # Few texts have a `sig` in them, and to look for that takes no time.
    if "sig" in text or "Sig" in text or "oken" in text or "SIG" in text:
        return re.sub(_SIGNATURE, rf"\1{MASK}", text)
    return text


def masked_value(value: Any) -> Any:
    """Return a value of JSON with all texts in it masked, keys too; itself if none needs it.

    It must not be nested so deeply that the recursion limit could be reached.
    """
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        pairs = [(masked_value(key), masked_value(inner)) for key, inner in value.items()]
        same = all(
            new_key is key and new is inner
            for (new_key, new), (key, inner) in zip(pairs, value.items(), strict=True)
        )
        return value if same else dict(pairs)
    if isinstance(value, list | tuple):
        items = [masked_value(item) for item in value]
        same = all(new is item for new, item in zip(items, value, strict=True))
        return value if same else items
    return value


def masked_url(text: str) -> str:
    """Return what should be one URL, masked. If it is none, all before its last `@` is hidden."""
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


def shown_of_split(url: str, rest: str) -> str:
    """Return what may be shown of a URL that a blank separates from `rest`.

    The blank may stand in a password: then the half before it is not shown.
    """
    half = re.match(_AUTHORITY_ALONE, url)
    return f"{half[1]}{MASK}" if half and "@" in rest else url
