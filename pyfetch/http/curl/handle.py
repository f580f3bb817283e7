"""Easy handles of libcurl, used for one request after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pycurl

from pyfetch.http.curl.head import final_head, raw_head
from pyfetch.http.curl.head_lines import HeadLines
from pyfetch.http.curl.request_watch import RequestWatch
from pyfetch.http.curl.used_connection import Request, UsedConnection
from pyfetch.http.name_lookup import is_ip_address
from pyfetch.http.origin_config import OriginConfig
from pyfetch.http.response import RawHeads, ResponseHead, framing_of
from pyfetch.http.route import Proxy, Route, request_target
from pyfetch.http.tls import Authorities, authorities_of
from pyfetch.settings import HttpVersion, Settings
from pyfetch.urls import Url

_VERSIONS = {
    HttpVersion.AUTO: pycurl.CURL_HTTP_VERSION_2TLS,
    HttpVersion.ONE: pycurl.CURL_HTTP_VERSION_1_1,
    HttpVersion.TWO: pycurl.CURL_HTTP_VERSION_2TLS,
    HttpVersion.THREE: pycurl.CURL_HTTP_VERSION_3,
}
_METHOD = (b"GET ", b"CONNECT ")
_BUFFER_SIZE = 256 * 1024
"""Bytes that are received at once, at most."""
_LONGEST = 2_147_483
"""The longest time that libcurl takes, in seconds."""


class Handle:
    """One easy handle. It knows which options it has, and gets only those that differ."""

    __slots__ = (
        "_fields", "_is_for_new", "_version", "connection", "easy", "heads", "keeps_heads",
        "route", "sent", "sent_at", "version",
        "wants_new_connection", "watch",
    )  # fmt: skip

    def __init__(self, connection: UsedConnection, heads: HeadLines) -> None:
        self.easy = pycurl.Curl()
        self.connection = connection
        self.heads = heads
        self.watch = RequestWatch(self.easy, connection)
        self.route: Route | None = None
        """The route that it was used for last."""
        self._fields: Mapping[str, str | bytes] | None = None
        self.wants_new_connection = False
        """Whether the request that is prepared next may not go over an open connection."""
        self._is_for_new = False
        """What libcurl was told of that."""
        self.version: int | None = None
        """The version of HTTP of the next request, as libcurl numbers it; None: the usual one."""
        self._version: int | None = None
        self.keeps_heads = False
        """Whether `sent` and `sent_at` are noted."""
        self.sent = b""
        """The head of the request, as it was sent."""
        self.sent_at = 0.0
        """When that was, in seconds since the epoch."""

    def prepare(
        self,
        url: str,
        fields: Mapping[str, str | bytes],
        config: OriginConfig,
        options: Options,
        request: Request,
    ) -> None:
        """Describe a GET. Raises `ValueError` for one that cannot be sent."""
        route, connection = config.route, self.connection
        connection.begin(request, route)
        self.heads.clear()
        lines = None if fields is self._fields else _header_lines(fields)
        easy = self.easy
        if route is not self.route:
            easy.reset()
            self._fields = self.route = None
            self._is_for_new = False
            self._version = None
            for option, value in options.of(route):
                easy.setopt(option, value)
            # No function of Python's: it is called for each line.
            easy.setopt(pycurl.HEADERFUNCTION, self.heads.lines.append)
            easy.setopt(pycurl.WRITEFUNCTION, self._write)
            easy.setopt(pycurl.OPENSOCKETFUNCTION, connection.open_socket)
            easy.setopt(pycurl.SOCKOPTFUNCTION, connection.socket_made)
            easy.setopt(pycurl.PREREQFUNCTION, connection.sending)
            easy.setopt(pycurl.RESOLVER_START_FUNCTION, connection.resolving)
            self.keeps_heads = options.keeps_heads
            if self.keeps_heads:
                easy.setopt(pycurl.VERBOSE, 1)
                easy.setopt(pycurl.DEBUGFUNCTION, self._hear)
            self.route = route
            lines = _header_lines(fields)
        if lines is not None:
            easy.setopt(pycurl.HTTPHEADER, lines)
            self._fields = fields
        if self.wants_new_connection is not self._is_for_new:
            easy.setopt(pycurl.FRESH_CONNECT, self.wants_new_connection)
            self._is_for_new = self.wants_new_connection
        if self.version != self._version:
            easy.setopt(
                pycurl.HTTP_VERSION, options.version if self.version is None else self.version
            )
            self._version = self.version
        easy.setopt(pycurl.URL, _plain(url, route) if "@" in url or "#" in url else url)

    def response(self, url: Url) -> ResponseHead:
        """The head of the response, which has come from this URL.

        Raises `HTTPException` if it is no proper one.
        """
        heads = self.heads
        status_line, fields, version = final_head(heads.lines, heads.of_proxy)
        framing = framing_of(status_line.status, fields)
        response = ResponseHead(url, status_line, fields, framing, version)
        if self.keeps_heads:
            head = raw_head(heads.lines, heads.of_proxy)
            response.raw = RawHeads(self.sent, head, self.sent_at, None)
        return response

    def _hear(self, kind: int, data: bytes) -> None:
        """Note the head of a request; a proxy may have been sent one before."""
        if kind != pycurl.INFOTYPE_HEADER_OUT:
            return
        if data.startswith(_METHOD):  # else it is the rest of one that was sent in pieces
            self.sent, self.sent_at = b"", time.time()
        self.sent += data

    def _write(self, data: bytes) -> int | None:
        request = self.connection.request
        return request.write(data) if request else 0


class Options:
    """What handles are told, by the settings and by the route of a request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.keeps_heads = settings.archives
        """Whether the heads of requests are noted as they are sent."""
        self._common = list(_common(settings))
        self.version = _VERSIONS[settings.http]
        self._authorities: dict[str | None, Authorities] = {}

    def of(self, route: Route) -> list[tuple[int, Any]]:
        """All options of requests by this route."""
        options = list(self._common)
        if is_ip_address(route.first_hop[0]):
            # libcurl looks through all that it remembers at each look-up.
            options.append((pycurl.DNS_CACHE_TIMEOUT, 0))
        if route.scheme == "https" and self._settings.http_spoken is not HttpVersion.ONE:
            # One connection for several requests, if the server turns out to speak HTTP/2.
            options.append((pycurl.PIPEWAIT, 1))
        if not self._settings.insecure and (
            route.scheme == "https" or (route.proxy and route.proxy.scheme == "https")
        ):
            options += _trusting(self._authorities_for(route.cacert))
        if route.proxy:
            options += _through(route.proxy)
            if route.proxy.scheme == "https" and not self._settings.insecure:
                options += _proxy_trusting(self._authorities_for(None))
        return options

    def _authorities_for(self, cacert: str | None) -> Authorities:
        known = self._authorities.get(cacert)
        if known is None:
            known = self._authorities[cacert] = authorities_of(self._settings, cacert)
        return known


def _common(settings: Settings) -> list[tuple[int, Any]]:
    connect = int(min(settings.connect_timeout, _LONGEST) * 1000)
    options: list[tuple[int, Any]] = [
        (pycurl.NOSIGNAL, 1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.HTTP_VERSION, _VERSIONS[settings.http_spoken]),
        (pycurl.PATH_AS_IS, 1),
        (pycurl.BUFFERSIZE, _BUFFER_SIZE),
        (pycurl.HTTP_CONTENT_DECODING, 0),
        (pycurl.CONNECTTIMEOUT_MS, max(1, connect)),
        (pycurl.HEADEROPT, pycurl.HEADER_SEPARATE),
        (pycurl.PROXY, ""),  # what the environment names is read by `OriginConfigs`
        (pycurl.NOPROXY, ""),
    ]
    if settings.ipv4:
        options.append((pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4))
    elif settings.ipv6:
        options.append((pycurl.IPRESOLVE, pycurl.IPRESOLVE_V6))
    if settings.insecure:
        options += [
            (pycurl.SSL_VERIFYPEER, 0), (pycurl.SSL_VERIFYHOST, 0),
            (pycurl.PROXY_SSL_VERIFYPEER, 0), (pycurl.PROXY_SSL_VERIFYHOST, 0),
        ]  # fmt: skip
    if settings.cert:
        key = settings.key or settings.cert
        options += [
            (pycurl.SSLCERT, settings.cert), (pycurl.SSLKEY, key),
            (pycurl.PROXY_SSLCERT, settings.cert), (pycurl.PROXY_SSLKEY, key),
        ]  # fmt: skip
    return options


def _trusting(authorities: Authorities) -> list[tuple[int, Any]]:
    file, directory = authorities
    options: list[tuple[int, Any]] = []
    # The wheel's own defaults name places that this system need not have.
    options.append((pycurl.CAINFO, file) if file else (pycurl.CAINFO, None))
    options.append((pycurl.CAPATH, directory) if directory else (pycurl.CAPATH, None))
    return options


def _proxy_trusting(authorities: Authorities) -> list[tuple[int, Any]]:
    file, directory = authorities
    return [(pycurl.PROXY_CAINFO, file), (pycurl.PROXY_CAPATH, directory)]


def _through(proxy: Proxy) -> list[tuple[int, Any]]:
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    options: list[tuple[int, Any]] = [(pycurl.PROXY, f"{proxy.scheme}://{host}:{proxy.port}")]
    if proxy.user is not None:
        options += [
            (pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC),
            (pycurl.PROXYUSERNAME, proxy.user.encode()),
            (pycurl.PROXYPASSWORD, (proxy.password or "").encode()),
        ]
    return options


def _header_lines(fields: Mapping[str, str | bytes]) -> list[bytes]:
    """The lines of these fields. Raises `ValueError` for a value with a line end in it."""
    lines = []
    names = set()
    for name, value in fields.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        line = f"{name}: {text}" if text else f"{name};"  # libcurl would leave `Name:` out
        if "\n" in line or "\r" in line:
            raise ValueError("a header field has a line break in it")
        lines.append(line.encode("latin-1"))
        names.add(name.lower())
    lines += [f"{name}:".encode() for name in ("Accept", "User-Agent") if name.lower() not in names]
    return lines


def _plain(url: str, route: Route) -> str:
    """The URL without credentials and fragment: libcurl would make a log-in of these."""
    return f"{route.scheme}://{route.authority}{request_target(url)}"
