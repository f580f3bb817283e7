"""Users, passwords and cookies that belong to hosts: netrc and cookie files, read once."""

from __future__ import annotations

import http.cookiejar
import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from requests.cookies import RequestsCookieJar

from pyfetch.errors import UsageError
from pyfetch.settings import Settings

if TYPE_CHECKING:  # loaded where there is one
    import netrc

_log = logging.getLogger(__name__)


class Login(NamedTuple):
    """What a netrc file says of a host."""

    user: str
    password: str
    named: bool
    """Whether it names the host, and is not its `default`."""


class Netrc:
    """A netrc file; none where the settings want none or there is none.

    Raises `UsageError` for one that was asked for and cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._entries: netrc.netrc | None = None
        if not settings.netrc:
            return
        asked_for = settings.netrc_file or os.environ.get("NETRC")
        file = Path(asked_for or "~/.netrc").expanduser()
        if not asked_for and _is_missing(file):
            return
        import netrc

        try:
            self._entries = netrc.netrc(str(file))
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            if isinstance(error, netrc.NetrcParseError):
                reason = f"line {error.lineno} is not as netrc wants it"  # it may show a password
            if settings.netrc_file:
                raise UsageError(f"cannot read {file}: {reason}") from error
            _log.warning("%s is not used: %s", file, reason)

    def login(self, url: str) -> Login | None:
        """The user and password for the host of a URL."""
        host = urlsplit(url).hostname
        if self._entries is None or not host:
            return None
        entry = self._entries.authenticators(host)
        if not entry:
            return None
        user, account, password = entry
        return Login(user or account or "", password or "", host in self._entries.hosts)


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:  # told of where it is read
        pass
    return False


def cookie_jar() -> RequestsCookieJar:
    """An empty jar, whose cookies without a domain go to their own host alone (RFC 6265, 5.4)."""
    policy = http.cookiejar.DefaultCookiePolicy
    return RequestsCookieJar(policy(strict_ns_domain=policy.DomainStrictNonDomain))


def cookies_in(file: str) -> RequestsCookieJar:
    """The cookies in a file of Netscape's format, without those that are past their time.

    Raises `UsageError` for what is no such file.
    """
    found = http.cookiejar.MozillaCookieJar()
    try:
        with warnings.catch_warnings(action="ignore"):  # it shows its own code for a bad line
            found.load(file, ignore_discard=True, ignore_expires=True)
    except (OSError, http.cookiejar.LoadError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or (
            "it is not in Netscape's format (first the line '# Netscape HTTP Cookie File', then"
            " a line for each cookie: domain, TRUE if that begins with a dot, path, TRUE if it is"
            " secure, expiry, name and value, with tabs between)"
        )
        raise UsageError(f"cannot read the cookies in {file}: {reason}") from error
    jar = cookie_jar()
    for cookie in found:
        if cookie.expires == 0:  # that is how curl and wget write "until the browser is closed"
            cookie.expires, cookie.discard = None, True
        if not cookie.is_expired():
            jar.set_cookie(cookie)
    return jar
