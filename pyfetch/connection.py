"""Connections that can be ended from outside at any moment, from the first packet on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any, cast

from requests import ConnectionError, PreparedRequest, Response  # noqa: A004 - its own name
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
)
from urllib3.poolmanager import PoolManager
from urllib3.response import HTTPResponse

from pyfetch.model import Failure, TargetError
from pyfetch.origin import origin_of
from pyfetch.strict import StrictResponse
from pyfetch.tls import Trust
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection


_Address = tuple[socket.AddressFamily, socket.SocketKind, int, tuple[Any, ...]]
"""Family, type, protocol and address, as `socket` takes them."""


class _Current(threading.local):
    transfer: Transfer | None = None
    reused = False
    """Whether the last request went over a connection that had brought answers before."""


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


class Answer(Response):
    """What came back, without what `requests` makes of it and nobody asks for here."""

    def __init__(self, request: PreparedRequest, raw: HTTPResponse) -> None:
        # Not what it inherits, which makes a jar for cookies and looks for an encoding.
        self._content = self._content_consumed = False
        self.history = []
        self.request = request
        self.url = request.url or ""
        self.raw = raw
        self.status_code = raw.status
        self.reason = raw.reason or ""
        self.headers = raw.headers  # type: ignore[assignment] # in any case, as it should be


class Adapter(HTTPAdapter):
    """An adapter of `requests` whose connections a `Transfer` can stop.

    `refuses` says of an address why there may be no connection to it, None if there may.
    """

    def __init__(
        self,
        hosts: int,
        workers: int,
        trust: Trust,
        refuses: Callable[[str], str | None] | None = None,
    ) -> None:
        self._pools = _pools_with(Idle(2 * workers), refuses)
        self._trust = trust
        self._hosts = hosts
        self._known: dict[tuple[str, str | None], HTTPConnectionPool] = {}
        super().__init__(pool_connections=hosts, pool_maxsize=workers)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools.direct

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        socks = proxy.lower().startswith("socks")
        if not socks and proxy.lower().startswith("https:"):
            options["proxy_ssl_context"] = self._trust.context
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools.socks if socks else self._pools.direct
        return manager

    def ask(
        self, request: PreparedRequest, timeout: tuple[float, float], proxies: dict[str, str]
    ) -> Answer:
        """Send a request and read the head of its answer; `timeout` is to connect and to read."""
        # What `send` returns is what `build_response` makes.
        while True:
            _current.reused = False
            try:
                answer = self.send(request, stream=True, timeout=timeout, proxies=proxies)
            except ConnectionError as error:
                if not _is_stale(error):
                    raise
                continue  # over another connection, in the end over a new one
            return cast("Answer", answer)

    # All that follows is there for adapters to have it their own way.
    def build_response(self, req: PreparedRequest, resp: HTTPResponse) -> Answer:
        return Answer(req, resp)

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        key = (origin_of(request.url or ""), proxies.get("all") if proxies else None)
        pool = self._known.get(key)
        if pool is None or pool.pool is None:  # closed, since so many others came after it
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            if len(self._known) >= self._hosts:
                self._known.clear()
            self._known[key] = pool
        return pool

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, *args: Any, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        host, _ = super().build_connection_pool_key_attributes(request, *args, **options)
        return host, {"ssl_context": self._trust.context} if host["scheme"] == "https" else {}

    def cert_verify(self, *args: Any) -> None:
        """Leave it to the context."""


def _is_stale(error: ConnectionError) -> bool:
    """Whether a connection that was kept was closed, as its other end may at any time.

    A GET may then be sent again (RFC 9112, section 9.3.1). Or whether its pool was closed,
    since so many other hosts came meanwhile.
    """
    cause = error.args[0]
    if isinstance(cause, ClosedPoolError):
        return True
    closed = isinstance(cause, ProtocolError) and any(
        isinstance(inner, RemoteDisconnected | ConnectionResetError) for inner in cause.args
    )
    return closed and _current.reused


class _Watched(HTTPConnection):
    response_class = StrictResponse
    used_by: Transfer | None = None
    judge: Callable[[str], str | None] | None = None
    answers = 0
    """How many have come over it."""

    def _new_conn(self) -> socket.socket:
        """A connection to the first of the host's addresses that may be and takes one.

        As urllib3 does it, but that the transfer knows the socket before it connects.
        Raises urllib3's own exceptions.
        """
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
        self.answers = 0
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

    # As in urllib3, whose response is none of http.client's.
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        self._tell_of(self.sock)
        _current.reused = self.answers > 0
        answer = super().getresponse()
        self.answers += 1
        return answer

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


class _WatchedSocks(_Watched):
    """A connection through a SOCKS proxy (RFC 1928), which PySocks speaks to."""

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


class _WatchedSocksTLS(_WatchedSocks, _WatchedTLS):
    pass


@dataclass(frozen=True, slots=True)
class _Pools:
    """Pool classes by scheme, all of whose idle connections are counted together."""

    direct: dict[str, type[HTTPConnectionPool]]
    socks: dict[str, type[HTTPConnectionPool]]


def _pools_with(idle: Idle, refuses: Callable[[str], str | None] | None) -> _Pools:
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

    class Judged(_Watched):
        judge = staticmethod(refuses) if refuses else None

    class JudgedTLS(_WatchedTLS):
        judge = staticmethod(refuses) if refuses else None

    class Pool(Watching):
        ConnectionCls = Judged

    class TLSPool(Watching, HTTPSConnectionPool):
        ConnectionCls = JudgedTLS

    class SocksPool(Watching):
        ConnectionCls = _WatchedSocks

    class SocksTLSPool(Watching, HTTPSConnectionPool):
        ConnectionCls = _WatchedSocksTLS

    return _Pools({"http": Pool, "https": TLSPool}, {"http": SocksPool, "https": SocksTLSPool})
