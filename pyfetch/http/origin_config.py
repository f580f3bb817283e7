"""Proxy and login for each origin, from settings, environment and netrc, read once an origin."""

import os
import threading
from weakref import WeakValueDictionary

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import (
    default_headers,
    get_environ_proxies,
    select_proxy,
    should_bypass_proxies,
)
from urllib3 import Timeout

from pyfetch.errors import UsageError
from pyfetch.http.body import Bandwidth
from pyfetch.http.request_defaults import DefaultsByOrigin, RequestDefaults
from pyfetch.http.route import Route, parse_proxy, route_to
from pyfetch.http.tls import Trust
from pyfetch.models import Failure, TargetError
from pyfetch.settings import HostSettings, Settings, check_proxy, matching, together
from pyfetch.urls import Url
from pyfetch.value import Value

_CACHE_SIZE = 1024


class OriginConfig(Value):
    """What all requests to an origin have in common."""

    route: Route
    proxies: dict[str, str]
    """The proxy of the route, as an adapter of `requests` takes it."""
    defaults: RequestDefaults
    """Fields and login of a request for a URL of the list."""
    after_redirect: RequestDefaults
    """The same for a request to which a redirect from another origin has led."""
    common_fields: CaseInsensitiveDict[str | bytes]
    """All fields of requests that need none of their own. They are never changed: `Route`
    encodes them once."""
    timeout: Timeout
    bandwidth: Bandwidth | None
    """Limits the bytes a second from this origin; None: it has no limit of its own."""
    is_paced: bool
    """Whether there is a limit to the number of requests in a second."""


class OriginConfigs:
    """The `OriginConfig` of each origin; for any thread.

    Raises `UsageError` for files that the settings name and that cannot be used.
    """

    def __init__(self, settings: Settings, user_agent: str) -> None:
        self._settings = settings
        self._public_only = settings.public_only
        self._defaults = DefaultsByOrigin(settings)
        self.session_fields = default_headers()
        """What each request has beside the fields of the settings."""
        # Without a content coding, the bytes that are saved are those that the server has.
        self.session_fields["Accept-Encoding"] = "identity"
        if settings.compressed:
            from pyfetch.http.content_coding import accepted_codings

            self.session_fields["Accept-Encoding"] = accepted_codings()
        self.session_fields["User-Agent"] = user_agent
        self._trust = {
            said.cacert: Trust(settings, said.cacert) for _, said in settings.hosts if said.cacert
        }
        self._timeout = Timeout(connect=settings.connect_timeout, read=settings.timeout)
        self._common_fields: dict[tuple[tuple[str, str], ...], CaseInsensitiveDict[str | bytes]]
        self._common_fields = {}
        """By the fields of the settings: most origins have the same."""
        self._bandwidths: WeakValueDictionary[str, Bandwidth] = WeakValueDictionary()
        """By origin, as long as a transfer keeps to one, even if the cache has dropped it."""
        self._rates: dict[str, int] = {}
        """Bytes a second by origin, where they are a part of what the settings say."""
        self._lock = threading.Lock()
        """Held to add to the cache, or to these."""
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
        own = together(said for _, said in matching(self._settings.hosts, url.origin))
        proxy = self._proxy_for(text, own)
        try:
            if not text.isascii():  # let `requests` encode the host, as it does for the request
                request = requests.PreparedRequest()
                request.prepare_url(text, None)
                text = request.url or ""
            route = route_to(text, parse_proxy(proxy) if proxy else None)
        except ValueError as error:
            raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from error
        if own.cacert:
            route.trust, route.cacert = self._trust[own.cacert], own.cacert
        defaults, after_redirect = self._defaults.of(url)
        return OriginConfig(
            route,
            {"all": proxy} if proxy else {},
            defaults,
            after_redirect,
            self._common(defaults),
            self._timeout_of(own),
            self._bandwidth_of(url.origin, own),
            is_paced=bool(self._settings.rate or own.rate),
        )

    def limit_rate_of(self, origin: str, rate: int) -> None:
        """Let all transfers from this host together receive so many bytes a second from now on."""
        with self._lock:
            self._rates[origin] = rate
            bandwidth = self._bandwidths.get(origin)
            if bandwidth:
                bandwidth.change_to(rate)

    def _bandwidth_of(self, origin: str, own: HostSettings) -> Bandwidth | None:
        if own.limit_rate is None:
            return None
        with self._lock:
            rate = self._rates.get(origin, own.limit_rate)
            return self._bandwidths.setdefault(origin, Bandwidth(rate))

    def _timeout_of(self, own: HostSettings) -> Timeout:
        if own.timeout is None:
            return self._timeout
        return Timeout(connect=self._settings.connect_timeout, read=own.timeout)

    def _common(self, defaults: RequestDefaults) -> CaseInsensitiveDict[str | bytes]:
        key = tuple(defaults.fields.items())
        if key not in self._common_fields:
            self._common_fields[key] = CaseInsensitiveDict(
                {**self.session_fields, **defaults.fields}
            )
        return self._common_fields[key]

    def _proxy_for(self, url: str, own: HostSettings) -> str | None:
        if own.proxy is not None:
            return own.proxy or None
        if self._settings.proxy is None:
            return _environment_proxy(url)
        bypassed = should_bypass_proxies(url, no_proxy=_no_proxy())
        return None if bypassed else self._settings.proxy


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
