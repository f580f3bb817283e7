"""HTTP, by `requests`: a GET pushed to a receiver, the head once, then the body.

Redirects are followed here and not by `requests`, which would read the whole body of each
redirecting answer first; those that lead to another host are left to whoever knows when that
may be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar
from typing import Any, Protocol
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.utils import get_netrc_auth, requote_uri
from urllib3.exceptions import HTTPError

from pyfetch import diagnosis
from pyfetch.bandwidth import Bandwidth
from pyfetch.chain import Chain
from pyfetch.connection import Adapter, used_by
from pyfetch.model import Failure, TargetError
from pyfetch.origin import DEFAULT_PORTS, origin_of
from pyfetch.pushback import Sign
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer

MAX_REDIRECTS = 10
CHUNK = 256 * 1024
"""Most bytes of a body that are taken at once."""
DRAINED = 64 * 1024
"""Longest body, in bytes, of a redirect or an error that is read to keep its connection."""

DRAIN_WAIT = 0.1
"""Longest wait for it, in seconds."""

MOST_HOSTS = 256
"""Hosts to which connections are kept open."""
_MOST_ENVIRONMENTS = 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_ONLY_FOR_THEIR_ORIGIN = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer says before its body (RFC 9110, section 6)."""

    url: str
    """What was asked for in the end, after redirects."""
    status: int
    reason: str
    headers: Mapping[str, str]
    """Names are found in any case."""
    length: int | None
    """Bytes of the body, if the server has said so."""

    @property
    def origin(self) -> str:
        return origin_of(self.url)


class Receiver(Protocol):
    """What an answer is pushed to. Whatever it raises ends the transfer and is passed on."""

    def head(self, head: Head) -> bool:
        """Called once, first. Whether the body is wanted."""
        ...

    def chunk(self, data: bytes) -> None:
        """Called for each piece of the body, in order, never with an empty one."""
        ...


@dataclass(frozen=True, slots=True)
class _Environment:
    """What the environment says of one origin: the same for all of its URLs."""

    options: dict[str, Any]
    """Proxies, certificates, as an adapter takes them."""
    auth: tuple[str, str] | None
    """From the netrc file."""


class Transport:
    """Connections and their settings, for all threads; kept open from one GET to the next."""

    def __init__(
        self, settings: Settings, user_agent: str, bandwidth: Bandwidth | None = None
    ) -> None:
        self._settings = settings
        self._bandwidth = bandwidth
        self._session = requests.Session()
        self._session.trust_env = False  # it would look for each URL anew; see _environment
        self._environments: dict[str, _Environment] = {}
        # What is saved is what the server has: bytes, not what they decode to.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["User-Agent"] = user_agent
        # A host sees no more connections than there are transfers to it at once.
        self._adapter = Adapter(MOST_HOSTS, settings.most_workers)
        # One name, several values: one field with a list (RFC 9110, section 5.3).
        self._fields: dict[str, str] = {}
        for name, value in settings.headers:
            self._fields[name] = f"{self._fields[name]}, {value}" if name in self._fields else value
        self._fields_away = {
            name: value
            for name, value in self._fields.items()
            if name.lower() not in _ONLY_FOR_THEIR_ORIGIN
        }

    def get(
        self, chain: Chain, headers: Mapping[str, str], transfer: Transfer, receiver: Receiver
    ) -> Chain | None:
        """GET a URL (RFC 9110, section 9.3.1), redirects within its host included.

        Returns None once the whole body was pushed, and where to go on if that is for others
        to allow: at another host or, where there is a rate, after any redirect. Raises
        `TargetError` if it did not come whole, and whatever the receiver raises.
        """
        cookies = chain.cookies or RequestsCookieJar()  # for this chain and no longer
        while True:
            request = self._prepared(chain, headers, cookies)
            with self._answer(request, transfer) as response:
                location = _location(response)
                if location is None:
                    _push(response, transfer, receiver, self._bandwidth)
                    return None
                _drain(response, transfer)
                extract_cookies_to_jar(cookies, request, response.raw)
            if chain.followed == MAX_REDIRECTS:
                detail = f"more than {MAX_REDIRECTS} redirects, the last to {chain.url}"
                raise TargetError(Failure.TOO_MANY_REDIRECTS, detail, Sign.ANSWERED)
            url = _redirected(chain.url, location)
            elsewhere = origin_of(url) != chain.origin
            away = chain.away or elsewhere
            chain = replace(chain, url=url, followed=chain.followed + 1, away=away, cookies=cookies)
            if elsewhere or self._settings.rate:
                transfer.check()
                return chain

    def _prepared(
        self, chain: Chain, headers: Mapping[str, str], cookies: CookieJar
    ) -> requests.PreparedRequest:
        url = chain.url
        fields = (self._fields_away if chain.away else self._fields) | dict(headers)
        try:
            # What stands in the URL itself comes first.
            auth = None if "@" in urlsplit(url).netloc else self._environment(url).auth
            request = requests.Request("GET", url, headers=fields, cookies=cookies, auth=auth)
            return self._session.prepare_request(request)
        except (requests.RequestException, ValueError) as error:
            raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from error

    def _environment(self, url: str) -> _Environment:
        origin = origin_of(url)
        found = self._environments.get(origin)
        if found is None:
            if len(self._environments) >= _MOST_ENVIRONMENTS:
                self._environments.clear()
            with requests.Session() as session:
                options = session.merge_environment_settings(url, {}, True, None, None)
            found = self._environments[origin] = _Environment(dict(options), get_netrc_auth(url))
        return found

    @contextmanager
    def _answer(
        self, request: requests.PreparedRequest, transfer: Transfer
    ) -> Iterator[requests.Response]:
        options = self._environment(request.url or "").options
        timeout = (self._settings.connect_timeout, self._settings.timeout)
        transfer.check()
        try:
            with used_by(transfer):
                response = self._adapter.send(request, timeout=timeout, **options)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            transfer.check()  # what stopped it says more than what broke by that
            raise diagnosis.of_request(error, timeout) from error
        try:
            yield response
        finally:
            response.close()


def _push(
    response: requests.Response,
    transfer: Transfer,
    receiver: Receiver,
    bandwidth: Bandwidth | None,
) -> None:
    transfer.answered()
    raw = response.raw
    head = Head(
        url=response.url,
        status=response.status_code,
        reason=response.reason or "",
        headers=response.headers,
        length=_body_length(response),
    )
    if not receiver.head(head):
        _drain(response, transfer)
        return
    size = bandwidth.chunk if bandwidth else CHUNK
    try:
        while True:
            due = bandwidth.take(transfer) if bandwidth else 0.0
            data = raw.read1(size, decode_content=False)
            if bandwidth:
                bandwidth.give_back(size - len(data), due)
            if not data:
                break
            transfer.received += len(data)
            receiver.chunk(data)
    except (HTTPError, OSError) as error:
        transfer.check()
        raise diagnosis.of_body(error, transfer) from error
    transfer.check()


def _body_length(response: requests.Response) -> int | None:
    """Bytes to come (RFC 9112, section 6.3). Raises `TargetError` where that cannot be known."""
    encoding = response.headers.get("Transfer-Encoding")
    if encoding is not None:
        if encoding.strip().lower() != "chunked":
            detail = f"the body comes in the transfer coding {encoding!r}, which was not asked for"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        return None
    length = response.headers.get("Content-Length")
    if length is None:
        return None
    # A field that came twice with one value is joined by a comma.
    values = {value.strip() for value in length.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit() and len(value) < 20):
        detail = f"Content-Length is {length!r}, so the end of the body cannot be known"
        raise TargetError(Failure.WRONG_CONTENT, detail)
    return int(value)


def _drain(response: requests.Response, transfer: Transfer) -> None:
    """Read a small body that nobody wants, so that its connection can be used again.

    At most one read from the connection, which hardly waits: what does not come with that
    is left, and the connection is closed.
    """
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and len(length) < 8 and 0 < int(length) <= DRAINED:
        transfer.wait_at_most(DRAIN_WAIT)
        try:
            response.raw.read1(DRAINED, decode_content=False)
        except (HTTPError, OSError):
            response.raw.close()


def _location(response: requests.Response) -> str | None:
    """The `Location` of a redirect, None for another answer. Raises `TargetError`."""
    location = response.headers.get("Location")
    if location is None or response.status_code not in _REDIRECTS:
        return None
    try:
        # http.client reads fields as Latin-1; URLs beyond ASCII are UTF-8.
        return location.encode("latin-1").decode()
    except UnicodeError as error:
        detail = f"redirect to {location!r}, which is not UTF-8"
        raise TargetError(Failure.INVALID_URL, detail) from error


def _redirected(url: str, location: str) -> str:
    """Where a redirect leads (RFC 9110, section 10.2.2). Raises `TargetError`."""
    try:
        target, fragment = urldefrag(requote_uri(urljoin(url, location)))
        if urlsplit(target).scheme not in DEFAULT_PORTS:
            detail = f"redirect to {target}, which is neither http nor https"
            raise TargetError(Failure.UNSUPPORTED_SCHEME, detail)
        origin_of(target)
    except ValueError as error:
        raise TargetError(Failure.INVALID_URL, f"redirect to {location!r}: {error}") from error
    fragment = fragment or urldefrag(url).fragment
    return f"{target}#{fragment}" if fragment else target
