"""Connections that can be ended from outside at any moment, from the first packet on."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from pyfetch import cpu
from pyfetch.http.response import Answer
from pyfetch.models import Failure, TargetError
from pyfetch.transfer import Transfer

_Address = tuple[socket.AddressFamily, socket.SocketKind, int, tuple[Any, ...]]
"""Family, type, protocol and address, as `socket` takes them."""


class Watched(HTTPConnection):
    """A connection that the transfer which uses it can stop."""

    used_by: Transfer | None = None
    judge: Callable[[str], str | None] | None = None
    """Says of an address why there may be no connection to it, None if there may."""
    has_answered = False

    def ask(self, request: bytes, seconds: float, over: Callable[[bool], None]) -> Answer:
        """Send a request and wait for the head of its answer, for so long without a byte.

        `over` is for `Answer`. Raises `OSError` and `HTTPException`.
        """
        self._tell_of(self.sock)
        if self.sock.gettimeout() != seconds:
            self.sock.settimeout(seconds)
        # Who closes a connection may have answered before that, and be heard.
        try:  # noqa: SIM105 - for each URL, and `suppress` takes longer
            self.sock.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return Answer(self.sock, over)

    def let_go(self) -> None:
        """It is nobody's any more: a transfer that is stopped now must not end the next one's."""
        if self.used_by is not None:
            self.used_by.end()
            self.used_by = None

    def _new_conn(self) -> socket.socket:
        """A connection to the first of the host's addresses that may be and takes one.

        As urllib3 does it, but that the transfer knows the socket before it connects.
        Raises urllib3's own exceptions.
        """
        self.has_answered = False
        failed: OSError = OSError("the name has no address")
        for family, kind, protocol, address in self._addresses():
            try:
                return self._connected(family, kind, protocol, address)
            except OSError as error:
                failed = error
        if isinstance(failed, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection to {self.host}") from failed
        raise NewConnectionError(self, f"no connection: {failed}") from failed

    @property
    def _place(self) -> tuple[str, int | None]:
        """What the connection is made to, as host and port."""
        return self._dns_host, self.port

    def _addresses(self) -> list[_Address]:
        """Where that is. Raises `TargetError` if there may be no connection to it."""
        host, port = self._place
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, reason) from error
        addresses: list[_Address] = [
            (family, kind, protocol, address) for family, kind, protocol, _, address in found
        ]
        if self.judge is None:
            return addresses
        reasons = [self.judge(str(address[0])) for *_, address in addresses]
        allowed = [one for one, reason in zip(addresses, reasons, strict=True) if reason is None]
        if addresses and not allowed:
            # What the name resolves to is asked now and connected to now: it cannot change
            # in between.
            raise TargetError(Failure.FORBIDDEN_ADDRESS, f"not public: {reasons[0]}")
        return allowed

    def _connected(
        self,
        family: socket.AddressFamily,
        kind: socket.SocketKind,
        protocol: int,
        address: tuple[Any, ...],
    ) -> socket.socket:
        connection = self._socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                connection.setsockopt(*option)
            if isinstance(self.timeout, int | float):
                connection.settimeout(self.timeout)
            if self.source_address:
                connection.bind(self.source_address)
            self._tell_of(connection)
            self._connect(connection, address)
        except BaseException:
            with contextlib.suppress(OSError):
                connection.close()
            raise
        return connection

    def _socket(
        self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int
    ) -> socket.socket:
        return socket.socket(family, kind, protocol)

    def _connect(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        connection.connect(address)

    def _tell_of(self, connection: socket.socket) -> None:
        if self.used_by is not None:
            self.used_by.uses(connection)


class WatchedTLS(Watched, HTTPSConnection):
    """The same, with TLS."""

    _handle: socket.socket | None = None

    def connect(self) -> None:
        try:
            with cpu.anywhere():
                super().connect()
            # Else urllib3 warns of each connection where none is to be verified: who has
            # said so is warned once, and elsewhere.
            self.is_verified = True
        finally:
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        # TLS takes the socket away from this object before it shakes hands; the duplicate
        # is what can end the connection until then.
        self._handle = connection.dup()
        self._tell_of(self._handle)
        return connection


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
