"""What the log says of requests and responses. Secrets are masked.

These functions are called only where somebody reads the log: `is_on` and `shows_heads` say so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pyfetch.http.response import ResponseHead
from pyfetch.http.route import Route
from pyfetch.text import MASK, masked
from pyfetch.units import format_seconds, format_size
from pyfetch.urls import Url, masked_url

_log = logging.getLogger(__name__)

_SHOWN_IN_REQUESTS = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "cache-control", "connection", "host",
        "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
        "origin", "pragma", "range", "referer", "user-agent",
    }
)  # fmt: skip
"""Fields of requests that hold no secret. Any other one may be a key to something."""
_SECRET_IN_RESPONSES = frozenset({"set-cookie", "authentication-info"})


def is_on() -> bool:
    """Whether `name_resolved`, `connected` and `answered` are read (`-v`)."""
    return _log.isEnabledFor(logging.INFO)


def shows_heads() -> bool:
    """Whether `request_head` and `response_head` are read (`-vv`)."""
    return _log.isEnabledFor(logging.DEBUG)


def name_resolved(host: str, addresses: Iterable[str]) -> None:
    """A name was looked up."""
    _log.info("%s is %s", host, ", ".join(dict.fromkeys(addresses)) or "no address")


def connected(route: Route, peer: object, seconds: float) -> None:
    """A connection was opened, with TLS if there is any. `peer`: what `getpeername` returns."""
    address = f"{peer[0]} port {peer[1]}" if isinstance(peer, tuple) else "its host"
    proxy = f" through the proxy {route.proxy.host}:{route.proxy.port}" if route.proxy else ""
    scheme, authority = route.scheme, route.authority
    _log.info(
        "connected to %s://%s%s at %s in %s",
        scheme, authority, proxy, address, format_seconds(seconds),
    )  # fmt: skip


def answered(url: Url, response: ResponseHead, *, reused: bool, seconds: float) -> None:
    """The head of a response is there."""
    status = f"{response.status} {response.reason}".rstrip()
    length = "" if response.length is None else f", {format_size(response.length)}"
    connection = "reused connection" if reused else "new connection"
    _log.info("%s: %s%s, in %s, %s", url, status, length, format_seconds(seconds), connection)


def not_its_answer(route: Route) -> None:
    """A connection had an answer before it was asked; the request goes over a new one."""
    _log.info(
        "%s://%s has sent more than was asked for: asked again over a new connection",
        route.scheme, route.authority,
    )  # fmt: skip


def not_answered(route: Route) -> None:
    """Requests over open connections got no answer; the next one goes over a new one."""
    _log.info(
        "%s://%s has refused a request several times: asked again over a new connection",
        route.scheme, route.authority,
    )  # fmt: skip


def request_head(head: bytes) -> None:
    """The head of a request, as it is sent."""
    first, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    lines = (line.partition(": ") for line in fields)
    shown = (
        (name, value if name.lower() in _SHOWN_IN_REQUESTS else MASK) for name, _, value in lines
    )
    _log.debug("%s", _head(">", first, shown))


def response_head(response: ResponseHead) -> None:
    """The head of a response."""
    shown = (
        (name, MASK if name.lower() in _SECRET_IN_RESPONSES else masked_url(value))
        for name, value in response.headers.items()
    )
    _log.debug("%s", _head("<", f"{response.status} {response.reason}".rstrip(), shown))


def _head(mark: str, first: str, fields: Iterable[tuple[str, str]]) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in fields)]
    return "\n".join(f"{mark} {masked(line)}" for line in lines)


def without_secrets(head: bytes) -> bytes:
    """The head of a request with a mask for each value that may be a secret, for an archive."""
    first, *lines = head.split(b"\r\n")
    kept = [first]
    for line in lines:
        name, colon, _ = line.partition(b":")
        is_shown = not colon or name.decode("latin-1").lower() in _SHOWN_IN_REQUESTS
        kept.append(line if is_shown else name + b": " + MASK.encode())
    return b"\r\n".join(kept)
