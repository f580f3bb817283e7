"""Cookies that a program gives in place of a cookie file: a mapping, or a jar."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pyfetch.settings.kinds import FilePath, shown
from pyfetch.text import MASK
from pyfetch.value import Value

if TYPE_CHECKING:  # loads `http.client`
    from http.cookiejar import Cookie

_NAME = r"(?a)[\w!#$%&'*+.^`|~-]+"
"""A token (RFC 9110, section 5.6.2), as RFC 6265, section 4.1.1, wants it."""
_NO_VALUE = r"[\x00-\x08\x0a-\x1f\x7f;]|[^\x00-\xff]"
"""What no cookie can have: it would end the cookie or the field, or is not Latin-1."""


class CookieOfDomain(Value):
    """A cookie of a jar, as a value that can be compared, hashed and pickled."""

    name: str
    value: str
    domain: str
    """It begins with a dot if the cookie goes to subdomains, too."""
    path: str
    port: str | None
    """Ports that it goes to, with commas between them; None: all."""
    secure: bool
    expires: int | None
    """In seconds since the epoch; None: it does not expire."""

    def __repr__(self) -> str:
        return f"<cookie {self.name} of {self.domain}{self.path}>"


class GivenCookies(Value):
    """Cookies that a program has given. Their values are secrets: no `repr` shows them."""

    of_first_origin: tuple[tuple[str, str], ...] = ()
    """Names and values of those for the origin of the first URL alone."""
    of_domains: tuple[CookieOfDomain, ...] = ()

    def __repr__(self) -> str:
        named = {name: MASK for name, _ in self.of_first_origin}
        told = [repr(named)] * bool(named) + [repr(one) for one in self.of_domains]
        return f"{type(self).__name__}({', '.join(told)})"


class FileOrCookies(FilePath):
    """The path of a cookie file; from a program also a mapping of names, or a `CookieJar`."""

    def check(self, value: object) -> str | GivenCookies:  # type: ignore[override]
        """The path as text, or the cookies."""
        if isinstance(value, GivenCookies):
            return value
        if _is_jar(value):
            return _of_jar(value)
        if isinstance(value, Mapping):
            return GivenCookies(tuple(_pair(*item) for item in value.items()))
        try:
            return super().check(value)
        except ValueError:  # the value may be a secret
            kind = type(value).__name__
            message = f"must be a path, a mapping of names or a CookieJar, not of type {kind}"
            raise ValueError(message) from None


COOKIES = FileOrCookies("FILE")


def _is_jar(value: object) -> bool:
    # The jar of `requests` is a mapping, too. Whoever has a jar has loaded the module.
    return any(base.__module__ == "http.cookiejar" for base in type(value).__mro__)


def _of_jar(jar: object) -> GivenCookies:
    of_first, of_domains = [], []
    for cookie in _valid(jar):
        if cookie.value is None:
            raise ValueError(f"must have values: the cookie named {shown(cookie.name)} has none")
        name, value = _pair(cookie.name, cookie.value)
        # `requests` makes such cookies where no domain is said, and would send them to all hosts.
        if not cookie.domain:
            of_first.append((name, value))
            continue
        of_domains.append(
            CookieOfDomain(
                name, value, _domain(cookie), cookie.path or "/",
                cookie.port if cookie.port_specified else None, cookie.secure, cookie.expires,
            )
        )  # fmt: skip
    return GivenCookies(tuple(of_first), tuple(of_domains))


def _valid(jar: object) -> "Iterator[Cookie]":
    return (cookie for cookie in jar if not cookie.is_expired())  # type: ignore[attr-defined]


def _domain(cookie: "Cookie") -> str:
    """The domain, with a dot before it if `Domain=` was said (RFC 6265, section 5.3)."""
    host = cookie.domain.lstrip(".").lower()
    is_address = re.fullmatch(r"(?a)[\d.]+|\[?[\da-f]*:[\da-f:.]*\]?", host)
    below = cookie.domain.startswith(".") or cookie.domain_specified
    return f".{host}" if below and "." in host and not is_address else host


def _pair(name: object, value: object) -> tuple[str, str]:
    """Name and value. No message shows a value: that may be a secret."""
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise ValueError(f"must have names without blanks or separators, not {shown(name)}")
    if not isinstance(value, str):
        raise ValueError(f"must be text: the value of the cookie named {shown(name)} is not")
    if re.search(_NO_VALUE, value):
        raise ValueError(f"the cookie named {shown(name)} has a character that no cookie can have")
    return name, value
