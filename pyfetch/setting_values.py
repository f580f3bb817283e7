"""What the value of a setting may be, each for itself: `UsageError` for what makes no sense."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any, Literal
from urllib.parse import urlsplit

from pyfetch.errors import UsageError

LONGEST = 31_536_000.0
"""The longest time that may be set, in seconds: a year."""
LEAST = 0.001
"""The shortest time that may be set where it has to be above 0, in seconds."""
MOST_WORKERS = 1024
MOST_PROCESSES = 64
AUTO: Literal["auto"] = "auto"
"""The number of workers that is found while they work."""
_MOST_BYTES = 2**63 - 1
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+*-]+/[\w!#$&^.+*-]+", re.ASCII)

BOUNDS: dict[str, tuple[float, float]] = {
    "workers": (1, MOST_WORKERS),
    "processes": (1, MOST_PROCESSES),
    "max_workers": (1, MOST_WORKERS),
    "per_host": (1, MOST_WORKERS),
    "rate": (1 / LONGEST, 1_000_000),
    "limit_rate": (1, _MOST_BYTES),
    "timeout": (LEAST, LONGEST),
    "connect_timeout": (LEAST, LONGEST),
    "max_time": (LEAST, LONGEST),
    "max_size": (0, _MOST_BYTES),
    "min_size": (0, _MOST_BYTES),
    "min_speed": (1, _MOST_BYTES),
    "max_redirects": (0, 1000),
    "retries": (0, 1_000_000),
    "retry_wait": (0, LONGEST),
    "max_wait": (0, LONGEST),
    "min_free": (0, _MOST_BYTES),
    "wait_lock": (0, LONGEST),
}
"""The settings that are numbers, and the least and the most that each may be."""
_OPTIONAL = frozenset({"max_time", "max_size", "min_speed", "per_host", "rate", "limit_rate"})
_WHOLE = frozenset(BOUNDS) - {
    *("rate", "timeout", "connect_timeout", "max_time", "retry_wait", "max_wait", "wait_lock")
}
_OR_AUTO = frozenset({"workers", "processes"})
_PROXIES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})


def check_number(name: str, value: Any) -> None:
    """Raises `UsageError` for what the setting of this name, a number, may not be."""
    if (value is None and name in _OPTIONAL) or (name in _OR_AUTO and value == AUTO):
        return
    least, most = BOUNDS[name]
    whole = name in _WHOLE
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise UsageError(f"{name} must be {kind} from {least:g} to {most:g}, not {value!r}")


def media_types(types: str | Iterable[str]) -> tuple[str, ...]:
    """One media type or several, where `*` stands for any characters."""
    found = (types,) if isinstance(types, str) else tuple(types)
    for expected in found:
        if not _MEDIA_TYPE.fullmatch(expected):
            raise UsageError(f"{expected!r} is no media type (write it like image/*)")
    return found


def header_pairs(headers: object) -> tuple[tuple[str, str], ...]:
    """Fields of requests, from a mapping or from pairs of name and value."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    try:
        found = tuple((name, value) for name, value in pairs)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise UsageError(f"headers must be pairs of name and value, not {headers!r}") from None
    for name, value in found:
        if not (isinstance(name, str) and isinstance(value, str)):
            raise UsageError(f"headers must be text: the one named {name!r} is not")
        if name.lower() == "proxy-authorization":
            raise UsageError(
                "a server must not see Proxy-Authorization: write user and password into"
                " the proxy's URL (--proxy http://user:password@host:port)"
            )
    return found


def check_proxy(proxy: str) -> None:
    """Raises `UsageError` for what is no URL of a proxy; it may hold a password: none is shown."""
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
        raise UsageError("SOCKS proxies need an extra: pip install 'pyfetch[socks]'")
