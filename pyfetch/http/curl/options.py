"""What handles of libcurl are told, by the settings and by the route of a request."""

from __future__ import annotations

from typing import Any

import pycurl

from pyfetch.http.name_lookup import is_ip_address
from pyfetch.http.route import Proxy, Route
from pyfetch.http.tls import Authorities, authorities_of
from pyfetch.settings import HttpVersion, Settings

_VERSIONS = {
    HttpVersion.AUTO: pycurl.CURL_HTTP_VERSION_2TLS,
    HttpVersion.ONE: pycurl.CURL_HTTP_VERSION_1_1,
    HttpVersion.TWO: pycurl.CURL_HTTP_VERSION_2TLS,
    HttpVersion.THREE: pycurl.CURL_HTTP_VERSION_3,
}
_BUFFER_SIZE = 256 * 1024
"""Bytes that are received at once, at most."""
_LONGEST = 2_147_483
"""The longest time that libcurl takes, in seconds."""


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
