"""Connections that are kept open from one request to the next, by the host that they lead to."""

from __future__ import annotations

import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from http.client import RemoteDisconnected
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pyfetch.http.connection import Watched, WatchedSocks, WatchedSocksTLS, WatchedTLS
from pyfetch.http.response import Answer
from pyfetch.transfer import Transfer
from pyfetch.urls import DEFAULT_PORTS

_CLOSED = (RemoteDisconnected, ConnectionResetError)
_NOT_IN_A_TARGET = re.compile(r"[\x00-\x20\x7f]")


class _Current(threading.local):
    transfer: Transfer | None = None


current = _Current()
"""Whose request it is that this thread sends."""


class Idle:
    """Connections that are kept open though nobody uses them: so many, over all hosts."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._connections: OrderedDict[Watched, None] = OrderedDict()

    def add(self, connection: Watched) -> None:
        """Keep this one, in place of the one that was used longest ago if there are too many."""
        with self._lock:
            self._connections[connection] = None
            if len(self._connections) <= self._most:
                return
            oldest, _ = self._connections.popitem(last=False)
        oldest.close()

    def take(self, connection: Watched) -> bool:
        """Whether it still is there; then it is no longer idle."""
        with self._lock:
            return self._connections.pop(connection, self) is None


class Pool(HTTPConnectionPool):
    """The connections to one host; for any thread.

    urllib3 makes them as its settings, proxies and certificates want it. What is asked over
    them is asked here: its own way costs more than all else that a small file takes.
    """

    idle: Idle

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: list[Watched] = []
        weakref.finalize(self, _close_all, self._kept)  # as urllib3 does with its own
        self.is_closed = False
        self._host = host_field(self.host, self.port, self.scheme)
        self._encoded: tuple[Mapping[str, str | bytes], str] = ({}, "")
        """The fields of the last request, and their lines: mostly those of the next one too."""

    def urlopen(self, method: str, url: str, **options: Any) -> Answer:  # type: ignore[override]
        """Send a request and wait for the head of its answer.

        `headers` and `timeout` are as urllib3 has them; nothing is tried again, and no
        redirect followed. But a connection that was kept may have been closed at its other
        end at any time. A GET is then sent again over another one (RFC 9112, section 9.3.1),
        in the end over a new one.
        """
        timeout = options["timeout"]
        request = self._encode(method, url, options["headers"])
        tunnel = self.proxy is not None and url.startswith("/")
        while True:
            connection = self._taken()
            connection.used_by = current.transfer
            try:
                if connection.is_closed:
                    connection.timeout = timeout.connect_timeout
                    if tunnel:
                        self._prepare_proxy(connection)
                    else:
                        connection.connect()
                return connection.ask(
                    request, timeout.read_timeout, partial(self._over, connection)
                )
            except BaseException as error:
                had_answered = connection.has_answered
                self._over(connection, stays_open=False)
                if not (had_answered and isinstance(error, _CLOSED)):
                    raise

    def _encode(self, method: str, url: str, fields: Mapping[str, str | bytes]) -> bytes:
        """The head of a request. Raises `ValueError` where that would not be one."""
        if _NOT_IN_A_TARGET.search(url):
            raise ValueError("its path has a character that no URL may have")
        if self.proxy is not None and not url.startswith("/"):
            parts = urlsplit(url)
            host = host_field(parts.hostname or "", parts.port, parts.scheme)
            lines = _with_host(fields, host) + _lines(self.proxy_headers)
        else:
            known, lines = self._encoded
            if fields is not known:
                lines = _with_host(fields, self._host)
                self._encoded = fields, lines
        return f"{method} {url} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")

    def close(self) -> None:
        """Keep none any more."""
        self.is_closed = True
        while (connection := self._popped()) is not None:
            if self.idle.take(connection):
                connection.close()
        super().close()

    def _taken(self) -> Watched:
        while (connection := self._popped()) is not None:
            if not self.idle.take(connection):
                continue
            if connection.is_connected:
                return connection
            connection.close()
        return cast("Watched", self._new_conn())

    def _popped(self) -> Watched | None:
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _over(self, connection: Watched, stays_open: bool) -> None:
        connection.let_go()
        if not stays_open or self.is_closed:
            connection.close()
            return
        connection.has_answered = True
        self.idle.add(connection)
        self._kept.append(connection)


def host_field(host: str, port: int | None, scheme: str | None) -> str:
    """What the field `Host` says (RFC 9110, section 7.2)."""
    host = host.strip("[]").partition("%")[0]  # a zone is this machine's own (RFC 6874, section 4)
    name = f"[{host}]" if ":" in host else host
    return name if port in (None, DEFAULT_PORTS.get(scheme or "")) else f"{name}:{port}"


def _close_all(connections: list[Watched]) -> None:
    for connection in connections:
        connection.close()


def _lines(fields: Mapping[str, str | bytes]) -> str:
    """Fields as they are sent. Raises `ValueError` where one has the end of a line in it."""
    lines = "".join(
        f"{name}: {value.decode('latin-1') if isinstance(value, bytes) else value}\r\n"
        for name, value in fields.items()
    )
    if lines.count("\n") != len(fields) or lines.count("\r") != len(fields):
        raise ValueError("a field has the end of a line in it")
    return lines


def _with_host(fields: Mapping[str, str | bytes], host: str) -> str:
    """The same, behind a `Host` unless there is one among them."""
    first = "" if "Host" in fields else f"Host: {host}\r\n"
    return first + _lines(fields)


class Pools(NamedTuple):
    """Classes of pools by scheme, all of whose idle connections are counted together."""

    direct: dict[str, type[HTTPConnectionPool]]
    socks: dict[str, type[HTTPConnectionPool]]


def pools_with(most_idle: int, refuses: Callable[[str], str | None] | None) -> Pools:
    """Pools that keep so many connections; `refuses` is what judges addresses."""

    class Judged(Watched):
        judge = staticmethod(refuses) if refuses else None

    class JudgedTLS(WatchedTLS):
        judge = staticmethod(refuses) if refuses else None

    class Plain(Pool):
        idle = Idle(most_idle)
        ConnectionCls: type[Any] = Judged

    class TLS(Plain, HTTPSConnectionPool):
        ConnectionCls = JudgedTLS

    class Socks(Plain):
        ConnectionCls = WatchedSocks

    class SocksTLS(Plain, HTTPSConnectionPool):
        ConnectionCls = WatchedSocksTLS

    return Pools({"http": Plain, "https": TLS}, {"http": Socks, "https": SocksTLS})
