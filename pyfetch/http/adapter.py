"""How a request of `requests` gets to its host: past proxies, over a connection that is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import Timeout
from urllib3.poolmanager import PoolManager

from pyfetch.http.pool import Pool, current, pools_with
from pyfetch.http.response import Answer
from pyfetch.http.tls import Trust
from pyfetch.system import descriptors
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url


class LightResponse(Response):
    """A response without what `requests` makes of it and nobody asks for here.

    Its `raw` is an `Answer`, but where a program that tests itself has put another one there.
    """

    def __init__(self, request: PreparedRequest, raw: Answer) -> None:
        # Not what it inherits, which makes a jar for cookies and looks for an encoding.
        self._content = self._content_consumed = False
        self.history = []
        self.request = request
        self.url = request.url or ""
        self.raw = raw
        self.status_code = raw.status
        self.reason = raw.reason
        self.headers = raw.headers  # type: ignore[assignment] # in any case, as it should be


class Adapter(HTTPAdapter):
    """An adapter of `requests` whose connections a `Transfer` can stop; for any thread.

    `refuses` says of an address why there may be no connection to it, None if there may.
    """

    def __init__(
        self,
        hosts: int,
        workers: int,
        trust: Trust,
        refuses: Callable[[str], str | None] | None = None,
    ) -> None:
        # One for each host, where descriptors allow: lists often go from host to host.
        self._pools = pools_with(max(2 * workers, min(hosts, descriptors() // 4)), refuses)
        self._trust = trust
        self._hosts = hosts
        self._known: dict[tuple[str, str | None], Pool] = {}
        super().__init__(pool_connections=hosts, pool_maxsize=workers)

    def ask(
        self,
        request: PreparedRequest,
        timeout: Timeout,
        proxies: dict[str, str],
        transfer: Transfer,
    ) -> Response:
        """Send a request and wait for the head of its answer.

        Raises what `requests` raises, `HTTPException` where the answer is none, and
        `ValueError` for a request that cannot be sent.
        """
        current.transfer = transfer
        try:
            return self.send(request, stream=True, timeout=timeout, proxies=proxies)  # type: ignore[arg-type] # as it says
        finally:
            current.transfer = None

    # All that follows is there for adapters to have it their own way.
    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        return LightResponse(req, resp)

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        if proxies:
            return super().request_url(request, proxies)
        url = request.url or ""
        return url[url.find("/", len("https://")) :].partition("#")[0]

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Pool:
        key = (parse_url(request.url or "").origin, proxies.get("all") if proxies else None)
        pool = self._known.get(key)
        if pool is None or pool.is_closed:  # since so many others came after it
            made = super().get_connection_with_tls_context(request, verify, proxies, cert)
            pool = cast("Pool", made)
            if len(self._known) >= self._hosts:
                self._known.clear()
            self._known[key] = pool
        return pool

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

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, *args: Any, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        host, _ = super().build_connection_pool_key_attributes(request, *args, **options)
        return host, {"ssl_context": self._trust.context} if host["scheme"] == "https" else {}

    def cert_verify(self, *args: Any) -> None:
        """Leave it to the context."""
