"""Proxy and login for each origin, from settings, environment and netrc, read once an origin."""

from __future__ import annotations

import os
import threading
from typing import NamedTuple

import requests
from requests.utils import get_environ_proxies, select_proxy, should_bypass_proxies

from pyfetch.errors import UsageError
from pyfetch.http.credentials import Login, Netrc
from pyfetch.http.route import Route, parse_proxy, route_to
from pyfetch.models import Failure, TargetError
from pyfetch.settings import Settings, check_proxy
from pyfetch.urls import Url

_CACHE_SIZE = 1024


class OriginConfig(NamedTuple):
    """What all requests to an origin have in common."""

    route: Route
    proxies: dict[str, str]
    """The proxy of the route, as an adapter of `requests` takes it."""
    login: Login | None
    """User and password of the netrc file for its host."""


class OriginConfigs:
    """The `OriginConfig` of each origin; for any thread."""

    def __init__(self, settings: Settings) -> None:
        self._proxy = settings.proxy
        self._public_only = settings.public_only
        self._netrc = Netrc(settings)
        self._lock = threading.Lock()
        """Held to add to the cache."""
        self._cache: dict[str, OriginConfig] = {}

    def of(self, url: Url) -> OriginConfig:
        """Return what applies to the origin of a URL. Raises `TargetError` if it is forbidden."""
        config = self._cache.get(url.origin)
        if config is None:
            config = self._add(url.origin, self._read(url))
        if self._public_only and config.route.proxy:
            detail = "--public-only cannot judge the address that its proxy would connect to"
            raise TargetError(Failure.FORBIDDEN_ADDRESS, detail)
        return config

    def _add(self, origin: str, config: OriginConfig) -> OriginConfig:
        with self._lock:
            if len(self._cache) >= _CACHE_SIZE:
                del self._cache[next(iter(self._cache))]
            # Another thread may have been faster. Connections belong to a route, so all threads
            # have to use the same one.
            return self._cache.setdefault(origin, config)

    def _read(self, url: Url) -> OriginConfig:
        text = url.text
        proxy = self._proxy_for(text)
        try:
            if not text.isascii():  # let `requests` encode the host, as it does for the request
                request = requests.PreparedRequest()
                request.prepare_url(text, None)
                text = request.url or ""
            route = route_to(text, parse_proxy(proxy) if proxy else None)
        except ValueError as error:
            raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from error
        return OriginConfig(route, {"all": proxy} if proxy else {}, self._netrc.login(url))

    def _proxy_for(self, url: str) -> str | None:
        if self._proxy is None:
            return _environment_proxy(url)
        return None if should_bypass_proxies(url, no_proxy=_no_proxy()) else self._proxy


def _no_proxy() -> str | None:
    """The value of `no_proxy` with commas, if white space separates its hosts; else None.

    curl allows both. `requests` would join names that are separated by a space.
    """
    text = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = text.replace(",", " ").split()
    return ",".join(hosts) if len(text.split()) > 1 else None


def _environment_proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL. Raises `TargetError` if it is no URL."""
    proxy = select_proxy(url, get_environ_proxies(url, no_proxy=_no_proxy()))
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"  # as curl and `requests` take it
    try:
        check_proxy(proxy)
    except UsageError as error:
        detail = f"the proxy that the environment names cannot be used: {error}"
        raise TargetError(Failure.CONNECT, detail) from error
    return proxy
