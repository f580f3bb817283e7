"""The cookies of the settings, as jars: those of a file, or what a program has given."""

from __future__ import annotations

from functools import lru_cache
from http.cookiejar import Cookie, CookieJar

from pyfetch.http.cookies import load_cookies, new_cookie_jar
from pyfetch.settings import GivenCookies


class GivenJars:
    """For any thread. Raises `UsageError` for a file that cannot be used."""

    def __init__(self, said: str | GivenCookies | None) -> None:
        self.of_domains: CookieJar | None = None
        """Those that go where they say themselves."""
        self.of_first_origin: tuple[tuple[str, str], ...] = ()
        """Names and values of those for the origin of the first URL alone."""
        if isinstance(said, GivenCookies):
            self.of_first_origin = said.of_first_origin
            self.of_domains = _jar_of(said) if said.of_domains else None
        elif said:
            self.of_domains = load_cookies(said)
        self.are_given = bool(self.of_first_origin) or self.of_domains is not None
        """Whether any request may have such cookies."""
        self.with_first_origin = lru_cache(1)(self._with_first_origin)

    def _with_first_origin(self, origin: str) -> CookieJar:
        """Return all of them, for a request to the origin of the first URL."""
        jar = new_cookie_jar()
        for cookie in self.of_domains if self.of_domains is not None else ():
            jar.set_cookie(cookie)
        host = origin.partition("://")[2].rpartition(":")[0]
        for name, value in self.of_first_origin:
            jar.set_cookie(_new_cookie(name, value, host))
        return jar


def _jar_of(said: GivenCookies) -> CookieJar:
    jar = new_cookie_jar()
    for one in said.of_domains:
        cookie = _new_cookie(one.name, one.value, one.domain)
        cookie.path, cookie.secure = one.path, one.secure
        cookie.port, cookie.port_specified = one.port, one.port is not None
        cookie.expires, cookie.discard = one.expires, one.expires is None
        jar.set_cookie(cookie)
    return jar


def _new_cookie(name: str, value: str, domain: str) -> Cookie:
    """A cookie for a host, or for all below a domain that begins with a dot."""
    if "." not in domain:
        domain = f"{domain}.local"  # `http.cookiejar` adds this to a host without a dot
    below = domain.startswith(".")
    return Cookie(
        version=0, name=name, value=value, port=None, port_specified=False, domain=domain,
        domain_specified=below, domain_initial_dot=below, path="/", path_specified=True,
        secure=False, expires=None, discard=True, comment=None, comment_url=None, rest={},
    )  # fmt: skip
