"""Cookies: those that servers set (RFC 6265), and those of a file that the user names.

A cookie that a server sets is kept while the redirects of one URL are followed. The file is in
Netscape's format, which browser extensions, curl and wget write.
"""

from __future__ import annotations

import http.cookiejar
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requests.cookies import RequestsCookieJar

from pyfetch.errors import UsageError
from pyfetch.http.name_lookup import is_ip_address

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_OF_DOMAINS = "*"
"""Key of the cookies that are for a whole domain; others are kept under their origin."""
_HTTP_ONLY = b"#HttpOnly_"
_MOST_NAMED = 10
_FORMAT = (
    "it is not in Netscape's format (a line for each cookie: domain, TRUE if that includes"
    " subdomains, path, TRUE if the cookie is for https alone, expiry, name and value,"
    " separated by tabs)"
)

_log = logging.getLogger(__name__)


class _Policy(DefaultCookiePolicy):
    """Reads `Domain=` as RFC 6265, section 5.3, says. Without it, a cookie is for its host only."""

    def __init__(self) -> None:
        super().__init__(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)

    def set_ok_domain(self, cookie: Cookie, request: Any) -> bool:
        domain = cookie.domain.strip(".")
        host, its_own = http.cookiejar.eff_request_host(request)  # type: ignore[attr-defined]
        # A cookie for `co.uk` or `github.io` would go to everybody's hosts there. An IP address
        # has no parent domain.
        if cookie.domain_specified and (is_ip_address(host) or is_public_suffix(domain)):
            if domain != host:
                return False
            cookie.domain, cookie.domain_specified = its_own, False
        return super().set_ok_domain(cookie, request)


@lru_cache(256)
def is_public_suffix(domain: str) -> bool:
    """Whether names directly below this domain belong to different owners (publicsuffix.org)."""
    return _suffixes().is_public(domain)


@lru_cache(1)
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # takes 0.1 s; few servers set such cookies

    return PublicSuffixList()


def new_cookie_jar() -> RequestsCookieJar:
    """An empty jar. A cookie without a domain goes to its own host alone (RFC 6265, 5.4)."""
    return RequestsCookieJar(_Policy())


def cookies_for(
    kept: Mapping[str, CookieJar], origin: str, from_file: CookieJar | None
) -> CookieJar | None:
    """Return the jar for a request to an origin; None if there are no cookies at all.

    `kept` is what `cookies_after` returned for the answers so far, `from_file` are the cookies
    that the user has given.
    """
    if not kept:
        return from_file
    jar = new_cookie_jar()
    if origin not in kept:
        _copy(from_file, jar, _is_of_host)
    else:
        _copy(kept[origin], jar)
    _copy(kept[_OF_DOMAINS], jar)
    return jar


def cookies_after(
    kept: Mapping[str, CookieJar], origin: str, sent: CookieJar | None, extract: Callable[..., None]
) -> Mapping[str, CookieJar]:
    """Return the cookies to keep after a response, by the origin that they go back to.

    Cookies for a domain go to all its hosts and are kept under `_OF_DOMAINS`. `sent` is the jar
    of the request; `extract` adds the cookies that the response sets to a jar.
    """
    jar = new_cookie_jar()
    _copy(sent, jar)
    extract(jar)
    of_host, of_domains = new_cookie_jar(), new_cookie_jar()
    _copy(jar, of_host, _is_of_host)
    _copy(jar, of_domains, lambda cookie: not _is_of_host(cookie))
    return {**kept, origin: of_host, _OF_DOMAINS: of_domains}


def _is_of_host(cookie: Cookie) -> bool:
    return not cookie.domain.startswith(".")


def _copy(
    source: CookieJar | None,
    jar: CookieJar,
    wanted: Callable[[Cookie], bool] = lambda _: True,
) -> None:
    for cookie in source if source is not None else ():
        if wanted(cookie):
            jar.set_cookie(cookie)


def load_cookies(file: str) -> RequestsCookieJar:
    """Return the cookies of a file that are not expired.

    The first line of the format may be missing. Lines that are no cookies are skipped with a
    warning. Raises `UsageError` for a file that is missing or has no cookie in it.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the cookies in {file}: {error.strerror}") from error
    jar = new_cookie_jar()
    bad = []
    good = 0
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = line.removesuffix(b"\r").removeprefix(_HTTP_ONLY)
        if not line.strip() or line.startswith(b"#"):
            continue
        cookie = _cookie(line)
        if cookie is None:
            bad.append(number)
            continue
        good += 1
        if not cookie.is_expired():
            jar.set_cookie(cookie)
    if bad and not good:
        raise UsageError(f"cannot read the cookies in {file}: {_FORMAT}")
    if bad:
        numbers = ", ".join(map(str, bad[:_MOST_NAMED])) + ", …" * (len(bad) > _MOST_NAMED)
        _log.warning("ignored in %s, as they are no cookies: line %s", file, numbers)
    return jar


def _cookie(line: bytes) -> http.cookiejar.Cookie | None:
    """The cookie of a line; None if the line is malformed.

    The line is decoded as Latin-1, so that each byte is sent as the same byte.
    """
    fields = line.decode("latin-1").split("\t", 6)
    if len(fields) == 6:
        fields.append("")  # the value is empty, and an editor has removed the tab before it
    if len(fields) != 7:
        return None
    domain, below, path, secure, expires, name, value = (field.strip(" ") for field in fields)
    flags = {"TRUE": True, "FALSE": False}
    has_control = any((ord(character) < 32 and character != "\t") or ord(character) == 127
                      for character in "".join(fields))  # fmt: skip
    seconds = _seconds(expires)
    if below.upper() not in flags or secure.upper() not in flags or seconds is None or has_control:
        return None
    if not domain.strip(".") or not (name or value):
        return None
    # Some files contradict themselves: `host TRUE`, `.host FALSE`. The flag decides, not the dot.
    # An IP address has no subdomains (RFC 6265, section 5.1.3).
    host = domain.lstrip(".").lower()
    with_subdomains = flags[below.upper()] and not is_ip_address(host.strip("[]"))
    if "." not in host:
        host = f"{host}.local"  # `http.cookiejar` adds this to a host without a dot
    return http.cookiejar.Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=f".{host}" if with_subdomains else host,
        domain_specified=with_subdomains,
        domain_initial_dot=with_subdomains,
        path=path if path.startswith("/") else "/",
        path_specified=True,
        secure=flags[secure.upper()],
        expires=seconds or None,
        discard=not seconds,
        comment=None,
        comment_url=None,
        rest={},
    )


def _seconds(text: str) -> int | None:
    """Seconds since the epoch, 0 for a cookie of the session; None if it is no time."""
    try:
        return int(float(text)) if text else 0
    except (ValueError, OverflowError):
        return None
