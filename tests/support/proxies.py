"""Proxies on the loopback, by HTTP and by SOCKS 5; whatever is asked for is at 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.support.serving import Serving

_IPV4, _NAME, _IPV6 = 1, 3, 4


@dataclass(frozen=True)
class Asked:
    """A request that came in at an HTTP proxy."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Wanted:
    """A connection that a SOCKS proxy was asked for."""

    host: str
    port: int
    is_name: bool


class _Proxy(Serving):
    scheme = "http"

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return self.url_with(self.scheme)

    def url_with(self, scheme: str, userinfo: str = "") -> str:
        """Its URL with another scheme, or with a user and a password."""
        return f"{scheme}://{f'{userinfo}@' if userinfo else ''}127.0.0.1:{self.port}"


class _HTTPHandler(socketserver.StreamRequestHandler):
    server: HTTPProxy

    def handle(self) -> None:
        self.server.connections += 1
        method, target, _ = self.rfile.readline().decode().split()
        headers = {}
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            headers[name] = value.strip()
        self.server.asked.append(Asked(method, target, headers))
        if self.server.refusal:
            answer = f"HTTP/1.1 {self.server.refusal}\r\nContent-Length: 0\r\n\r\n"
            self.wfile.write(answer.encode())
        elif method == "CONNECT":
            self._tunnel(int(target.rpartition(":")[2]))
        else:
            self._pass_on(target, headers)

    def _tunnel(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            relay(self.connection, upstream)

    def _pass_on(self, target: str, headers: dict[str, str]) -> None:
        """One request in the form for an origin, and the answer to it."""
        parts = urlsplit(target)
        path = parts._replace(scheme="", netloc="").geturl()
        # RFC 9110, section 11.7.2: what is for this proxy goes no further.
        kept = {name: headers[name] for name in headers if name != "Proxy-Authorization"}
        fields = "".join(f"{k}: {v}\r\n" for k, v in (kept | {"Connection": "close"}).items())
        with socket.create_connection(("127.0.0.1", parts.port or 80)) as upstream:
            upstream.sendall(f"GET {path} HTTP/1.1\r\n{fields}\r\n".encode())
            answer = upstream.makefile("rb")
            self.wfile.write(answer.readline() + b"Connection: close\r\n" + answer.read())


class HTTPProxy(_Proxy):
    """A proxy that is asked in absolute form, or for tunnels; `asked` holds what came in."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", _HTTPHandler)
        self.asked: list[Asked] = []
        self.refusal = ""
        """The status and the reason that it answers with, whatever it is asked."""


class _SocksHandler(socketserver.StreamRequestHandler):
    """RFC 1928, and RFC 1929 for the password."""

    server: SocksProxy

    def handle(self) -> None:
        self.server.connections += 1
        if self.server.stalls:
            self.server.over.wait(60)
            return
        _, count = self.rfile.read(2)
        offered = self.rfile.read(count)
        method = 2 if self.server.login else 0
        if method not in offered:
            self.wfile.write(b"\x05\xff")
            return
        self.wfile.write(bytes([5, method]))
        if self.server.login and not self._logged_in():
            return
        _, _, _, kind = self.rfile.read(4)
        if kind == _NAME:
            host = self.rfile.read(self.rfile.read(1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == _IPV4 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, self.rfile.read(size))
        (port,) = struct.unpack("!H", self.rfile.read(2))
        self.server.wanted.append(Wanted(host, port, kind == _NAME))
        self.wfile.write(bytes([5, self.server.reply, 0, 1, 127, 0, 0, 1, 0, 0]))
        if self.server.reply == 0:
            with socket.create_connection(("127.0.0.1", port)) as upstream:
                relay(self.connection, upstream)

    def _logged_in(self) -> bool:
        _, size = self.rfile.read(2)
        user = self.rfile.read(size).decode()
        password = self.rfile.read(self.rfile.read(1)[0]).decode()
        right = (user, password) == self.server.login
        self.wfile.write(bytes([1, not right]))
        return right


class SocksProxy(_Proxy):
    """A proxy that is asked for connections; `wanted` holds which."""

    scheme = "socks5h"

    def __init__(self) -> None:
        super().__init__("127.0.0.1", _SocksHandler)
        self.wanted: list[Wanted] = []
        self.login: tuple[str, str] | None = None
        """The user and password that it wants to hear."""
        self.reply = 0
        """What it answers to whoever wants a connection; 0: here it is."""
        self.stalls = False
        """Whether it takes connections and says nothing."""


def relay(client: socket.socket, upstream: socket.socket) -> None:
    """Copy both ways until both ends are done."""
    back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
    back.start()
    _copy(client, upstream)
    back.join()


def _copy(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)
