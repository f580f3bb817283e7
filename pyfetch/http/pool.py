"""Connections that are kept open from one request to the next."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict, deque
from functools import partial

from pyfetch.http import trace
from pyfetch.http.connection import Connection, Connector
from pyfetch.http.response import Response
from pyfetch.http.route import Route
from pyfetch.transfer import Transfer
from pyfetch.urls import Url


class ConnectionPool:
    """All connections of a run; for any thread. One lock guards those that are idle."""

    def __init__(self, connector: Connector, max_idle: int) -> None:
        """`max_idle`: connections that are kept open while no request uses them, at most."""
        self._connector = connector
        self._max_idle = max_idle
        self._lock = threading.Lock()
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        """Least recently used first."""
        self._by_route: dict[Route, deque[Connection]] = {}
        """The same, in the same order."""
        weakref.finalize(self, _close_all, self._idle)

    def send(
        self, route: Route, url: Url, request: bytes, transfer: Transfer, timeout: float
    ) -> Response:
        """Send an encoded GET and wait for the head of its response.

        A server may close an idle connection at any time. Then the request is sent again over the
        next one (RFC 9112, section 9.3.1: a GET may be), and over a new one in the end. `timeout`
        is the longest wait for a byte, in seconds. Raises what `Connection` raises.
        """
        while True:
            connection = self._take(route)
            try:
                if not connection.is_open:
                    connection.open(transfer)
                if trace.is_on():
                    return self._send_traced(connection, url, request, transfer, timeout)
                return connection.send(
                    url, request, transfer, timeout, partial(self._release, connection)
                )
            except BaseException as error:
                self._release(connection, reusable=False)
                if not connection.was_stale(error):
                    raise

    def _send_traced(
        self, connection: Connection, url: Url, request: bytes, transfer: Transfer, timeout: float
    ) -> Response:
        """The same as `Connection.send`, with lines for the log."""
        reused, began = connection.has_responded, time.monotonic()
        if trace.shows_heads():
            trace.request_head(request)
        response = connection.send(
            url, request, transfer, timeout, partial(self._release, connection)
        )
        seconds = time.monotonic() - began
        if trace.shows_heads():
            trace.response_head(response)
        trace.answered(url, response, reused=reused, seconds=seconds)
        return response

    def close_idle(self) -> None:
        """Close all connections that no request uses."""
        while True:
            with self._lock:
                if not self._idle:
                    return
                oldest = self._pop_oldest()
            oldest.close()

    def _take(self, route: Route) -> Connection:
        """Return the idle connection that was used last, or a new one that is not open yet."""
        while True:
            with self._lock:
                connections = self._by_route.get(route)
                if not connections:
                    return Connection(route, self._connector)
                connection = connections.pop()
                if not connections:
                    del self._by_route[route]
                del self._idle[connection]
            if connection.is_idle:
                return connection
            connection.close()

    def _release(self, connection: Connection, reusable: bool) -> None:
        """Keep a connection for another request, or close it."""
        connection.detach()
        if not reusable:
            connection.close()
            return
        connection.has_responded = True
        route = connection.route
        with self._lock:
            self._idle[connection] = None
            self._by_route.setdefault(route, deque()).append(connection)
            oldest = self._pop_oldest() if len(self._idle) > self._max_idle else None
        if oldest is not None:
            oldest.close()

    def _pop_oldest(self) -> Connection:
        oldest, _ = self._idle.popitem(last=False)
        connections = self._by_route[oldest.route]
        connections.popleft()
        if not connections:
            del self._by_route[oldest.route]
        return oldest


def _close_all(connections: OrderedDict[Connection, None]) -> None:
    for connection in connections:
        connection.close()
