"""Connections through a SOCKS proxy (RFC 1928), which PySocks speaks to."""

from __future__ import annotations

import socket
from typing import Any

from urllib3.exceptions import NameResolutionError

from pyfetch.http.connection import Watched, WatchedTLS


class WatchedSocks(Watched):
    """A connection to a host behind the proxy."""

    def __init__(self, *args: Any, _socks_options: dict[str, Any], **options: Any) -> None:
        super().__init__(*args, **options)
        self._proxy = _socks_options

    @property
    def _place(self) -> tuple[str, int | None]:
        return self._proxy["proxy_host"], self._proxy["proxy_port"] or 1080

    def _socket(
        self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int
    ) -> socket.socket:
        from socks import socksocket

        made: socket.socket = socksocket(family, kind, protocol)
        return made

    def _connect(self, connection: Any, address: tuple[Any, ...]) -> None:
        from socks import ProxyError

        options = self._proxy
        user, password = options["username"], options["password"]
        connection.set_proxy(
            options["socks_version"], address[0], address[1], options["rdns"], user, password
        )
        try:
            connection.connect((self._dns_host.strip("[]"), self.port))
        except ProxyError as error:
            # What PySocks makes of it would be taken for a fault of the proxy.
            if isinstance(error.socket_err, socket.gaierror):
                raise NameResolutionError(self.host, self, error.socket_err) from error
            if isinstance(error.socket_err, TimeoutError):
                raise error.socket_err from error
            raise


class WatchedSocksTLS(WatchedSocks, WatchedTLS):
    """The same, with TLS."""
