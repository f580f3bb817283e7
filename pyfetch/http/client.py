"""HTTP, by `requests`: a GET pushed to a receiver, the head once, then the body.

Redirects are followed here and not by `requests`, which would read the whole body of each
redirecting answer first; those that lead to another host are left to whoever knows when that
may be asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import NamedTuple, Protocol
from urllib.parse import urldefrag, urljoin

import requests
from requests.utils import requote_uri
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from pyfetch.attempt import RedirectState
from pyfetch.http import failures
from pyfetch.http.adapter import Adapter
from pyfetch.http.body import pieces
from pyfetch.http.origin_config import AllSurroundings
from pyfetch.http.request import Asking
from pyfetch.http.throttle import Bandwidth
from pyfetch.http.tls import Trust
from pyfetch.models import Failure, HostSignal, TargetError
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer
from pyfetch.urls import UnsupportedScheme, Url, masked_url, parse_url

DRAINED = 64 * 1024
"""Longest body, in bytes, of a redirect or an error that is read to keep its connection."""

DRAIN_WAIT = 0.1
"""Longest wait for it, in seconds."""

MOST_HOSTS = 256
"""Hosts to which connections are kept open."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BROKEN = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)


class Head(NamedTuple):
    """What an answer says before its body (RFC 9110, section 6)."""

    url: Url
    """What was asked for in the end, after redirects."""
    status: int
    reason: str
    headers: Mapping[str, str]
    """Names are found in any case."""
    length: int | None
    """Bytes of the body, if the server has said so."""


class Receiver(Protocol):
    """What an answer is pushed to. Whatever it raises ends the transfer and is passed on."""

    def head(self, head: Head) -> bool:
        """Called once, first. Whether the body is wanted."""
        ...

    def chunk(self, data: bytes | memoryview) -> None:
        """Called for each piece of the body, in order, never with an empty one.

        The piece is good until the next one comes.
        """
        ...


class Transport:
    """Connections and their settings, for all threads; kept open from one GET to the next.

    Raises `UsageError` for files that the settings name and that cannot be used.
    """

    def __init__(
        self, settings: Settings, user_agent: str, bandwidth: Bandwidth | None = None
    ) -> None:
        self._settings = settings
        self._bandwidth = bandwidth
        self._timeout = Timeout(connect=settings.connect_timeout, read=settings.timeout)
        self._surroundings = AllSurroundings(settings)
        self._asking = Asking(settings, user_agent, self._surroundings)
        # A host sees no more connections than there are transfers to it at once.
        workers = settings.most_workers
        self._adapter = Adapter(MOST_HOSTS, workers, Trust(settings), _judge(settings))

    def get(
        self,
        chain: RedirectState,
        headers: Mapping[str, str],
        transfer: Transfer,
        receiver: Receiver,
    ) -> RedirectState | None:
        """GET a URL (RFC 9110, section 9.3.1), redirects within its host included.

        Returns None once the whole body was pushed, and where to go on if that is for others
        to allow: at another host or, where there is a rate, after any redirect. Raises
        `TargetError` if it did not come whole, and whatever the receiver raises.
        """
        while True:
            request = self._asking.request(chain, headers, transfer.target)
            if chain.asked and _as_asked(chain, request) in chain.asked:
                detail = f"the redirects go round in a loop: {chain.url} again"
                raise TargetError(Failure.TOO_MANY_REDIRECTS, detail, HostSignal.ANSWERED)
            answer = self._ask(request, chain.origin, transfer)
            try:
                location = _location(answer)
                if location is None:
                    _push(answer, _asked_url(chain, request), transfer, receiver, self._bandwidth)
                    return None
                _drain(answer, transfer)
            finally:
                answer.close()
            cookies = self._asking.cookies_after(chain, request, answer)
            onward = self._redirected(chain, location)
            elsewhere = onward.origin != chain.origin
            asked = chain.asked | {_as_asked(chain, request)}
            chain = onward._replace(cookies=cookies, asked=asked)
            if elsewhere or self._settings.rate:
                transfer.check()
                return chain

    def _redirected(self, chain: RedirectState, location: str) -> RedirectState:
        """Where a redirect leads. Raises `TargetError` if it is not to be followed."""
        most = self._settings.max_redirects
        if chain.followed == most:
            detail = f"more than {most} redirects, the last to {chain.url}"
            raise TargetError(Failure.TOO_MANY_REDIRECTS, detail, HostSignal.ANSWERED)
        url = _redirected(chain.url, location)
        if self._settings.no_downgrade and chain.url.scheme == "https" != url.scheme:
            detail = f"redirect from https to {url}, which --no-downgrade forbids"
            raise TargetError(Failure.FORBIDDEN_ADDRESS, detail, HostSignal.ANSWERED)
        away = chain.away or url.origin != chain.origin
        return chain._replace(url=url, followed=chain.followed + 1, away=away)

    def _ask(
        self, request: requests.PreparedRequest, origin: str, transfer: Transfer
    ) -> requests.Response:
        proxies = self._surroundings.of(request.url or "", origin).proxies
        transfer.check()
        try:
            return self._adapter.ask(request, self._timeout, proxies, transfer)
        except _BROKEN as error:
            transfer.check()  # what stopped it says more than what broke by that
            raise failures.of_request(error, self._timeout) from error


def _as_asked(chain: RedirectState, request: requests.PreparedRequest) -> tuple[str, str]:
    """What is the same where a request is made again."""
    return chain.url.text, str(request.headers.get("Cookie"))


def _judge(settings: Settings) -> Callable[[str], str | None] | None:
    """What says of an address why there may be no connection to it; None where all may be."""
    if not settings.public_only:
        return None
    from pyfetch.http.public_addresses import why_not_public

    return why_not_public


def _asked_url(chain: RedirectState, request: requests.PreparedRequest) -> Url:
    """The URL of a request: `requests` normalises those that are not plain."""
    text = request.url or ""
    return chain.url if text == chain.url.text else parse_url(text)


def _push(
    answer: requests.Response,
    url: Url,
    transfer: Transfer,
    receiver: Receiver,
    bandwidth: Bandwidth | None,
) -> None:
    transfer.answered()
    head = Head(url, answer.status_code, answer.reason or "", answer.headers, _body_length(answer))
    if not receiver.head(head):
        _drain(answer, transfer)
        return
    try:
        for data in pieces(answer.raw, transfer, bandwidth):
            transfer.received += len(data)
            receiver.chunk(data)
    except (HTTPError, HTTPException, OSError) as error:
        transfer.check()
        raise failures.of_body(error, transfer) from error
    transfer.check()


def _body_length(answer: requests.Response) -> int | None:
    """Bytes to come (RFC 9112, section 6.3). Raises `TargetError` where that cannot be known."""
    encoding = answer.headers.get("Transfer-Encoding")
    if encoding is not None:
        if encoding.strip(" \t").lower() != "chunked":
            detail = f"the body comes in the transfer coding {encoding!r}, which was not asked for"
            raise TargetError(Failure.WRONG_CONTENT, detail)
        return None
    length = answer.headers.get("Content-Length")
    if length is None:
        return None
    # A field that came twice with one value is joined by a comma.
    values = {value.strip() for value in length.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit() and len(value) < 20):
        detail = f"Content-Length is {length!r}, so the end of the body cannot be known"
        raise TargetError(Failure.WRONG_CONTENT, detail)
    return int(value)


def _drain(answer: requests.Response, transfer: Transfer) -> None:
    """Read a small body that nobody wants, so that its connection can be used again.

    At most one read from the connection, which hardly waits: what does not come with that
    is left, and the connection is closed.
    """
    left = answer.raw.length_remaining
    if left and left <= DRAINED:
        transfer.wait_at_most(DRAIN_WAIT)
        with contextlib.suppress(OSError):
            answer.raw.read1(left)


def _location(answer: requests.Response) -> str | None:
    """The `Location` of a redirect, None for another answer. Raises `TargetError`."""
    location = answer.headers.get("Location")
    if location is None or answer.status_code not in _REDIRECTS:
        return None
    try:
        # http.client reads fields as Latin-1; URLs beyond ASCII are UTF-8.
        return location.encode("latin-1").decode()
    except UnicodeError as error:
        detail = f"redirect to {masked_url(location)!r}, which is not UTF-8"
        raise TargetError(Failure.INVALID_URL, detail) from error


def _redirected(url: Url, location: str) -> Url:
    """Where a redirect leads (RFC 9110, section 10.2.2). Raises `TargetError`."""
    text = location
    try:
        text = requote_uri(urljoin(url.text, location))
        target = _as_the_same_user(url, parse_url(text))
    except UnsupportedScheme as error:
        detail = f"redirect to {masked_url(urldefrag(text).url)}, which is neither http nor https"
        raise TargetError(Failure.UNSUPPORTED_SCHEME, detail) from error
    except ValueError as error:
        # Nothing of the error is shown: it may quote a password.
        detail = f"redirect to {masked_url(location)!r}, which is no URL with a host and a port"
        raise TargetError(Failure.INVALID_URL, detail) from error
    if target.fragment or not url.fragment:
        return target
    return parse_url(f"{target.text.partition('#')[0]}#{url.fragment}")


def _as_the_same_user(url: Url, target: Url) -> Url:
    """The target of a redirect with the user and password of a URL of the same origin."""
    user = url.userinfo
    if user is None or target.userinfo is not None or target.origin != url.origin:
        return target
    scheme, _, rest = target.text.partition("://")
    return parse_url(f"{scheme}://{user}@{rest}")
