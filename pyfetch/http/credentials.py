"""Users and passwords of hosts: the netrc file, which is read once."""

from __future__ import annotations

import logging
import os
from typing import NamedTuple

from pyfetch.errors import UsageError
from pyfetch.settings import Settings
from pyfetch.urls import MASK, Url

_log = logging.getLogger(__name__)


class Login(NamedTuple):
    """Entry of a netrc file for a host."""

    user: str
    password: str
    is_named: bool
    """Whether the file names the host. If not, this is its `default`."""

    def __repr__(self) -> str:
        return f"Login({self.user!r}, {MASK}, is_named={self.is_named})"


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
        self._hosts: dict[str, Login] = {}
        """By host, in lower case."""
        self._default: Login | None = None
        if not settings.netrc:
            return
        named = settings.netrc_file or os.environ.get("NETRC")
        # Where nobody knows a home directory, the path stays as it is, and no file is found.
        file = os.path.expanduser(named or "~/.netrc")  # noqa: PTH111 - Path raises an error
        if not named and _is_missing(file):
            return
        from pyfetch.http.netrc_file import BadNetrc, parse_netrc  # only if there is a file

        try:
            with open(file, encoding="utf-8") as stream:  # noqa: PTH123
                hosts, default = parse_netrc(stream.read())
        except (OSError, UnicodeDecodeError, BadNetrc) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            if isinstance(error, BadNetrc):
                reason = str(error)
            if settings.netrc_file:
                raise UsageError(f"cannot read {file}: {reason}") from error
            _log.warning("%s is not used: %s", file, reason)
            return
        self._hosts = {
            host: Login(entry.user, entry.password, is_named=True) for host, entry in hosts.items()
        }
        if default:
            self._default = Login(default.user, default.password, is_named=False)

    def login(self, url: Url) -> Login | None:
        """Return user and password for the host of a URL; None if the file has none."""
        return self._hosts.get(url.host.lower(), self._default)


def _is_missing(file: str) -> bool:
    try:
        os.stat(file)  # noqa: PTH116
    except FileNotFoundError:
        return True
    except OSError:  # reported when it is read
        pass
    return False
