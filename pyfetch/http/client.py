"""HTTP client over `requests`: fetches one URL and pushes the response to a `Receiver`.

The client follows redirects within an origin. It returns all others to the caller, which knows
when the other host may be asked.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Mapping
from http.client import HTTPException
from typing import Protocol

import requests
from urllib3.exceptions import HTTPError

from pyfetch.attempt import RedirectState
from pyfetch.http import failures
from pyfetch.http.adapter import Exchange
from pyfetch.http.body import Bandwidth, read_pieces
from pyfetch.http.connection import AddressJudge, ConnectError, Connector
from pyfetch.http.name_lookup import NameLookUps
from pyfetch.http.origin_config import OriginConfig, OriginConfigs
from pyfetch.http.pool import ConnectionPool
from pyfetch.http.redirects import follow, location_of, refuse_loop, request_key
from pyfetch.http.request import RequestBuilder
from pyfetch.http.response import Response
from pyfetch.http.tls import Trust
from pyfetch.models import Failure, TargetError
from pyfetch.settings import Settings
from pyfetch.system import descriptor_budget
from pyfetch.transfer import Transfer
from pyfetch.urls import Url, parse_url

_log = logging.getLogger(__name__)

_LONGEST_SHOWN = 60
"""How many characters of a field's value a message shows, at most."""
DRAIN_SIZE = 64 * 1024
"""Longest body of a redirect or an error response that is read so that the connection can be
reused, in bytes."""
DRAIN_SECONDS = 0.1
"""Longest wait for such a body, in seconds."""
MAX_IDLE = 256
"""Idle connections that are kept, at most; if there are many workers, two for each of them."""

_BROKEN = (requests.RequestException, HTTPError, HTTPException, ConnectError, OSError, ValueError)


class Receiver(Protocol):
    """What a client passes a response to: `head` once, then `chunk` for each piece of the body.

    This is the interface between the HTTP client and the engine. The client knows nothing about
    files, and the receiver nothing about connections. An exception of the receiver ends the
    transfer, and the caller of the client gets it.
    """

    def head(self, head: Response) -> bool:
        """Take the head of the final response. Returns whether its body is wanted.

        A receiver uses the head's fields only: it never reads from it.
        """
        ...

    def chunk(self, data: bytes | memoryview) -> None:
        """Take the next piece of the body, which is never empty.

        The client may overwrite `data` as soon as this returns.
        """
        ...


class Client:
    """Sends GETs for all threads of a run, over connections that are kept open.

    Raises `UsageError` for files that the settings name and that cannot be used.
    """

    def __init__(
        self, settings: Settings, user_agent: str, bandwidth: Bandwidth | None = None
    ) -> None:
        self._settings = settings
        self._limits = (bandwidth,) if bandwidth else ()
        self._origins = OriginConfigs(settings, user_agent)
        self._requests = RequestBuilder(settings, self._origins)
        look_ups = NameLookUps(family=_address_family(settings))
        connector = Connector(
            Trust(settings), settings.connect_timeout, look_ups, _address_judge(settings)
        )
        self._warns_of_coding = not settings.compressed
        # Lists often go back and forth between hosts: keep a connection to each.
        workers = settings.most_workers
        budget = descriptor_budget(workers, max(2 * workers, MAX_IDLE))
        self._pool = ConnectionPool(connector, budget.idle_connections)

    def close_idle(self) -> None:
        """Close all connections that no request uses."""
        self._pool.close_idle()

    def get(
        self,
        state: RedirectState,
        headers: Mapping[str, str],
        transfer: Transfer,
        receiver: Receiver,
    ) -> RedirectState | None:
        """GET a URL (RFC 9110, section 9.3.1), log in, and follow redirects within its origin.

        Returns None once the receiver has the whole body. Returns the next request if the caller
        has to decide when it may be sent: one to another origin or, with `--rate`, one after any
        redirect or demand to log in. Raises `TargetError` if the body is incomplete, and whatever
        the receiver raises.
        """
        while True:
            request = self._requests.build(state, headers, transfer.target)
            refuse_loop(state, request)
            config = self._origins.of(state.url)
            response = self._send(request, state, config, transfer)
            try:
                location = location_of(response)
                logs_in = self._requests.logs_in(state, transfer.target, response)
                if location is None and not logs_in:
                    self._push(response, config, transfer, receiver)
                    return None
                _drain(response, transfer)
            finally:
                response.close()
            cookies = self._requests.cookies_after(state, transfer.target, request, response)
            asked = state.asked | {request_key(state, request)}
            origin = state.origin
            if location is None:
                state = state._replace(cookies=cookies, logins=state.logins + 1)
            else:
                state = follow(state, location, self._settings)
                state = state._replace(cookies=cookies, asked=asked)
            if state.origin != origin or self._origins.of(state.url).is_paced:
                transfer.check()
                return state

    def _send(
        self,
        request: requests.PreparedRequest,
        state: RedirectState,
        config: OriginConfig,
        transfer: Transfer,
    ) -> Response:
        transfer.check()
        url = _requested_url(state, request)
        exchange = Exchange(self._pool, config.route, url, transfer, config.timeout)
        try:
            return exchange.run(request, config.proxies)
        except _BROKEN as error:
            transfer.check()  # if it was stopped, the reason says more than this error
            raise failures.of_request(error, config.timeout) from error

    def _push(
        self, response: Response, config: OriginConfig, transfer: Transfer, receiver: Receiver
    ) -> None:
        transfer.answered()
        if "content-encoding" in response.headers and self._warns_of_coding:
            self._warn_of_coding(response, config, transfer)
        if response.framing.error:
            raise TargetError(Failure.WRONG_CONTENT, response.framing.error)
        transfer.ours_begins()  # the receiver may have to hash a part first
        is_wanted = receiver.head(response)
        transfer.ours_ends()
        if not is_wanted:
            _drain(response, transfer)
            return
        # What a body has to keep to: the limit of its host first, then that of all.
        limits = (config.bandwidth, *self._limits) if config.bandwidth else self._limits
        try:
            for data in read_pieces(response, transfer, limits):
                transfer.received += len(data)
                transfer.ours_begins()
                receiver.chunk(data)
                transfer.ours_ends()
        except (HTTPError, HTTPException, OSError) as error:
            transfer.check()
            raise failures.of_body(error, transfer) from error
        transfer.check()

    def _warn_of_coding(self, response: Response, config: OriginConfig, transfer: Transfer) -> None:
        """Warn, once a run, that a body is compressed and is saved as it is."""
        coding = response.headers["content-encoding"]
        if not coding or response.status >= 300:
            return
        names = (*config.defaults.fields, *(name for name, _ in transfer.target.headers))
        was_asked_for = any(name.lower() == "accept-encoding" for name in names)
        if coding.strip().lower() != "identity" and not was_asked_for:
            self._warns_of_coding = False
            _log.warning(
                "a server sends its files coded (Content-Encoding: %s) though that was not asked"
                " for: they are saved as they come, and --compressed decodes them",
                coding[:_LONGEST_SHOWN],
            )


def _requested_url(state: RedirectState, request: requests.PreparedRequest) -> Url:
    """The URL of a request: `requests` normalises those that are not plain."""
    text = request.url or ""
    return state.url if text == state.url.text else parse_url(text)


def _address_family(settings: Settings) -> socket.AddressFamily:
    if settings.ipv4:
        return socket.AF_INET
    return socket.AF_INET6 if settings.ipv6 else socket.AF_UNSPEC


def _address_judge(settings: Settings) -> AddressJudge | None:
    if not settings.public_only:
        return None
    from pyfetch.http.public_addresses import why_not_public

    return why_not_public


def _drain(response: Response, transfer: Transfer) -> None:
    """Read a small body that nobody wants, so that its connection can be used again.

    Waits for one read at most. If the body is not complete after that, the connection is closed.
    """
    left = response.left
    if left and left <= DRAIN_SIZE:
        transfer.wait_at_most(DRAIN_SECONDS)
        with contextlib.suppress(OSError):
            response.read(left)
