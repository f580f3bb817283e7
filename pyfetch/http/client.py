"""HTTP client over `requests`: fetches one URL and pushes the response to a `Receiver`.

The client follows redirects within an origin. It returns all others to the caller, which knows
when the other host may be asked.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Protocol

import requests
from urllib3.exceptions import HTTPError

from pyfetch.attempt import RedirectState
from pyfetch.http import failures
from pyfetch.http.adapter import Exchange
from pyfetch.http.body import Bandwidth, read_pieces
from pyfetch.http.connection import AddressJudge, ConnectError, Connector
from pyfetch.http.conversation import (
    DRAIN_SECONDS,
    DRAIN_SIZE,
    Conversation,
    PlannedRequest,
)
from pyfetch.http.name_lookup import NameLookUps
from pyfetch.http.origin_config import OriginConfig
from pyfetch.http.pool import ConnectionPool
from pyfetch.http.response import Response, ResponseHead
from pyfetch.http.tls import Trust
from pyfetch.models import Failure, TargetError
from pyfetch.settings import Settings
from pyfetch.system import descriptor_budget
from pyfetch.transfer import Transfer

if TYPE_CHECKING:  # loaded where such answers are kept
    from pyfetch.http.other_answer import OtherAnswer

MAX_IDLE = 256
"""Idle connections that are kept, at most; if there are many workers, two for each of them."""

_BROKEN = (requests.RequestException, HTTPError, HTTPException, ConnectError, OSError, ValueError)


KeepAnswer = Callable[["OtherAnswer"], None]
"""Takes an answer that is not the content of a target."""


class Receiver(Protocol):
    """What a client passes a response to: `head` once, then `chunk` for each piece of the body.

    This is the interface between the HTTP client and the engine. The client knows nothing about
    files, and the receiver nothing about connections. An exception of the receiver ends the
    transfer, and the caller of the client gets it.
    """

    @property
    def keep_answer(self) -> KeepAnswer | None:
        """Takes each answer that is not what the target wants: redirects, errors.

        None: nobody wants these.
        """
        ...

    def head(self, head: ResponseHead) -> bool:
        """Take the head of the final response. Returns whether its body is wanted."""
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
        self._limits = (bandwidth,) if bandwidth else ()
        self._conversation = Conversation(settings, user_agent)
        look_ups = NameLookUps(family=_address_family(settings))
        connector = Connector(
            Trust(settings),
            settings.connect_timeout,
            look_ups,
            _address_judge(settings),
            keeps_heads=settings.archives,
        )
        # Lists often go back and forth between hosts: keep a connection to each.
        workers = settings.most_workers
        budget = descriptor_budget(workers, max(2 * workers, MAX_IDLE))
        self._pool = ConnectionPool(connector, budget.idle_connections)

    def limit_rate_of(self, origin: str, rate: int) -> None:
        """Let all transfers from this host together receive so many bytes a second."""
        self._conversation.limit_rate_of(origin, rate)

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
        conversation, target = self._conversation, transfer.target
        while True:
            planned = conversation.plan(state, headers, target)
            response = self._send(planned, state, transfer)
            try:
                try:
                    following = conversation.after(state, target, planned, response)
                except TargetError:
                    if receiver.keep_answer:
                        _pass_over(response, planned.config, transfer, receiver)
                    raise
                if following is None:
                    self._push(response, planned.config, transfer, receiver)
                    return None
                _pass_over(response, planned.config, transfer, receiver)
            finally:
                response.close()
            if conversation.waits_for_turn(state, following):
                transfer.check()
                return following
            state = following

    def _send(self, planned: PlannedRequest, state: RedirectState, transfer: Transfer) -> Response:
        transfer.check()
        config = planned.config
        exchange = Exchange(self._pool, config.route, planned.url(state), transfer, config.timeout)
        try:
            return exchange.run(planned.prepared, config.proxies)
        except _BROKEN as error:
            transfer.check()  # if it was stopped, the reason says more than this error
            raise failures.of_request(error, config.timeout) from error

    def _push(
        self, response: Response, config: OriginConfig, transfer: Transfer, receiver: Receiver
    ) -> None:
        transfer.answered()
        if "content-encoding" in response.headers:
            self._conversation.warn_of_coding(response, config, transfer.target)
        if response.framing.error:
            raise TargetError(Failure.WRONG_CONTENT, response.framing.error)
        transfer.ours_begins()  # the receiver may have to hash a part first
        is_wanted = receiver.head(response)
        transfer.ours_ends()
        if not is_wanted:
            _pass_over(response, config, transfer, receiver)
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


def _address_family(settings: Settings) -> socket.AddressFamily:
    if settings.ipv4:
        return socket.AF_INET
    return socket.AF_INET6 if settings.ipv6 else socket.AF_UNSPEC


def _address_judge(settings: Settings) -> AddressJudge | None:
    if not settings.public_only:
        return None
    from pyfetch.http.public_addresses import why_not_public

    return why_not_public


def _pass_over(
    response: Response, config: OriginConfig, transfer: Transfer, receiver: Receiver
) -> None:
    """Be done with a response whose body the receiver does not want."""
    if receiver.keep_answer is None:
        _drain(response, transfer)
        return
    from pyfetch.http.other_answer import read_other

    timeout: Any = config.timeout.read_timeout  # a number of seconds, or None
    answer = read_other(response, transfer, timeout)
    transfer.check()
    receiver.keep_answer(answer)


def _drain(response: Response, transfer: Transfer) -> None:
    """Read a small body that nobody wants, so that its connection can be used again.

    Waits for one read at most. If the body is not complete after that, the connection is closed.
    """
    left = response.left
    if left and left <= DRAIN_SIZE:
        transfer.wait_at_most(DRAIN_SECONDS)
        with contextlib.suppress(OSError):
            response.read(left)
