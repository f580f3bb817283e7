"""One GET in flight over libcurl: sends its requests, and finds out how each of them ends."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING

import pycurl

from pyfetch.attempt import RedirectState
from pyfetch.http import failures, trace
from pyfetch.http.client import Receiver
from pyfetch.http.curl.errors import NO_HTTP, URL_MALFORMAT, caused, gave_up, why_no_answer
from pyfetch.http.curl.handle import Handle
from pyfetch.http.curl.head import without_end
from pyfetch.http.curl.incoming_body import REFUSED, IncomingBody
from pyfetch.http.response import ResponseHead
from pyfetch.http.response_head import MAX_FIELDS
from pyfetch.models import Failure, TargetError
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from pyfetch.http.curl.client import CurlClient

OnEnd = Callable[[RedirectState | None, BaseException | None], None]
"""Called once: with what `Client.get` would return, or with what it would raise."""

_ENOUGH = TargetError(Failure.INTERNAL, "the rest of the body is not wanted")
_TRIED = int(pycurl.CURL_HTTP_VERSION_3)


class Flight:
    """One GET while it is made. All methods are for the thread of the loop."""

    __slots__ = (
        "_body", "_client", "_ended_with", "_error", "_fields", "_following", "_handle",
        "_head_blocks", "_logs", "_offered", "_on_end", "_planned", "_receiver", "_refused",
        "_response", "_state", "transfer",
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
        """What libcurl has of the request; None: it has none."""
        self._body: IncomingBody | None = None
        """What comes of its body; None: none was sent, or it is over."""
        self._error: BaseException | None = None
        self._response: ResponseHead | None = None
        self._following: RedirectState | None = None
        self._refused: TargetError | None = None
        """Why its redirect is not followed, until the answer is kept."""
        self._ended_with: tuple[BaseException | None] | None = None
        """How it has ended, while a helper still works for it."""

    def interrupt(self) -> None:
        """Have the client look at it, as its transfer was stopped; for any thread."""
        self._client.post(partial(self._client.stop, self))

    @property
    def waits_for_head(self) -> bool:
        """Whether the head of the response was not judged yet."""
        return self._response is None

    # A request begins.

    def send(self, *, over_new_connection: bool = False) -> None:
        """Send the next request. Raises `TargetError`."""
        client, transfer = self._client, self.transfer
        self._response = self._error = self._body = self._ended_with = None
        self._following = self._refused = None
        planned = self._planned = client.conversation.plan(
            self._state, self._fields, transfer.target
        )
        config, request = planned.config, planned.prepared
        handle = self._handle = client.take_handle(config.route)
        offers = client.offers
        handle.version = self._offered = offers.version(config.route) if offers else None
        handle.wants_new_connection = over_new_connection or self._offered == _TRIED
        self._body = IncomingBody(client, config, handle, transfer, self._receiver, self._helped)
        try:
            handle.prepare(request.url or "", request.headers, config, client.options, self)
        except ValueError as error:
            raise failures.of_request(error, config.timeout) from error
        except pycurl.error as error:
            raise why_no_answer(URL_MALFORMAT, str(error), handle, config, client) from error
        self._logs = client.logs
        if self._logs and trace.shows_heads():
            trace.request_head(config.route.encode(request.url or "", request.headers))
        handle.watch.begin(transfer)
        client.begin(self, handle)

    def ask_again(self) -> None:
        """Send the same request over a new connection, and close the one that was used."""
        assert self._handle, "it is in flight"  # noqa: S101
        self._handle.connection.shut_down()
        trace.not_its_answer(self._planned.config.route)
        self._send_again()

    def _send_again(self) -> None:
        assert self._handle, "it is in flight"  # noqa: S101
        self._handle.watch.forget_phases(self.transfer)
        self._release()
        try:
            self.transfer.check()
            self.send(over_new_connection=True)
        except BaseException as error:
            self.give_up(error)

    # Its response comes.

    def write(self, data: bytes) -> int | None:
        """Take a piece of the body. Returns what libcurl wants to hear; None: it is taken."""
        handle, body = self._handle, self._body
        assert handle, "it is in flight"  # noqa: S101
        assert body, "it is in flight"  # noqa: S101
        try:
            if self._response is None:
                if handle.connection.is_being_sent and handle.connection.had_the_answer(data):
                    return REFUSED
                self._take_head(handle, body)
                if self._response is None:
                    raise failures.of_request(without_end(), self._planned.config.timeout)
            return body.put(data)
        except BaseException as error:
            self._error = error
            return REFUSED

    def see_head(self) -> BaseException | None:
        """Judge the head, if it has come before any of the body. Returns why to end, if so."""
        handle, body = self._handle, self._body
        assert handle, "it is in flight"  # noqa: S101
        assert body, "it is in flight"  # noqa: S101
        try:
            self._take_head(handle, body)
        except BaseException as error:
            return error
        return _ENOUGH if body.is_enough else None

    def _take_head(self, handle: Handle, body: IncomingBody) -> None:
        """Judge the head of the response, if it has come. Raises `TargetError`."""
        planned = self._planned
        try:
            if handle.heads.has_final():
                self._judge(handle.response(planned.url(self._state)), handle, body)
        except HTTPException as error:
            raise failures.of_request(error, planned.config.timeout) from error

    def _judge(self, response: ResponseHead, handle: Handle, body: IncomingBody) -> None:
        transfer, planned = self.transfer, self._planned
        self._response = response
        if handle.connection.is_new:
            handle.connection.speaks(response.version)
        offers, conversation = self._client.offers, self._client.conversation
        if offers and (self._offered is not None or "alt-svc" in response.headers):
            offers.answered(planned.config.route, response, self._offered)
        try:
            self._following = conversation.after(self._state, transfer.target, planned, response)
        except TargetError as error:
            if self._receiver.keep_answer is None:
                raise
            self._refused = error
        if self._following is not None or self._refused:
            body.discard(response.framing.length)
            return
        transfer.answered()
        if "content-encoding" in response.headers:
            conversation.warn_of_coding(response, planned.config, transfer.target)
        if response.framing.error:
            raise TargetError(Failure.WRONG_CONTENT, response.framing.error)
        if self._head_blocks:
            body.judge_by_helper(response)
        else:
            body.judge(response)

    def look(self, now: float) -> BaseException | None:
        """See how far it has come. Returns why it has to be given up, if it has to."""
        handle, body, transfer = self._handle, self._body, self.transfer
        assert handle, "it is in flight"  # noqa: S101
        assert body, "it is in flight"  # noqa: S101
        config, watch = self._planned.config, handle.watch
        if self._response is None:
            ended = self.see_head()
            if ended:
                return ended
        else:
            watch.settle(transfer, config.route, self._response, logs=self._logs)
        if not watch.is_sent(transfer, config.route, has_head=self._response is not None):
            return None
        if body.queue:
            body.queue.hand_over()
        come = transfer.received + len(handle.heads.lines)
        if not watch.is_too_slow(now, come, body, config.timeout.read_timeout):
            return None
        if self._response is None:
            return failures.of_request(TimeoutError(), config.timeout)
        return failures.of_body(TimeoutError(), transfer)

    # It ends.

    def end(self, code: int, text: str) -> None:
        """The transfer of libcurl is over."""
        handle, body, offers = self._handle, self._body, self._client.offers
        assert handle, "it was in flight"  # noqa: S101
        assert body, "it was in flight"  # noqa: S101
        connection = handle.connection
        is_rest = code in NO_HTTP and not (handle.heads.lines or connection.is_new or self._error)
        if connection.is_unclean or is_rest:
            self.ask_again()
            return
        if gave_up(text) and not handle.wants_new_connection:
            trace.not_answered(self._planned.config.route)
            self._send_again()  # as the first one over its connection, which has to be answered
            return
        if code and self._offered is not None and self._response is None and offers:
            offers.ended(self._planned.config.route, spoken=False)
            self._send_again()  # by another version
            return
        try:
            if self._error is None and self._response is None:
                self._take_head(handle, body)
            response = self._response
            if connection.is_new or self._logs or (response is not None and response.raw):
                route = self._planned.config.route
                handle.watch.settle(self.transfer, route, response, logs=self._logs)
            if code and body.other:
                body.other.cut_off("disconnect")
            error = self._error or body.error or self._failure(code, text, handle, body)
        except BaseException as raised:
            error = raised
        self._release()
        self._end_with(error)

    def _failure(
        self, code: int, text: str, handle: Handle, body: IncomingBody
    ) -> BaseException | None:
        """What the end of libcurl's transfer means; None: all that is wanted has come."""
        if self._response is None:
            return why_no_answer(code, text, handle, self._planned.config, self._client)
        has_sound_trailer = len(handle.heads.lines) - handle.heads.behind <= MAX_FIELDS
        if body.is_discarding or (code == 0 and has_sound_trailer):
            return None
        cut = OSError(errno.ECONNRESET, text)
        return caused(failures.of_body(cut, self.transfer), cut)

    def give_up(self, error: BaseException) -> None:
        """End it with this error."""
        body = self._body
        own = self._error or (body.error if body else None)
        if body and body.other:
            body.other.cut_off("time")
        if own is None and (error is _ENOUGH or (body and body.is_discarding)):
            self._release()
            self._end_with(None)
            return
        self._release()
        self._end_with(own or error)

    def _end_with(self, error: BaseException | None) -> None:
        """End, as soon as no helper works for it any more."""
        body = self._body
        queue = body.queue if body else None
        if queue:
            queue.hand_over()
        if body and (not body.is_judged or (queue and queue.is_busy)):
            self._ended_with = (error,)
            return
        if queue and queue.error:
            error = queue.error
        self._conclude(error)

    def _helped(self) -> None:
        """A helper has done what there was to do; it may say so more than once."""
        body = self._body
        if body is None:
            return
        error = self._error or body.error or (body.queue.error if body.queue else None)
        if self._ended_with is not None:
            ended_with, self._ended_with = self._ended_with[0], None
            self._end_with(error or ended_with)
        elif error:
            self.give_up(error)
        elif body.is_enough:
            self.give_up(_ENOUGH)
        else:
            body.go_on()

    def _release(self) -> None:
        handle, self._handle = self._handle, None
        if handle:
            if self._body:
                self._body.end()
            handle.connection.request = None
            self._client.release(self, handle)

    def _conclude(self, error: BaseException | None) -> None:
        """Send the next request, or tell that this was the last one."""
        following = self._following
        try:
            self.transfer.check()
            if not error and self._body and self._body.other and self._response:
                self._body.keep_other(self._response)
                if self._refused:
                    raise self._refused
            waits = self._client.conversation.waits_for_turn
            if not (error or following is None or waits(self._state, following)):
                self._state = following
                self.send()
                return
        except BaseException as raised:
            error = raised
            self._release()
        self._body = None  # it refers to this
        self._on_end(None if error else following, error)
