"""Kinds of values that are about requests: header fields, media types, parameters, a proxy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any, cast
from urllib.parse import urlsplit

from pyfetch.errors import UsageError
from pyfetch.headers import parse_header
from pyfetch.settings.kinds import Kind, Texts, items, shown
from pyfetch.text import MASK
from pyfetch.urls import masked_url

_MEDIA_TYPE = r"(?a)[\w!#$&^.+*-]+/[\w!#$&^.+*-]+"
_PARAMETER_NAME = r"[!-%'-<>-~]+"
"""What may stand before `=` in a query: no blank, no `&`, no `=`."""
_PROXIES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})


class MediaTypes(Texts):
    """Media types such as `image/png`, where `*` stands for any characters."""

    metavar = "TYPE"
    wanted = "a media type like image/*"

    def is_one(self, text: str) -> bool:
        """Whether this is one."""
        return re.fullmatch(_MEDIA_TYPE, text) is not None


MEDIA_TYPES = MediaTypes()


class ParameterNames(Texts):
    """Names of query parameters (`token`), where `*` and `?` stand for characters as in a shell."""

    metavar = "PATTERN"
    wanted = "a query parameter's name like utm_*"

    def is_one(self, text: str) -> bool:
        """Whether this is one."""
        return re.fullmatch(_PARAMETER_NAME, text) is not None


PARAMETER_NAMES = ParameterNames()


class Statuses(Kind):
    """Status codes (RFC 9110, section 15) to add to a set, or to take from it: `+418,-500`.

    Each is a number, which is negative where it is to be taken away.
    """

    metavar = "LIST"

    def parse(self, text: str) -> tuple[int, ...]:
        """Those of a list with commas between them."""
        return self.check(text)

    def check(self, value: object) -> tuple[int, ...]:
        """Text as on the command line, or numbers, as a tuple of numbers."""
        found = value.split(",") if isinstance(value, str) else items(value)
        return tuple(_status(one) for one in (found if found is not None else (value,)))


_STATUS = r"(?a)\s*([+-]?)([1-9][0-9]{2})\s*"


def _status(value: object) -> int:
    match = re.fullmatch(_STATUS, str(value)) if isinstance(value, int | str) else None
    if not match:
        raise ValueError(f"must be status codes like +418,-500, not {shown(value)}")
    return int(match[1] + match[2])


STATUSES = Statuses()


class Headers(Kind):
    """Header fields (RFC 9110, section 5). No message shows a value: that may be a secret."""

    metavar = "LINE|@FILE"
    several = True

    def parse(self, text: str) -> tuple[tuple[str, str], ...]:
        """Name and value of one; of `@FILE`, those of each of its lines."""
        return _of_file(text[1:]) if text.startswith("@") else (parse_header(text),)

    def split(self, text: str) -> list[str]:
        """Those in one environment variable stand on lines of their own."""
        return [line for line in text.splitlines() if line.strip()]

    def check(self, value: object) -> tuple[tuple[str, str], ...]:
        """A mapping, or pairs of name and value, as a tuple of pairs.

        A tuple of pairs may stand in place of one: that is what `parse` gives.
        """
        found = items(value.items() if isinstance(value, Mapping) else value)
        if found is None:
            kind = type(value).__name__
            raise ValueError(f"must be pairs of name and value, not of type {kind}")
        groups: Iterable[Any] = (one if _is_group(one) else [one] for one in found)
        return tuple(_header(pair) for group in groups for pair in group)

    def masked(self, value: object) -> str:
        """The names, each with a mask for its value."""
        return repr(tuple((name, MASK) for name, _ in cast("Iterable[tuple[str, str]]", value)))


_MOST_CHARACTERS = 1_000_000
"""In a file of headers: more than any server takes, and little enough to be read at once."""


def _is_group(value: Any) -> bool:
    """Whether this is a tuple of pairs, and not one pair of texts."""
    return isinstance(value, tuple) and all(isinstance(inner, tuple) for inner in value)


def _of_file(path: str) -> tuple[tuple[str, str], ...]:
    """The header fields of a file, one a line. Its lines may be secrets: no message shows one."""
    if path == "-":
        raise ValueError(
            "@- is not read, since the list may come from standard input (write @/dev/stdin)"
        )
    try:
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123 - a Path has no `/dev/fd/3`
            text = file.read(_MOST_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ValueError(f"cannot read {path}: {reason}") from None
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"{path} is too long for a file of headers")
    fields = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                fields.append(parse_header(line))
        except ValueError as error:
            raise ValueError(f"line {number} of {path}: {error}") from None
    return tuple(fields)


def _header(pair: object) -> tuple[str, str]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError("must be pairs of name and value: one is no such pair")
    name, value = pair
    if not (isinstance(name, str) and isinstance(value, str)):
        raise ValueError(f"must be text: the one named {shown(name)} is not")
    if name.lower() == "proxy-authorization":
        raise UsageError(
            "a server must not see Proxy-Authorization: write user and password into"
            " the proxy's URL (--proxy http://user:password@host:port)"
        )
    return name, value


HEADERS = Headers()


class UserAndPassword(Kind):
    """User and password with a colon between them. No message shows them."""

    metavar = "NAME:PASSWORD"

    def check(self, value: object) -> str:
        """The same text."""
        if not isinstance(value, str) or ":" not in value:
            raise ValueError("must be NAME:PASSWORD")
        return value

    def masked(self, value: object) -> str:
        """The user alone."""
        return repr(f"{str(value).partition(':')[0]}:{MASK}")


USER_AND_PASSWORD = UserAndPassword()


class ProxyURL(Kind):
    """The URL of a proxy. It may hold a password: no message shows it."""

    metavar = "URL"

    def check(self, value: object) -> str:
        """The same text."""
        if not isinstance(value, str):
            raise ValueError(f"must be a URL, not of type {type(value).__name__}")
        check_proxy(value)
        return value

    def masked(self, value: object) -> str:
        """The URL without user and password."""
        return repr(masked_url(str(value)))


PROXY_URL = ProxyURL()


class ProxyURLOrNone(ProxyURL):
    """The URL of a proxy, or the empty text for no proxy."""

    def check(self, value: object) -> str:
        """The same text."""
        return "" if value == "" else super().check(value)


PROXY_URL_OR_NONE = ProxyURLOrNone()


class UserAgent(Kind):
    """The value of the field `User-Agent` (RFC 9110, section 10.1.5)."""

    def check(self, value: object) -> str:
        """The same text, without blanks around it."""
        return parse_header(f"User-Agent: {super().check(value)}")[1]


USER_AGENT = UserAgent()


def check_proxy(proxy: str) -> None:
    """Raises `UsageError` for what is not the URL of a proxy; its text does not show the URL."""
    try:
        parts = urlsplit(proxy)
        fine = parts.scheme.lower() in _PROXIES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        schemes = ", ".join(sorted(_PROXIES))
        message = f"the proxy is no URL with a host and one of the schemes {schemes}"
        raise UsageError(message)
    if parts.scheme.lower().startswith("socks") and not find_spec("socks"):
        raise UsageError("SOCKS proxies need an extra: pip install 'pyfetch-batch[socks]'")
