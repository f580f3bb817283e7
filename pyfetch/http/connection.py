"""One connection: opened directly or through a proxy, with or without TLS.

The transfer that uses a connection can be stopped at any moment, from the name look-up on.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from http.client import RemoteDisconnected
from typing import Any

from pyfetch import cpu
from pyfetch.http import trace
from pyfetch.http.address_race import WorkingAddresses, connect_in_turn, connect_to_first
from pyfetch.http.name_lookup import Address, NameLookUps, is_ip_address
from pyfetch.http.read_buffer import KeepingBuffer, ReadBuffer
from pyfetch.http.response import RawHeads, Response, receive_response
from pyfetch.http.response_head import read_head
from pyfetch.http.route import Proxy, Route
from pyfetch.http.tls import Trust
from pyfetch.models import Failure, TargetError
from pyfetch.timing import Phase
from pyfetch.transfer import Transfer
from pyfetch.urls import Url

AddressJudge = Callable[[str], str | None]
"""Returns why there may be no connection to an IP address; None if there may."""


class ConnectError(Exception):
    """No TCP connection could be made. `__cause__` is the `OSError` of the last address."""


class HandshakeTimeoutError(TimeoutError):
    """The connection was made, but a proxy or TLS did not finish its handshake in time."""


class Connector:
    """What all connections of a run share."""

    __slots__ = ("connect_timeout", "judge", "keeps_heads", "look_ups", "trust", "working")

    def __init__(
        self,
        trust: Trust,
        connect_timeout: float,
        look_ups: NameLookUps,
        judge: AddressJudge | None = None,
        *,
        keeps_heads: bool = False,
    ) -> None:
        self.trust = trust
        self.connect_timeout = connect_timeout
        """Seconds for the name look-up, for each address, and for each wait of a handshake."""
        self.look_ups = look_ups
        self.judge = judge
        self.keeps_heads = keeps_heads
        """Whether each response gets `raw`: the heads as they were sent."""
        self.working = WorkingAddresses()


class Connection:
    """A connection to an origin. Used by one transfer at a time, and by one thread."""

    __slots__ = (
        "_connector", "_has_heard", "_poll", "_socket", "_stoppable", "_transfer", "has_responded",
        "route",
    )  # fmt: skip

    def __init__(self, route: Route, connector: Connector) -> None:
        self.route = route
        self.has_responded = False
        """Whether it was kept open after a response, so that the server may have closed it."""
        self._connector = connector
        self._has_heard = False
        """Whether anything has come since a request was sent last."""
        self._socket: socket.socket | None = None
        self._stoppable: socket.socket | None = None
        """The socket that `Transfer.stop` shuts down. With TLS inside the TLS of a proxy, this is
        the outer one, else it is `_socket`."""
        self._transfer: Transfer | None = None
        self._poll: select.poll | None = None
        """Watches `_socket`, once that was idle."""

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    @property
    def is_idle(self) -> bool:
        """Whether it is open, and the server has neither closed it nor sent anything unasked."""
        if self._socket is None:
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
        return not self._poll.poll(0)

    def open(self, transfer: Transfer) -> None:
        """Connect for this transfer.

        Raises `socket.gaierror`, `ConnectError`, other `OSError`s for proxies and TLS,
        `HTTPException` for a proxy that speaks no HTTP, and `TargetError`.
        """
        self._transfer = transfer
        transfer.has_asked = False
        route, proxy = self.route, self.route.proxy
        began = time.monotonic()
        self._connect(transfer)
        try:
            if proxy and proxy.scheme == "https":
                self._start_tls(proxy.host, self._connector.trust, transfer)
            if proxy and route.is_tunnel:
                self._open_tunnel(proxy, transfer)
            if route.scheme == "https":
                self._start_tls(route.host, route.trust or self._connector.trust, transfer)
        except TimeoutError as error:
            raise HandshakeTimeoutError from error
        if trace.is_on() and self._stoppable:
            with contextlib.suppress(OSError):
                peer = self._stoppable.getpeername()
                trace.connected(route, peer, time.monotonic() - began)

    def send(
        self,
        url: Url,
        request: bytes,
        transfer: Transfer,
        timeout: float,
        on_end: Callable[[bool], None],
    ) -> Response:
        """Send a request and wait for the head of its response.

        `timeout`: longest wait for a byte, in seconds. `on_end` is for the `Response`.
        Raises `OSError` and `HTTPException`.
        """
        self._transfer = transfer
        connection, stoppable = self._sockets()
        transfer.has_asked = True
        self._has_heard = False
        transfer.uses(stoppable)
        transfer.enter(Phase.WAITING)
        if connection.gettimeout() != timeout:
            connection.settimeout(timeout)
        # A server that closes the connection may have responded first: read that response.
        try:  # noqa: SIM105 - `suppress` costs more, and this is done for each URL
            _send_all(connection, request)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            pass
        if self._connector.keeps_heads:
            return self._receive_with_heads(url, request, on_end)
        buffer = ReadBuffer(connection)
        self._has_heard = buffer.receive()
        return receive_response(url, buffer, on_end)

    def was_stale(self, error: BaseException) -> bool:
        """Whether `send` raised this as the server had closed the connection while it was idle.

        TCP and TLS have many errors for that. What counts is that not a byte has come.
        """
        is_over = isinstance(error, OSError | RemoteDisconnected)
        is_silent = isinstance(error, TimeoutError)
        return self.has_responded and not self._has_heard and is_over and not is_silent

    def detach(self) -> None:
        """Detach from the transfer: `Transfer.stop` must not shut this connection down any more."""
        if self._transfer is not None:
            self._transfer.end()
            self._transfer = None

    def close(self) -> None:
        connection, self._socket, self._stoppable = self._socket, None, None
        self._poll = None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _connect(self, transfer: Transfer) -> None:
        """Open a TCP connection to an address that is allowed and accepts one."""
        connector, route = self._connector, self.route
        host, port = route.first_hop
        found = connector.look_ups.resolve(host, port, connector.connect_timeout, transfer)
        addresses = connector.working.in_order((host, port), _allowed(found, connector.judge))
        transfer.enter(Phase.CONNECTING)
        if trace.is_on() and not is_ip_address(host):
            trace.name_resolved(host, (str(address[4][0]) for address in found))
        socks = route.proxy if route.proxy and route.proxy.is_socks else None
        target = self._socks_target(socks, transfer) if socks else ("", 0)
        timeout = connector.connect_timeout
        try:
            if socks or len(addresses) == 1:  # no race is needed: half as many system calls
                connection = connect_in_turn(addresses, timeout, transfer, socks, target)
            else:
                connection, address = connect_to_first(addresses, timeout, transfer)
                if address is not addresses[0]:
                    connector.working.note((host, port), address)
        except OSError as error:
            raise ConnectError(str(error)) from error
        self._socket = self._stoppable = connection

    def _socks_target(self, proxy: Proxy, transfer: Transfer) -> tuple[str, int]:
        """What a SOCKS proxy has to connect to: the name, or an address that was looked up here."""
        route, connector = self.route, self._connector
        if proxy.resolves_names:
            return route.host, route.port
        found = connector.look_ups.resolve(
            route.host, route.port, connector.connect_timeout, transfer
        )
        families = (
            (socket.AF_INET,) if proxy.scheme == "socks4" else (socket.AF_INET, socket.AF_INET6)
        )
        for family, *_, address in found:
            if family in families:
                return str(address[0]), route.port
        raise socket.gaierror(socket.EAI_NONAME, "no address that a SOCKS 4 proxy could reach")

    def _open_tunnel(self, proxy: Proxy, transfer: Transfer) -> None:
        """Let an HTTP proxy connect to the host (RFC 9110, section 9.3.6)."""
        connection, stoppable = self._sockets()
        transfer.uses(stoppable)
        host = self.route.authority
        head = f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{proxy.authorization}\r\n"
        connection.sendall(head.encode("latin-1"))
        buffer = ReadBuffer(connection)
        buffer.receive()
        (_, status, reason), _ = read_head(buffer)
        if not 200 <= status < 300:
            raise ConnectionError(f"the proxy refuses a tunnel: {status} {reason}".rstrip())
        if buffer.holds_bytes:
            raise ConnectionError("the proxy sent data before the host could send any")

    def _start_tls(self, host: str, trust: Trust, transfer: Transfer) -> None:
        """Start TLS with `host` over the connection, which may have TLS to a proxy already."""
        lower, stoppable = self._sockets()
        transfer.enter(Phase.SECURING)
        context = trust.context
        # No certificate names an IPv6 zone, which is local to this machine, or a final dot.
        name = host.partition("%")[0].rstrip(".")
        if isinstance(lower, ssl.SSLSocket):  # TLS to the host inside the TLS of a proxy
            from urllib3.util import ssl_wrap_socket

            transfer.uses(stoppable)
            with cpu.anywhere():
                inner: Any = ssl_wrap_socket(
                    lower, ssl_context=context, server_hostname=name, tls_in_tls=True
                )
            inner.suppress_ragged_eofs = False
            self._socket = inner  # no subclass of a socket, but it has the same methods
            return
        # `wrap_socket` detaches the descriptor from this socket before the handshake. Until it
        # returns, only a duplicate of the descriptor can shut the connection down.
        with socket.fromfd(lower.fileno(), lower.family, lower.type) as duplicate:
            transfer.uses(duplicate)
            with cpu.anywhere():
                self._socket = self._stoppable = context.wrap_socket(
                    lower, server_hostname=name, suppress_ragged_eofs=False
                )

    def _receive_with_heads(
        self, url: Url, request: bytes, on_end: Callable[[bool], None]
    ) -> Response:
        """Wait for the head of the response, and keep both heads as they went by."""
        connection, stoppable = self._sockets()
        sent_at, address = time.time(), None
        if self.route.proxy is None:
            with contextlib.suppress(OSError):
                address = str(stoppable.getpeername()[0])
        buffer = KeepingBuffer(connection)
        self._has_heard = buffer.receive()
        response = receive_response(url, buffer, on_end)
        response.raw = RawHeads(request, buffer.skipped, sent_at, address)
        return response

    def _sockets(self) -> tuple[socket.socket, socket.socket]:
        if self._socket is None or self._stoppable is None:
            raise ConnectionError("the connection is closed")
        return self._socket, self._stoppable


def _send_all(connection: socket.socket, request: bytes) -> None:
    if type(connection) is not socket.socket:  # TLS, or TLS inside the TLS of a proxy
        connection.sendall(request)
        return
    # With a timeout, a socket asks the system first whether it may send, and nearly always it may.
    try:
        sent = os.write(connection.fileno(), request)
    except BlockingIOError:
        sent = 0
    if sent < len(request):
        connection.sendall(request[sent:])


def _allowed(found: Sequence[Address], judge: AddressJudge | None) -> Sequence[Address]:
    """The addresses that `judge` allows. Raises `TargetError` if there are none.

    The connection is made to one of these, without another look-up: a name that resolves to
    other addresses a moment later cannot get around the check.
    """
    if judge is None:
        return found
    refusals = [judge(str(address[4][0])) for address in found]
    allowed = [one for one, refusal in zip(found, refusals, strict=True) if refusal is None]
    if found and not allowed:
        raise TargetError(Failure.FORBIDDEN_ADDRESS, f"not public: {refusals[0]}")
    return allowed
