"""`Route`: how an origin is reached, directly or through a proxy.

SOCKS proxies are reached by PySocks, which is the optional extra `socks`.
"""

import re
import socket
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from urllib3.util import parse_url

from pyfetch.http.tls import Trust
from pyfetch.models import Failure, TargetError
from pyfetch.urls import DEFAULT_PORTS
from pyfetch.value import Value

_PROXY_PORTS = DEFAULT_PORTS | dict.fromkeys(("socks4", "socks4a", "socks5", "socks5h"), 1080)

_NOT_IN_TARGET = re.compile(r"[\x00-\x20\x7f]")

RequestFields = Mapping[str, str | bytes]


class Proxy(Value):
    """A proxy, with the user and password for it."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.scheme!r}, {self.host!r}, {self.port})"

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    @property
    def resolves_names(self) -> bool:
        """Whether a SOCKS proxy is given the host's name, and not its address."""
        return self.scheme in ("socks4a", "socks5h")

    @property
    def authorization(self) -> str:
        """The `Proxy-Authorization` line (RFC 9110, section 11.7.2); empty without a user."""
        if self.user is None:
            return ""
        login = b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        return f"Proxy-Authorization: Basic {login}\r\n"


def parse_proxy(url: str) -> Proxy:
    """Take the URL of a proxy apart. Raises `ValueError` for one without a host."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), parts.hostname
    if not host:
        raise ValueError("the proxy's address is no URL with a host")
    port = parts.port or _PROXY_PORTS[scheme]
    if parts.username is None:
        return Proxy(scheme, host, port)
    return Proxy(scheme, host, port, unquote(parts.username), unquote(parts.password or ""))


class Route:
    """How an origin is reached. Requests of any thread share it."""

    __slots__ = (
        "_encoded", "cacert", "has_tls", "host", "is_forwarded", "is_tunnel", "port", "proxy",
        "scheme", "trust",
    )  # fmt: skip

    def __init__(self, scheme: str, host: str, port: int, proxy: Proxy | None) -> None:
        self.scheme = scheme
        self.host = host
        """Name or address, without brackets."""
        self.port = port
        self.proxy = proxy
        by_http_proxy = proxy is not None and not proxy.is_socks
        self.is_tunnel = by_http_proxy and scheme == "https"
        """Whether an HTTP proxy has to connect to the host (CONNECT)."""
        self.is_forwarded = by_http_proxy and scheme == "http"
        """Whether an HTTP proxy gets the request itself, with the whole URL in it."""
        self.has_tls = "https" in (scheme, proxy.scheme if proxy else "")
        """Whether TLS encrypts the connection to the host or the proxy."""
        self.trust: Trust | None = None
        """Who may vouch for the host, where it has authorities of its own."""
        self.cacert: str | None = None
        """The file or directory with these authorities."""
        self._encoded: tuple[RequestFields | None, str] = None, ""
        """Fields of the last request, and their lines: most requests have the same ones."""

    def __repr__(self) -> str:
        return f"<Route {self.scheme}://{self.authority} by {self.proxy}>"

    @property
    def first_hop(self) -> tuple[str, int]:
        """Host and port that the connection is made to."""
        return (self.proxy.host, self.proxy.port) if self.proxy else (self.host, self.port)

    @property
    def authority(self) -> str:
        """`host:port`, with brackets around an IPv6 address."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def host_field(self) -> str:
        """Value of the field `Host` (RFC 9110, section 7.2)."""
        host = _bracketed(self.host.partition("%")[0])  # a zone is local (RFC 6874, section 4)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def encode(self, url: str, fields: RequestFields) -> bytes:
        """The head of a GET (RFC 9112, section 3). Raises `ValueError` for what cannot be sent."""
        target = request_target(url)
        if _NOT_IN_TARGET.search(target):
            raise ValueError("its path has a character that no URL may have")
        if self.is_forwarded:
            target = f"{self.scheme}://{self.host_field}{target}"
        encoded, lines = self._encoded
        if fields is not encoded:
            lines = self._lines(fields)
            self._encoded = fields, lines
        return f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")

    def _lines(self, fields: RequestFields) -> str:
        """The lines of these fields. Raises `ValueError` for a value with a line end in it."""
        host = "" if "Host" in fields else f"Host: {self.host_field}\r\n"
        lines = "".join(
            f"{name}: {value.decode('latin-1') if isinstance(value, bytes) else value}\r\n"
            for name, value in fields.items()
        )
        if lines.count("\n") != len(fields) or lines.count("\r") != len(fields):
            raise ValueError("a header field has a line break in it")
        proxy = self.proxy if self.is_forwarded else None
        return f"{host}{lines}{proxy.authorization if proxy else ''}"


def request_target(url: str) -> str:
    """Path and query of a URL that `requests` has prepared (RFC 9112, section 3.2.1)."""
    return url[url.find("/", len("https://")) :].partition("#")[0]


def route_to(url: str, proxy: Proxy | None) -> Route:
    """The route to the origin of a URL that `requests` has prepared. Raises `ValueError`."""
    parts = parse_url(url)
    scheme, host = (parts.scheme or "").lower(), parts.host or ""
    if not host or scheme not in DEFAULT_PORTS:
        raise ValueError("no URL with a host")
    return Route(scheme, host.strip("[]"), parts.port or DEFAULT_PORTS[scheme], proxy)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def new_socket(
    proxy: Proxy | None, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int
) -> socket.socket:
    """Make a socket: an ordinary one, or one for `connect_through` a SOCKS proxy.

    Raises `TargetError` if PySocks is not installed.
    """
    if proxy is None:
        return socket.socket(family, kind, protocol)
    try:
        from socks import socksocket
    except ImportError as error:
        detail = "SOCKS proxies need an extra: pip install 'pyfetch-batch[socks]'"
        raise TargetError(Failure.CONNECT, detail) from error
    made: socket.socket = socksocket(family, kind, protocol)
    return made


def connect_through(
    connection: Any, proxy: Proxy, address: tuple[Any, ...], target: tuple[str, int]
) -> None:
    """Connect to a proxy at `address`, and let it connect to `target`. Raises `OSError`."""
    from socks import PROXY_TYPE_SOCKS4, PROXY_TYPE_SOCKS5, ProxyError

    connection.set_proxy(
        PROXY_TYPE_SOCKS4 if proxy.scheme.startswith("socks4") else PROXY_TYPE_SOCKS5,
        address[0],
        address[1],
        proxy.resolves_names,
        proxy.user,
        proxy.password,
    )
    try:
        connection.connect(target)
    except ProxyError as error:
        # PySocks wraps a timeout, which would then count as an error that the proxy reports.
        if isinstance(error.socket_err, TimeoutError):
            raise error.socket_err from error
        raise
