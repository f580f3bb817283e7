"""Cookies that servers set: each lives for the redirects of one URL (RFC 6265)."""

from __future__ import annotations

import http.cookiejar
from collections.abc import Callable, Mapping
from functools import lru_cache
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from requests.cookies import RequestsCookieJar

from pyfetch.http.name_lookup import is_ip_address

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_OF_DOMAINS = "*"
"""The key of the cookies that are for a domain; the others have that of their origin."""


class _Policy(DefaultCookiePolicy):
    """Takes `Domain=` as RFC 6265, section 5.3, wants it; without it, a cookie is its host's."""

    def __init__(self) -> None:
        super().__init__(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)

    def set_ok_domain(self, cookie: Cookie, request: Any) -> bool:
        domain = cookie.domain.strip(".")
        host, its_own = http.cookiejar.eff_request_host(request)  # type: ignore[attr-defined]
        # Else everybody below `co.uk` or `github.io` would get it. An address has no parent.
        if cookie.domain_specified and (is_ip_address(host) or is_public_suffix(domain)):
            if domain != host:
                return False
            cookie.domain, cookie.domain_specified = its_own, False
        return super().set_ok_domain(cookie, request)


@lru_cache(256)
def is_public_suffix(domain: str) -> bool:
    """Whether names below a domain belong to different people (https://publicsuffix.org/)."""
    return _suffixes().is_public(domain)


@lru_cache(1)
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # it takes 0.1 s, and few servers need it

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
    """Return the cookies after an answer, by origin and those for a domain.

    `sent` is the jar of its request, `extract` adds the cookies that the answer sets to a jar.
    Those for a domain go to all of its hosts, the others back to the origin that set them.
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
