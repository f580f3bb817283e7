"""Adapter between pyfetch and `requests`: the only module that uses private names of `requests`.

Each request goes through `HTTPAdapter.send`. So a library that replaces this method, as
`responses` does in tests, also replaces our connections. `tests/unit/http/test_adapter.py` fails
if `requests` changes anything that this module relies on.
"""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any, cast

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.cookies import extract_cookies_to_jar
from urllib3 import Retry, Timeout

from pyfetch.headers import Fields
from pyfetch.http.pool import ConnectionPool
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.response import UNTIL_CLOSE, Response, ResponseHead, framing_of
from pyfetch.http.response_head import StatusLine
from pyfetch.http.route import Route
from pyfetch.transfer import Transfer
from pyfetch.urls import Url


class Exchange(HTTPAdapter):
    """One request and its response, by way of `HTTPAdapter.send`.

    To `requests`, it is both adapter and connection pool.
    """

    max_retries = Retry(0, read=False)

    def __init__(
        self, pool: ConnectionPool, route: Route, url: Url, transfer: Transfer, timeout: Timeout
    ) -> None:
        # HTTPAdapter.__init__ is not called: it would create connection pools.
        self._pool = pool
        self._route = route
        self._url = url
        self._transfer = transfer
        self._timeout = timeout

    def run(self, request: PreparedRequest, proxies: dict[str, str]) -> Response:
        """Send a request and wait for the head of its response.

        Raises what `ConnectionPool.send` raises (some of it as a `requests.RequestException`), and
        `ValueError` for a request that cannot be sent.
        """
        response: object = self.send(request, stream=True, timeout=self._timeout, proxies=proxies)  # type: ignore[arg-type] # a Timeout is allowed
        if isinstance(response, Response):
            return response
        return _replaced(self._url, cast("requests.Response", response).raw)

    # `HTTPAdapter.send` calls the methods below.

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        return self

    def cert_verify(self, *_: Any) -> None:
        """Do nothing: the TLS context verifies."""

    def request_url(self, request: PreparedRequest, *_: Any) -> str:
        return request.url or ""

    def urlopen(self, *, url: str, headers: Any, timeout: Timeout, **_: Any) -> Response:
        seconds: Any = timeout.read_timeout
        head = self._route.encode(url, headers)
        return self._pool.send(self._route, self._url, head, self._transfer, seconds)

    def build_response(self, req: PreparedRequest, resp: Any) -> Any:
        return resp if isinstance(resp, Response) else super().build_response(req, resp)


MAX_COOKIE_SIZE = 8 * 1024
"""Longest `Set-Cookie` that is read, in characters; browsers allow half of that."""


class _CookieSource:
    """Stands in for the `http.client` response in which `requests` looks for cookies.

    It has the `Set-Cookie` fields only. The standard library would also read `Set-Cookie2`, which
    is obsolete (RFC 6265, section 9.4), in quadratic time.
    """

    def __init__(self, fields: Fields) -> None:
        name = "set-cookie"
        values = fields.get_all(name) or []
        lines = [(name, value) for value in values if len(value) <= MAX_COOKIE_SIZE]
        self._original_response = self
        self.msg = Fields(lines)


def extract_cookies(jar: CookieJar, request: PreparedRequest, response: ResponseHead) -> None:
    """Add the cookies that a response sets to a jar, if its policy accepts them."""
    extract_cookies_to_jar(jar, request, _CookieSource(response.headers))


class _Body:
    """The body of a response that a test library made, with the methods of a socket."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def recv(self, size: int) -> bytes:
        data: bytes = self._raw.read(size, decode_content=False)
        return data

    def recv_into(self, buffer: memoryview) -> int:
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _replaced(url: Url, raw: Any) -> Response:
    """The `Response` for one that a test library made, not one of our connections.

    `raw` is a response of urllib3, which has removed the framing of the body already.
    """
    fields = Fields([(name.lower(), value) for name, value in raw.headers.items()])
    status_line = StatusLine(1, raw.status, raw.reason or "")
    announced = framing_of(raw.status, fields)
    framing = UNTIL_CLOSE if announced.chunked else announced
    return Response(url, status_line, fields, framing, ReadBuffer(_Body(raw)), lambda _: None)  # type: ignore[arg-type]
