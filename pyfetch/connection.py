"""Connections that can be ended from outside at any moment, from the first packet on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.response import HTTPResponse

from pyfetch.strict import StrictResponse
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection


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


class Idle:
    """Connections that are kept open though nobody uses them: so many, over all hosts."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._connections: OrderedDict[_Watched, None] = OrderedDict()

    def add(self, connection: _Watched) -> None:
        """Keep this one, in place of the one that was used longest ago if there are too many."""
        with self._lock:
            self._connections[connection] = None
            if len(self._connections) <= self._most:
                return
            oldest, _ = self._connections.popitem(last=False)
        oldest.close()

    def take(self, connection: _Watched) -> bool:
        """Whether it still is there; then it is no longer idle."""
        with self._lock:
            return self._connections.pop(connection, self) is None


class Adapter(HTTPAdapter):
    """An adapter of `requests` whose connections a `Transfer` can stop."""

    def __init__(self, hosts: int, workers: int) -> None:
        self._pools = _pools_with(Idle(2 * workers))
        super().__init__(pool_connections=hosts, pool_maxsize=workers)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):  # those bring pools of their own
            manager.pool_classes_by_scheme = self._pools
        return manager


class _Watched(HTTPConnection):
    response_class = StrictResponse
    used_by: Transfer | None = None

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

    def _tell_of(self, connection: socket.socket) -> None:
        self.used_by = _current.transfer
        if self.used_by is not None:
            self.used_by.uses(connection)

    def let_go(self) -> None:
        """It is nobody's any more: a transfer that is stopped now must not end the next one's."""
        if self.used_by is not None:
            self.used_by.end()
            self.used_by = None


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


def _pools_with(idle: Idle) -> dict[str, type[HTTPConnectionPool]]:
    """Pool classes for each scheme, all of whose idle connections are counted together."""

    class Watching(HTTPConnectionPool):
        def _get_conn(self, timeout: float | None = None) -> BaseHTTPConnection:
            while True:
                connection = super()._get_conn(timeout)
                if not isinstance(connection, _Watched) or connection.is_closed:
                    return connection
                if idle.take(connection):
                    return connection

        def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
            if isinstance(conn, _Watched):
                conn.let_go()
                if not conn.is_closed:
                    idle.add(conn)
            super()._put_conn(conn)

    class Pool(Watching):
        ConnectionCls = _Watched

    class TLSPool(Watching, HTTPSConnectionPool):
        ConnectionCls = _WatchedTLS

    return {"http": Pool, "https": TLSPool}
