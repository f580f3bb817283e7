"""The connection that one request is sent over: whether it is new, and whether it is clean.

libcurl reads as soon as it has sent a request. Bytes that a server has sent behind the response
before would be taken for the answer (RFC 9112, section 9.3); `OpenConnection` sees such bytes.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pycurl

from pyfetch.http.curl.head_lines import HeadLines
from pyfetch.http.curl.open_connections import OpenConnection
from pyfetch.http.name_lookup import is_ip_address
from pyfetch.http.route import Route, new_socket
from pyfetch.timing import Phase
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from pyfetch.http.curl.client import CurlClient

_MAY_BE_SENT, _MAY_NOT_BE_SENT = int(pycurl.PREREQFUNC_OK), int(pycurl.PREREQFUNC_ABORT)
_NO_SOCKET, _SOCKET_IS_GOOD = int(pycurl.SOCKET_BAD), int(pycurl.SOCKOPT_OK)


class Address(NamedTuple):
    """What libcurl is about to connect to."""

    family: Any
    kind: Any
    """Type and flags of the socket."""
    protocol: int
    address: Any


class Request(Protocol):
    """The request that uses a handle."""

    @property
    def transfer(self) -> Transfer:
        """Its transfer."""

    @property
    def waits_for_head(self) -> bool:
        """Whether the head of its response was not judged yet."""

    def write(self, data: bytes) -> int | None:
        """Take a piece of the body. None: it is taken."""

    def ask_again(self) -> None:
        """Send the same request over a new connection."""


class UsedConnection:
    """What is known of the connection. A handle has one, for one request after the other."""

    __slots__ = (
        "_client", "_descriptors", "_heads", "_open", "_route", "addresses", "error",
        "is_being_sent", "is_new", "is_unclean", "refusal", "request",
    )  # fmt: skip

    def __init__(self, client: CurlClient, heads: HeadLines) -> None:
        self._client = client
        self._heads = heads
        self.request: Request | None = None
        """Who uses it; None: nobody does."""
        self._route: Route | None = None
        self._open: OpenConnection | None = None
        self._descriptors: list[int] = []
        self.addresses: list[str] = []
        """Those that were tried; none: an open connection is used."""
        self.is_new = self.is_unclean = self.is_being_sent = False
        self.refusal: str | None = None
        """Why an address is not allowed, if one is not."""
        self.error: OSError | None = None
        """Why the system has made no socket, if it has not."""

    def begin(self, request: Request, route: Route) -> None:
        """Another request is about to begin."""
        self.request = request
        self._route = route
        self.is_new = False
        """Whether it was opened for this request."""
        self.is_unclean = False
        """Whether it had bytes that cannot be the answer to this request."""
        self.is_being_sent = False
        """Whether libcurl is in the call in which it sends the request over TLS."""
        self._open = self.refusal = self.error = None
        if self.addresses:
            self.addresses, self._descriptors = [], []

    # What libcurl calls.

    def resolving(self, *_: Any) -> int:
        """A name is looked up for the request."""
        if self.request and self._route and not is_ip_address(self._route.first_hop[0]):
            transfer = self.request.transfer
            transfer.phases[-1] = (Phase.RESOLVING, transfer.phases[-1][1])
            transfer.has_asked = False
        return 0

    def open_socket(self, _purpose: int, wanted: Any) -> _Lent | int:
        """Make a socket for a new connection, if its address is allowed."""
        request, client, route = self.request, self._client, self._route
        if request is None or route is None:
            return _NO_SOCKET
        address = Address(*wanted)
        host = str(address.address[0])
        refusal = client.judge(host) if client.judge else None
        if refusal:
            self.refusal = self.refusal or refusal
            return _NO_SOCKET
        client.before_a_socket_is_opened()
        self.addresses.append(host)
        if not self.is_new:
            self.is_new = True
            self._heads.of_proxy = int(route.is_tunnel)
            request.transfer.phases.append((Phase.CONNECTING, time.monotonic()))
            request.transfer.has_asked = False
        try:
            return _Lent(new_socket(None, address.family, address.kind, address.protocol))
        except OSError as error:
            self.error = error
            return _NO_SOCKET

    def socket_made(self, descriptor: int, _purpose: int) -> int:
        """Note what libcurl has made of the socket for a new connection."""
        self._descriptors.append(descriptor)
        return _SOCKET_IS_GOOD

    def sending(self, *ends: Any) -> int:
        """The request is about to be sent over a connection between these. Whether it may."""
        client = self._client
        if self.is_new:
            if self._descriptors:
                self._open = client.connections.opened(ends, self._descriptors)
            return _MAY_BE_SENT
        used = self._open = client.connections.between(ends)
        if used is None or not used.is_exclusive:
            return _MAY_BE_SENT
        if used.has_unread():
            self.is_unclean = True
            return _MAY_NOT_BE_SENT
        if self._route and self._route.has_tls:  # it may have decrypted more than was read
            used.mark()
            self.is_being_sent = True
            client.after_this_call(self._see_what_was_there)
        return _MAY_BE_SENT

    # What the request calls.

    def had_the_answer(self, data: bytes = b"") -> bool:
        """Whether TLS had an answer before the request could be answered.

        What libcurl gets while it sends the request is the answer only if as much has come since,
        and no more. `data`: the beginning of the body.
        """
        heads = self._heads
        if not (self._open and heads.lines):
            return False
        is_whole = heads.is_complete(len(data))
        self.is_unclean = not self._open.may_have_sent(heads.size() + len(data), is_whole=is_whole)
        return self.is_unclean

    def speaks(self, version: str) -> None:
        """Note which version of HTTP the response has that has come over a new connection."""
        if self._open:
            self._open.is_exclusive = version.startswith("1.")

    def shut_down(self) -> None:
        """Let nothing more come over it."""
        if self._open:
            self._open.shut_down()

    def _see_what_was_there(self) -> None:
        """The call of libcurl is over in which the request was sent."""
        self.is_being_sent = False
        request = self.request
        if request and (self.is_unclean or (request.waits_for_head and self.had_the_answer())):
            request.ask_again()


class _Lent:
    """A socket of which pycurl makes a copy: closed as soon as that is done."""

    def __init__(self, made: socket.socket) -> None:
        self._made = made

    def fileno(self) -> int:
        return self._made.fileno()

    def __del__(self) -> None:
        self._made.close()
