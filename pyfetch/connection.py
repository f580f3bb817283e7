"""Connections that can be ended from outside at any moment, from the first packet on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.response import HTTPResponse

from pyfetch.strict import StrictResponse
from pyfetch.transfer import Transfer


class _Current(threading.local):
    transfer: Transfer | None = None


_current = _Current()


@contextmanager
def used_by(transfer: Transfer) -> Iterator[None]:
    """Within, what this thread connects to or asks is ended when the transfer is stopped."""
    _current.transfer = transfer
    try:
        yield
    finally:
        _current.transfer = None


class Adapter(HTTPAdapter):
    """An adapter of `requests` whose connections a `Transfer` can stop."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):  # those bring pools of their own
            manager.pool_classes_by_scheme = _POOLS
        return manager


class _Watched(HTTPConnection):
    response_class = StrictResponse

    def _new_conn(self) -> socket.socket:
        """A connection to the first of the host's addresses that takes one.

        As urllib3 does it, but that the transfer knows the socket before it connects.
        Raises urllib3's own exceptions.
        """
        host = self._dns_host.strip("[]")
        try:
            addresses = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, reason) from error
        failed: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in addresses:
            try:
                return self._connected(family, kind, protocol, address)
            except OSError as error:
                failed = error
        if isinstance(failed, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection to {self.host}") from failed
        raise NewConnectionError(self, f"no connection: {failed}") from failed

    def _connected(
        self, family: int, kind: int, protocol: int, address: tuple[Any, ...]
    ) -> socket.socket:
        connection = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                connection.setsockopt(*option)
            if isinstance(self.timeout, int | float):
                connection.settimeout(self.timeout)
            if self.source_address:
                connection.bind(self.source_address)
            self._tell_of(connection)
            connection.connect(address)
        except BaseException:
            with contextlib.suppress(OSError):
                connection.close()
            raise
        return connection

    # As in urllib3, whose response is none of http.client's.
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        self._tell_of(self.sock)
        return super().getresponse()

    @staticmethod
    def _tell_of(connection: socket.socket) -> None:
        if _current.transfer is not None:
            _current.transfer.uses(connection)


class _WatchedTLS(_Watched, HTTPSConnection):
    _handle: socket.socket | None = None

    def connect(self) -> None:
        try:
            super().connect()
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


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


_POOLS = {"http": _Pool, "https": _TLSPool}
