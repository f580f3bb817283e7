"""SOCKS proxies, by PySocks, which is the optional extra `socks`."""

from __future__ import annotations

import socket
from typing import Any

from pyfetch.http.route import Proxy
from pyfetch.models import Failure, TargetError


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
        detail = "SOCKS proxies need an extra: pip install 'pyfetch[socks]'"
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
