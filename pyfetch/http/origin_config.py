"""What the settings and the environment say of an origin, found out once for all of its URLs."""

from __future__ import annotations

from typing import NamedTuple

from requests.utils import get_environ_proxies, select_proxy, should_bypass_proxies

from pyfetch.errors import UsageError
from pyfetch.http.credentials import Login, Netrc
from pyfetch.models import Failure, TargetError
from pyfetch.settings import Settings, check_proxy

_MOST = 1024


class Surroundings(NamedTuple):
    """How an origin is reached."""

    proxies: dict[str, str]
    """As an adapter of `requests` takes them."""
    login: Login | None
    """Who we are there."""


class AllSurroundings:
    """Those of each origin; for any thread."""

    def __init__(self, settings: Settings) -> None:
        self._proxy = settings.proxy
        self._public_only = settings.public_only
        self._netrc = Netrc(settings)
        self._known: dict[str, Surroundings] = {}

    def of(self, url: str, origin: str) -> Surroundings:
        """Those of a URL's origin. Raises `TargetError` if it may not be asked."""
        found = self._known.get(origin)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[origin] = Surroundings(self._proxies(url), self._netrc.login(url))
        if self._public_only and found.proxies and select_proxy(url, found.proxies):
            detail = "it is reached by a proxy, whose choice of an address --public-only cannot see"
            raise TargetError(Failure.FORBIDDEN_ADDRESS, detail)
        return found

    def _proxies(self, url: str) -> dict[str, str]:
        if self._proxy is None:
            return _proxies_of_the_environment(url)
        return {} if should_bypass_proxies(url, no_proxy=None) else {"all": self._proxy}


def _proxies_of_the_environment(url: str) -> dict[str, str]:
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return {}
    if "://" not in proxy:
        proxy = f"http://{proxy}"  # as curl and `requests` take it
    try:
        check_proxy(proxy)
    except UsageError as error:
        detail = f"what the environment says of proxies cannot be used: {error}"
        raise TargetError(Failure.CONNECT, detail) from error
    return {"all": proxy}
