"""One GET in flight over libcurl, from its first request to its last response."""

from __future__ import annotations

import contextlib
import errno
import math
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING

import pycurl

from pyfetch.attempt import RedirectState
from pyfetch.http import failures, trace
from pyfetch.http.client import Receiver
from pyfetch.http.conversation import DRAIN_SECONDS, DRAIN_SIZE
from pyfetch.http.curl.errors import COULDNT_CONNECT, NO_HTTP, URL_MALFORMAT, Reached, as_exception
from pyfetch.http.curl.handle import Address, Handle, HasDescriptor
from pyfetch.http.curl.head import final_head, is_complete, is_interim, raw_head
from pyfetch.http.curl.helpers import LARGE, QueuedBody
from pyfetch.http.curl.measured import log_answer, phases_of_connecting
from pyfetch.http.curl.open_connections import Ends, OpenConnection
from pyfetch.http.name_lookup import is_ip_address
from pyfetch.http.response import RawHeads, ResponseHead, framing_of
from pyfetch.http.response_head import MAX_FIELDS
from pyfetch.http.route import new_socket
from pyfetch.models import Failure, TargetError
from pyfetch.timing import Phase
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from pyfetch.http.curl.client import CurlClient
    from pyfetch.http.other_answer import OtherBody

OnEnd = Callable[[RedirectState | None, BaseException | None], None]
"""Called once: with what `Client.get` would return, or with what it would raise."""

_WAITING, _CONNECTING, _RECEIVING = Phase.WAITING, Phase.CONNECTING, Phase.RECEIVING
_ENOUGH = TargetError(Failure.INTERNAL, "the rest of the body is not wanted")
_TRIED = int(pycurl.CURL_HTTP_VERSION_3)
_LINE_END = len(b"\r\n")
_FINAL = (b"HTTP/1.1 2", b"HTTP/2 2")
"""Beginnings of heads that are no interim ones."""
_REFUSED = 0
"""Bytes taken of a piece of the body, to end the transfer."""


class Flight:
    """One GET while it is made. All methods are for the thread of the loop."""

    __slots__ = (
        "_address_refused",
        "_addresses",
        "_began",
        "_body",
        "_client",
        "_connection",
        "_descriptors",
        "_ended_with",
        "_error",
        "_fields",
        "_following",
        "_granted",
        "_handle",
        "_has_heard_proxy",
        "_has_opened",
        "_head_begins",
        "_head_blocks",
        "_heads_of_proxy",
        "_is_being_sent",
        "_is_discarding",
        "_is_enough",
        "_is_judged",
        "_is_over",
        "_is_paused",
        "_is_sent",
        "_is_settled",
        "_is_unclean",
        "_left",
        "_limits",
        "_logs",
        "_offered",
        "_on_end",
        "_other",
        "_phases_before",
        "_planned",
        "_receiver",
        "_refused",
        "_response",
        "_seen",
        "_seen_at",
        "_state",
        "transfer",
    )  # fmt: skip

    def __init__(
        self,
        client: CurlClient,
        state: RedirectState,
        fields: Mapping[str, str],
        transfer: Transfer,
        receiver: Receiver,
        on_end: OnEnd,
        *,
        head_blocks: bool,
    ) -> None:
        """`head_blocks`: whether `receiver.head` may take long."""
        self.transfer = transfer
        self._client = client
        self._state = state
        self._fields = fields
        self._receiver = receiver
        self._on_end = on_end
        self._head_blocks = head_blocks
        self._handle: Handle | None = None
        self._error: BaseException | None = None
        self._response: ResponseHead | None = None
        self._following: RedirectState | None = None
        self._body: QueuedBody | None = None
        self._other: OtherBody | None = None
        """The body of an answer that is not the target's content, if such answers are kept."""
        self._refused: TargetError | None = None
        """Why its redirect is not followed, until it is kept."""
        self._ended_with: tuple[BaseException | None] | None = None
        self._is_over = self._is_paused = self._is_discarding = False
        self._is_judged = True

    def interrupt(self) -> None:
        """Have the client look at it, as its transfer was stopped; for any thread."""
        self._client.post(partial(self._client.stop, self))

    def send(self, *, over_new_connection: bool = False) -> None:
        """Send the next request. Raises `TargetError`."""
        client, transfer = self._client, self.transfer
        planned = self._planned = client.conversation.plan(
            self._state, self._fields, transfer.target
        )
        config = planned.config
        self._response = self._following = self._error = None
        self._address_refused: str | None = None
        self._addresses: list[str] = []
        self._is_discarding = self._is_enough = self._has_opened = self._is_sent = False
        self._is_settled = self._is_paused = self._has_heard_proxy = False
        self._is_being_sent = self._is_unclean = False
        self._connection: OpenConnection | None = None
        self._descriptors: list[int] = []
        self._head_begins = self._heads_of_proxy = 0
        self._is_judged = True
        self._granted = 0
        self._limits = client.limits_of(config) if client.has_limits else ()
        self._left: int | None = None
        self._body = self._ended_with = self._other = self._refused = None
        self._seen = -1
        self._phases_before = len(transfer.phases)
        now = self._began = self._seen_at = time.monotonic()
        request = planned.prepared
        handle = self._handle = client.take_handle(config.route)
        offers = client.offers
        handle.version = self._offered = offers.version(config.route) if offers else None
        handle.wants_new_connection = over_new_connection or self._offered == _TRIED
        try:
            handle.prepare(request.url or "", request.headers, config, client.options, self)
        except ValueError as error:
            raise failures.of_request(error, config.timeout) from error
        except pycurl.error as error:
            refused = as_exception(URL_MALFORMAT, str(error), self._progress())
            raise failures.of_request(refused, config.timeout) from error
        self._logs = client.logs
        if self._logs and trace.shows_heads():
            trace.request_head(config.route.encode(request.url or "", request.headers))
        transfer.has_asked = True
        transfer.steps += 1
        transfer.phases.append((_WAITING, now))
        client.begin(self, handle)

    # What libcurl calls.

    def resolving(self) -> None:
        """A name is looked up for this request."""
        if is_ip_address(self._planned.config.route.first_hop[0]):
            return
        phases = self.transfer.phases
        phases[-1] = (Phase.RESOLVING, phases[-1][1])
        self.transfer.has_asked = False

    def socket_made(self, descriptor: int) -> None:
        """Note what libcurl has made of the socket for a new connection."""
        self._descriptors.append(descriptor)

    def sending(self, ends: Ends) -> bool:
        """The request is about to be sent over a connection between these. Whether it may."""
        connections = self._client.connections
        if self._has_opened:
            if self._descriptors:
                self._connection = connections.opened(ends, self._descriptors)
            return True
        connection = self._connection = connections.between(ends)
        if connection is None or not connection.is_exclusive:
            return True
        if connection.has_unread():
            self._is_unclean = True
            return False
        if self._planned.config.route.has_tls:  # it may have decrypted more than was read
            connection.mark()
            self._is_being_sent = True
            self._client.after_this_call(self._see_what_was_there)
        return True

    def open_socket(self, address: Address) -> HasDescriptor | int:
        """Make a socket for a new connection, if its address is allowed."""
        transfer = self.transfer
        judge = self._client.judge
        refusal = judge(str(address.address[0])) if judge else None
        if refusal:
            self._address_refused = self._address_refused or refusal
            return int(pycurl.SOCKET_BAD)
        self._client.before_a_socket_is_opened()
        self._addresses.append(str(address.address[0]))
        if not self._has_opened:
            self._has_opened = True
            self._heads_of_proxy = int(self._planned.config.route.is_tunnel)
            transfer.phases.append((_CONNECTING, time.monotonic()))
            transfer.has_asked = False
        try:
            return _Lent(new_socket(None, address.family, address.kind, address.protocol))
        except OSError as error:
            self._error = error
            return int(pycurl.SOCKET_BAD)

    def write(self, data: bytes) -> int | None:
        """Take a piece of the body. None: it is taken."""
        try:
            is_first = self._is_being_sent and self._response is None
            if is_first and self._has_answer_of_another(data):
                self._is_unclean = True
                return _REFUSED
            if self._response is None and self._has_head():
                self._take_head()
            if self._is_discarding:
                if self._other and not self._other.put(data):
                    self._is_enough = True
                return _REFUSED if self._is_enough else None
            if not self._is_judged or (self._limits and not self._may_read(len(data))):
                return self._pause()
            left = self._left
            if left is not None and len(data) > left:
                # libcurl reads on where the field of a transfer coding hides the length.
                data = data[:left]
                self._is_enough = True
            return self._take(data)
        except BaseException as error:
            self._error = error
            return _REFUSED

    def _has_answer_of_another(self, data: bytes = b"") -> bool:
        """Whether TLS had an answer before the request could be answered.

        libcurl reads as soon as it has sent a request: what it gets then is the answer only if
        as much has come since, and no more. `data`: the beginning of the body.
        """
        handle, connection = self._handle, self._connection
        if not (handle and connection and handle.lines):
            return False
        size = sum(map(len, handle.lines)) + len(data)
        return not connection.may_have_sent(size, is_whole=is_complete(handle.lines, len(data)))

    def _see_what_was_there(self) -> None:
        """The call of libcurl is over in which the request was sent."""
        self._is_being_sent = False
        if self._is_unclean or (self._response is None and self._has_answer_of_another()):
            self._ask_again()

    def _ask_again(self) -> None:
        """Send the same request over a new connection, and close the one that was used."""
        if self._connection:
            self._connection.shut_down()
        trace.not_its_answer(self._planned.config.route)
        self._send_again()

    def _send_again(self) -> None:
        del self.transfer.phases[self._phases_before :]
        self._release()
        try:
            self.transfer.check()
            self.send(over_new_connection=True)
        except BaseException as error:
            self.give_up(error)

    def _take(self, data: bytes) -> int | None:
        size = len(data)
        if self._body:
            if not self._body.put(data):
                return self._pause()
        else:
            transfer = self.transfer
            transfer.received += size
            began = time.monotonic()
            self._receiver.chunk(data)
            transfer.ours += time.monotonic() - began
            if transfer.received - transfer.resumed > LARGE:
                self._queue_body()
        if self._left is not None:
            self._left -= size
        if self._is_enough:
            self._is_discarding = True  # nothing is wanted behind it
            return _REFUSED
        return None

    def _may_read(self, size: int) -> bool:
        """Whether limits let so many bytes be read now; else it goes on when they do."""
        more = size - self._granted
        if more <= 0:
            self._granted = -more
            return True
        due = max(limit.reserve(more) for limit in self._limits)
        if due <= time.monotonic():
            return True
        self._granted = size
        self._client.call_at(due, self._go_on)
        return False

    def _pause(self) -> int:
        self._is_paused = True
        self.transfer.ours_begins()
        return int(pycurl.WRITEFUNC_PAUSE)

    def _go_on(self) -> None:
        """Receive again after a pause."""
        if self._is_paused and self._handle:
            self._is_paused = False
            self.transfer.ours_ends()
            self._handle.easy.pause(pycurl.PAUSE_CONT)

    def _queue_body(self) -> None:
        self._body = QueuedBody(
            self._client.helpers, self.transfer, self._receiver, self._go_on, self._helped
        )

    # What the client calls.

    def see_head(self) -> BaseException | None:
        """Judge the head, if it has come before any of the body. Returns why to end, if so."""
        try:
            if self._has_head():
                self._take_head()
        except BaseException as error:
            return error
        return _ENOUGH if self._is_enough else None

    @property
    def waits_for_head(self) -> bool:
        """Whether the head of the response was not judged yet."""
        return self._response is None

    def look(self, now: float) -> BaseException | None:
        """See how far it has come. Returns why it has to be given up, if it has to."""
        handle, transfer = self._handle, self.transfer
        assert handle  # noqa: S101 - it is in flight
        lines = handle.lines
        if self._response is None:
            ended = self.see_head()
            if ended:
                return ended
        else:
            self._settle(handle)
        if not self._is_sent and not self._see_whether_it_is_sent(handle):
            return None
        if self._body:
            self._body.hand_over()
        if self._other:
            return failures.of_body(TimeoutError(), transfer) if now > self._other.due else None
        seen = transfer.received + len(lines)
        if seen != self._seen:
            self._seen, self._seen_at = seen, now if self._seen >= 0 else self._seen_at
        timeout = self._planned.config.timeout
        longest = DRAIN_SECONDS if self._is_discarding else timeout.read_timeout or math.inf
        if self._is_paused or not self._is_judged:
            self._seen_at = now
        if now - self._seen_at < longest:
            return None
        if self._response is None:
            return failures.of_request(TimeoutError(), timeout)
        return failures.of_body(TimeoutError(), transfer)

    def _see_whether_it_is_sent(self, handle: Handle) -> bool:
        seconds = handle.easy.getinfo(pycurl.PRETRANSFER_TIME)
        if not seconds:
            return False
        self._is_sent = True
        self._seen_at = self._began + seconds
        if self._has_opened:
            self.transfer.has_asked = True
            self.transfer.steps += 1
            if self._response is None:
                self._set_phases(handle)
        return True

    def end(self, code: int, text: str) -> None:
        """The transfer of libcurl is over."""
        handle = self._handle
        assert handle  # noqa: S101 - it was in flight
        is_rest = code in NO_HTTP and not (handle.lines or self._has_opened or self._error)
        if self._is_unclean or is_rest:
            self._ask_again()
            return
        if code and self._offered is not None and self._response is None and self._client.offers:
            self._client.offers.ended(self._planned.config.route, spoken=False)
            self._send_again()  # by another version
            return
        try:
            if self._error is None and self._response is None and self._has_head():
                self._take_head()
            response = self._response
            if self._has_opened or self._logs or (response is not None and response.raw):
                self._settle(handle)
            if code and self._other:
                self._other.cut_off("disconnect")
            error = self._error or self._failure(code, text, handle)
        except BaseException as raised:
            error = raised
        self._release()
        self._end_with(error)

    def give_up(self, error: BaseException) -> None:
        """End it with this error."""
        if self._other:
            self._other.cut_off("time")
        is_no_failure = self._error is None and (error is _ENOUGH or self._is_discarding)
        self._release()
        self._end_with(None if is_no_failure else self._error or error)

    def _end_with(self, error: BaseException | None) -> None:
        """End, as soon as no helper works for it any more."""
        if self._body:
            self._body.hand_over()
        if not self._is_judged or (self._body and self._body.is_busy):
            self._ended_with = (error,)
            return
        if self._body and self._body.error:
            error = self._body.error
        self._conclude(error)

    def _helped(self) -> None:
        """A helper has done what there was to do; it may say so more than once."""
        if self._is_over:
            return
        error = self._error or (self._body.error if self._body else None)
        if self._ended_with is not None:
            ended_with, self._ended_with = self._ended_with[0], None
            self._end_with(error or ended_with)
        elif error:
            self.give_up(error)
        elif self._is_enough:
            self.give_up(_ENOUGH)
        else:
            self._go_on()

    def _release(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self.transfer.ours_ends()
        handle, self._handle = self._handle, None
        if handle:
            handle.listener = None
            self._client.release(self, handle)

    def _conclude(self, error: BaseException | None) -> None:
        """Send the next request, or tell that this was the last one."""
        following = self._following
        try:
            self.transfer.check()
            if self._other and not error:
                self._keep_other(self._other)
            waits = self._client.conversation.waits_for_turn
            if not (error or following is None or waits(self._state, following)):
                self._state = following
                self.send()
                return
        except BaseException as raised:
            error = raised
            self._release()
        self._is_over = True
        self._on_end(None if error else following, error)

    def _keep_other(self, body: OtherBody) -> None:
        """Hand over an answer that is not the target's content. Raises `TargetError`."""
        keep, response = self._receiver.keep_answer, self._response
        assert keep, "else its body would not be collected"  # noqa: S101
        assert response, "its head has come"  # noqa: S101
        self._other = None
        keep(body.answer(response))
        if self._refused:
            raise self._refused

    def _has_head(self) -> bool:
        """Whether the final head has come; others before it are passed over."""
        handle = self._handle
        assert handle  # noqa: S101 - it is in flight
        lines, begins = handle.lines, self._head_begins
        if not lines or len(lines[-1]) > _LINE_END:
            return False
        if not (begins or self._heads_of_proxy) and lines[0].startswith(_FINAL):  # as most are
            self._head_begins = lines.index(lines[-1]) + 1
            return True
        for end in range(begins, len(lines)):
            if len(lines[end]) > _LINE_END:
                continue
            first, begins = lines[begins], end + 1
            self._head_begins = begins
            if is_interim(first):
                continue
            if self._heads_of_proxy and not self._has_heard_proxy:
                self._has_heard_proxy = True
                continue
            return True
        return False

    def _take_head(self) -> None:
        """Judge the head of the response, which has come. Raises `TargetError`."""
        handle, transfer, planned = self._handle, self.transfer, self._planned
        assert handle  # noqa: S101 - it is in flight
        try:
            status_line, fields, version = final_head(handle.lines, self._heads_of_proxy)
        except HTTPException as error:
            raise failures.of_request(error, planned.config.timeout) from error
        framing = framing_of(status_line.status, fields)
        url = planned.url(self._state)
        response = ResponseHead(url, status_line, fields, framing, version)
        self._learn_from(response)
        self._response = response
        conversation = self._client.conversation
        if handle.keeps_heads:
            head = raw_head(handle.lines, self._heads_of_proxy)
            response.raw = RawHeads(handle.sent, head, handle.sent_at, None)
        try:
            self._following = conversation.after(self._state, transfer.target, planned, response)
        except TargetError as error:
            if self._receiver.keep_answer is None:
                raise
            self._refused = error
        if self._following is not None or self._refused:
            self._discard(framing.length)
            return
        transfer.answered()
        if "content-encoding" in fields:
            conversation.warn_of_coding(response, planned.config, transfer.target)
        if framing.error:
            raise TargetError(Failure.WRONG_CONTENT, framing.error)
        if self._head_blocks:
            self._is_judged = False
            self._client.helpers.submit(self._judge_elsewhere)
        else:
            self._judge()

    def _learn_from(self, response: ResponseHead) -> None:
        """Note which versions of HTTP are spoken over the connection, and by the server."""
        if self._connection and self._has_opened:
            self._connection.is_exclusive = response.version.startswith("1.")
        offers, route = self._client.offers, self._planned.config.route
        if offers is None:
            return
        if self._offered is not None:
            offers.ended(route, spoken=response.version == "3")
        offer = response.headers.get("alt-svc")
        if offer is not None:
            offers.heard(route, offer)

    def _judge(self) -> None:
        response = self._response
        assert response  # noqa: S101 - its head has come
        is_wanted = self._receiver.head(response)
        length = self._left = response.framing.length
        if not is_wanted:
            self._discard(length)
        elif length is not None and length > LARGE:
            self._queue_body()

    def _judge_elsewhere(self) -> None:
        """The same, by a helper."""
        transfer = self.transfer
        try:
            transfer.ours_begins()  # the receiver may have to hash a part first
            self._judge()
            transfer.ours_ends()
        except BaseException as error:
            self._error = error
        self._client.post(self._judged)

    def _judged(self) -> None:
        self._is_judged = True
        self._helped()

    def _discard(self, length: int | None) -> None:
        """Let a small body come that nobody wants, so that its connection can be used again."""
        self._is_discarding = True
        if self._receiver.keep_answer is None:
            self._is_enough = length is None or length > DRAIN_SIZE
            return
        from pyfetch.http.other_answer import OtherBody

        self.transfer.steps += 1  # what comes now is timed anew
        self._other = OtherBody(length, self._planned.config.timeout.read_timeout)

    def _failure(self, code: int, text: str, handle: Handle) -> BaseException | None:
        """What an error of libcurl means now; None if all that is wanted has come."""
        has_sound_trailer = len(handle.lines) - self._head_begins <= MAX_FIELDS
        is_whole = code == 0 and has_sound_trailer
        if self._response is not None and (is_whole or self._is_discarding):
            return None
        timeout = self._planned.config.timeout
        if self._address_refused and code == COULDNT_CONNECT:
            return TargetError(Failure.FORBIDDEN_ADDRESS, f"not public: {self._address_refused}")
        if self._response is not None:
            error: Exception = OSError(errno.ECONNRESET, text)
            return _from(failures.of_body(error, self.transfer), error)
        error = as_exception(code, text, self._progress())
        return _from(failures.of_request(error, timeout), error)

    def _progress(self) -> Reached:
        handle, config = self._handle, self._planned.config
        assert handle  # noqa: S101 - it was in flight
        get, proxy = handle.easy.getinfo, config.route.proxy
        tunnel = ""
        if config.route.is_tunnel and handle.lines:
            with contextlib.suppress(HTTPException):
                line = handle.lines[0].decode("latin-1").split(" ", 1)
                tunnel = line[1].strip() if len(line) > 1 else ""
        return Reached(
            has_socket=self._has_opened,
            has_looked_up=self._has_opened or get(pycurl.NAMELOOKUP_TIME) > 0,
            has_connected=get(pycurl.CONNECT_TIME) > 0,
            has_lines=bool(handle.lines),
            errno=get(pycurl.OS_ERRNO),
            connect_timeout=self._client.connect_timeout,
            tunnel=tunnel,
            verify_result=get(pycurl.SSL_VERIFYRESULT),
            socks=f"{proxy.host}:{proxy.port}" if proxy and proxy.is_socks else "",
            family=self._client.family,
        )

    def _settle(self, handle: Handle) -> None:
        """Note what libcurl has measured, which it does not say while it calls us."""
        if self._is_settled:
            return
        self._is_settled = True
        if self._has_opened:
            self._set_phases(handle)
        route = self._planned.config.route
        if self._response is not None and self._response.raw and not route.proxy:
            address = handle.easy.getinfo(pycurl.PRIMARY_IP)
            self._response.raw = self._response.raw._replace(address=address or None)
        if self._response is not None and self._logs:
            log_answer(handle.easy, route, self._response, self._addresses)

    def _set_phases(self, handle: Handle) -> None:
        """Note when the phases of a new connection began."""
        before = self._phases_before
        phases = phases_of_connecting(handle.easy, self._planned.config.route, self._began)
        known = self.transfer.phases
        known[before:] = [*phases, *(one for one in known[before:] if one[0] is _RECEIVING)]


class _Lent:
    """A socket of which pycurl makes a copy: closed as soon as that is done."""

    def __init__(self, made: socket.socket) -> None:
        self._made = made

    def fileno(self) -> int:
        return self._made.fileno()

    def __del__(self) -> None:
        self._made.close()


def _from(error: TargetError, cause: BaseException) -> TargetError:
    error.__cause__ = cause
    return error
