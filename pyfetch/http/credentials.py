"""Users and passwords for hosts, from the netrc file. It is read once, by curl's rules."""

import logging
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from pyfetch.errors import UsageError
from pyfetch.settings import Settings
from pyfetch.text import MASK
from pyfetch.urls import Url
from pyfetch.value import Value

_DEFAULT = "default"
_WORD = r'"((?:[^"\\]|\\.)*)"|(\S+)'
_ESCAPE = r"\\(.)"

_log = logging.getLogger(__name__)


class Login(Value):
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
    """The logins of the netrc file; none if it is missing or not wanted.

    Raises `UsageError` if the settings name a file that cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._hosts: dict[str, Login] = {}
        """By host, in lower case."""
        self._default: Login | None = None
        if not settings.netrc:
            return
        named = settings.netrc_file or os.environ.get("NETRC")
        # Without a home directory, the path stays as it is, and no file is found.
        file = os.path.expanduser(named or "~/.netrc")  # noqa: PTH111 - Path raises an error
        if not named and _is_missing(file):
            return
        try:
            with open(file, encoding="utf-8") as stream:  # noqa: PTH123
                self._hosts, self._default = parse_netrc(stream.read())
        except (OSError, UnicodeDecodeError, BadNetrc) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            if isinstance(error, BadNetrc):
                reason = str(error)
            if settings.netrc_file:
                raise UsageError(f"cannot read {file}: {reason}") from error
            _log.warning("%s is not used: %s", file, reason)

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


class BadNetrc(ValueError):  # noqa: N818 - it says what the file is
    """A file is no netrc file. The message names the line, but does not show it."""


def parse_netrc(text: str) -> tuple[dict[str, Login], Login | None]:
    """Return the logins by host, in lower case, and the default one.

    Of two entries for one host, the first counts. Raises `BadNetrc`.
    """
    hosts: dict[str, Login] = {}
    default: Login | None = None
    for host, fields in _entries(text):
        user = fields.get("login") or fields.get("account", "")
        login = Login(user, fields.get("password", ""), is_named=host is not None)
        if host is None:
            default = default or login
        else:
            hosts.setdefault(host.lower(), login)
    return hosts, default


def _entries(text: str) -> Iterator[tuple[str | None, dict[str, str]]]:
    """Each entry: its host, None for the default; and its fields by name."""
    host: str | None = None
    fields: dict[str, str] | None = None
    words = _words(text)
    for number, word in words:
        if word in ("machine", _DEFAULT):
            if fields is not None:
                yield host, fields
            host = None if word == _DEFAULT else _value(words, number)
            fields = {}
        elif word in ("login", "user", "account", "password") and fields is not None:
            fields["login" if word == "user" else word] = _value(words, number)
        else:
            raise BadNetrc(f"line {number} is no netrc")
    if fields is not None:
        yield host, fields


def _value(words: Iterator[tuple[int, str]], number: int) -> str:
    found = next(words, None)
    if found is None:
        raise BadNetrc(f"line {number} is no netrc")
    return found[1]


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Each word and the number of its line, without comments and macros."""
    in_macro = False
    expects_value = False
    for number, line in enumerate(text.splitlines(), 1):
        if in_macro:
            in_macro = bool(line.strip())
            continue
        for match in re.finditer(_WORD, line):
            quoted, plain = match.groups()
            word = re.sub(_ESCAPE, r"\1", quoted if quoted is not None else plain)
            if not expects_value and word.startswith("#"):
                break
            if not expects_value and word == "macdef":
                in_macro = True
                break
            expects_value = not expects_value and word != _DEFAULT
            yield number, word
