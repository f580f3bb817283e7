"""Users, passwords and cookies of hosts: netrc and cookie files, which are read once."""

from __future__ import annotations

import http.cookiejar
import logging
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from requests.cookies import RequestsCookieJar

from pyfetch.errors import UsageError
from pyfetch.http.cookies import new_cookie_jar
from pyfetch.settings import Settings
from pyfetch.urls import MASK, Url

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """Entry of a netrc file for a host."""

    user: str
    password: str = field(repr=False)
    is_named: bool
    """Whether the file names the host. If not, this is its `default`."""


class Credentials(NamedTuple):
    """User and password, as the bytes that are sent or hashed."""

    user: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"Credentials({self.user!r}, {MASK})"


class Netrc:
    """The netrc file, which may be unwanted or missing.

    Raises `UsageError` if the settings name a file that cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._entries: dict[str, tuple[str, str | None, str | None]] = {}
        """By host, in lower case."""
        if not settings.netrc:
            return
        named = settings.netrc_file or os.environ.get("NETRC")
        file = Path(named or "~/.netrc").expanduser()
        if not named and _is_missing(file):
            return
        import netrc  # loaded only where there is such a file

        try:
            hosts = netrc.netrc(str(file)).hosts
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            if isinstance(error, netrc.NetrcParseError):
                reason = f"line {error.lineno} is no netrc"  # the error may quote a password
            if settings.netrc_file:
                raise UsageError(f"cannot read {file}: {reason}") from error
            _log.warning("%s is not used: %s", file, reason)
            return
        for host, entry in hosts.items():
            self._entries.setdefault(host if host == _DEFAULT else _as_host(host), entry)

    def login(self, url: Url) -> Login | None:
        """Return user and password for the host of a URL; None if the file has none."""
        host = url.host
        if not self._entries:
            return None
        named = self._entries.get(_as_host(host))
        entry = named or self._entries.get(_DEFAULT)
        if not entry:
            return None
        user, account, password = entry
        return Login(user or account or "", password or "", is_named=named is not None)


_DEFAULT = "default"
"""Name of the entry for all hosts that a netrc file does not name."""


def _as_host(name: str) -> str:
    """The key of a host: in lower case, and different from that of the default entry."""
    return f"{name.lower()}."


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:  # reported when it is read
        pass
    return False


def load_cookies(file: str) -> RequestsCookieJar:
    """Return the cookies of a file in Netscape's format that are not expired.

    Raises `UsageError` for a file that is missing or has another format.
    """
    found = http.cookiejar.MozillaCookieJar()
    try:
        with warnings.catch_warnings(action="ignore"):  # for a bad line it prints a traceback
            found.load(file, ignore_discard=True, ignore_expires=True)
    except (OSError, http.cookiejar.LoadError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or (
            "it is not in Netscape's format (the line '# Netscape HTTP Cookie File', then a line"
            " for each cookie: domain, TRUE if that begins with a dot, path, TRUE if the cookie is"
            " for https alone, expiry, name and value, separated by tabs)"
        )
        raise UsageError(f"cannot read the cookies in {file}: {reason}") from error
    jar = new_cookie_jar()
    for cookie in found:
        if cookie.expires == 0:  # curl and wget mark session cookies like this
            cookie.expires, cookie.discard = None, True
        if not cookie.is_expired():
            jar.set_cookie(cookie)
    return jar
