"""The body of one response as it comes in: wanted or passed over, bounded, paused, handed on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

import pycurl

from pyfetch.http.client import Receiver
from pyfetch.http.conversation import DRAIN_SIZE
from pyfetch.http.curl.helpers import HANDED_OVER, LARGE, QueuedBody
from pyfetch.http.origin_config import OriginConfig
from pyfetch.http.response import ResponseHead
from pyfetch.transfer import Transfer

if TYPE_CHECKING:
    from pyfetch.http.curl.client import CurlClient
    from pyfetch.http.curl.handle import Handle
    from pyfetch.http.other_answer import OtherBody

REFUSED = 0
"""Bytes taken of a piece of the body, to end the transfer of libcurl."""
_PAUSE = int(pycurl.WRITEFUNC_PAUSE)


class IncomingBody:
    """The body that one request gets. For the thread of the loop, but for what a helper does."""

    __slots__ = (
        "_client", "_config", "_granted", "_handle", "_helped", "_is_over", "_left", "_limits",
        "_receiver", "_streamed", "_transfer", "error", "is_discarding", "is_enough", "is_judged",
        "is_paused", "other", "queue",
    )  # fmt: skip

    def __init__(
        self,
        client: CurlClient,
        config: OriginConfig,
        handle: Handle,
        transfer: Transfer,
        receiver: Receiver,
        helped: Callable[[], None],
    ) -> None:
        """`helped` is called when a helper has done what there was to do, perhaps repeatedly."""
        self._client = client
        self._config = config
        self._handle = handle
        self._transfer = transfer
        self._receiver = receiver
        self._helped = helped
        self._limits = client.limits_of(config) if client.has_limits else ()
        self._granted = 0
        """Bytes that the limits have granted and that are not received yet."""
        self._left: int | None = None
        """Bytes that are still to come; None: that is not known."""
        self.queue: QueuedBody | None = None
        """Pieces for a helper, if it is large."""
        self._streamed: list[bytes] = []
        """Pieces that `_streaming` has taken and that are not handed over yet."""
        self._is_over = False
        self.other: OtherBody | None = None
        """The body of an answer that is not the target's content, if such answers are kept."""
        self.is_judged = True
        """Whether no helper judges the head: the body may be taken."""
        self.is_discarding = False
        """Whether it comes only so that its connection can be used again."""
        self.is_enough = False
        """Whether no more of it is wanted, so that the transfer may end."""
        self.is_paused = False
        self.error: BaseException | None = None
        """What the receiver has raised when a helper gave it the head."""

    # Whether it is wanted.

    def judge(self, response: ResponseHead) -> None:
        """Ask the receiver whether it wants the body behind this head."""
        is_wanted = self._receiver.head(response)
        length = self._left = response.framing.length
        if not is_wanted:
            self.discard(length)
        elif length == 0 and self._handle.reads_on:
            self.is_enough = True
        elif length is not None and length > LARGE:
            self._queue_pieces()
            if self.is_judged:  # else this is a helper
                self._stream_soon()

    def judge_by_helper(self, response: ResponseHead) -> None:
        """The same, but by a helper, as the receiver may have to hash a part first."""
        self.is_judged = False
        self._client.helpers.submit(partial(self._judge_elsewhere, response))

    def _judge_elsewhere(self, response: ResponseHead) -> None:
        transfer = self._transfer
        try:
            transfer.ours_begins()
            self.judge(response)
            transfer.ours_ends()
        except BaseException as error:
            self.error = error
        self._client.post(self._judged)

    def _judged(self) -> None:
        self.is_judged = True
        if self.queue:
            self._stream_soon()
        self._helped()

    def discard(self, length: int | None) -> None:
        """Let a small body come that nobody wants, so that its connection can be used again."""
        self.is_discarding = True
        if self._receiver.keep_answer is None:
            comes = None if self._handle.reads_on else length
            self.is_enough = comes is None or comes > DRAIN_SIZE
            return
        from pyfetch.http.other_answer import OtherBody

        self._transfer.steps += 1  # what comes now is timed anew
        self.other = OtherBody(length, self._config.timeout.read_timeout)

    def keep_other(self, response: ResponseHead) -> None:
        """Hand over an answer that is not the target's content, if it is one to be kept."""
        other, self.other = self.other, None
        if other:
            keep = self._receiver.keep_answer
            assert keep, "else its body would not be collected"  # noqa: S101
            keep(other.answer(response))

    # Its pieces.

    def put(self, data: bytes) -> int | None:
        """Take a piece. Returns what libcurl wants to hear; None: it is taken."""
        if self.is_discarding:
            if self.other and not self.other.put(data):
                self.is_enough = True
            return REFUSED if self.is_enough else None
        if not self.is_judged or (self._limits and not self._may_read(len(data))):
            return self._pause()
        left = self._left
        size = len(data)
        if left is not None and (size > left or (size == left and self._handle.reads_on)):
            data, size = data[:left], left
            self.is_enough = True
        if self.queue:
            if not self.queue.put(data):
                return self._pause()
        else:
            transfer = self._transfer
            transfer.received += size
            began = time.monotonic()
            self._receiver.chunk(data)
            transfer.ours += time.monotonic() - began
            if transfer.received - transfer.resumed > LARGE:
                self._queue_pieces()
                self._stream_soon()
        if left is not None:
            self._left = left - size
        if self.is_enough:
            self.is_discarding = True  # nothing is wanted behind it
            return REFUSED
        return None

    def _queue_pieces(self) -> None:
        self.queue = QueuedBody(
            self._client.helpers, self._transfer, self._receiver, self.go_on, self._helped
        )

    def _stream_soon(self) -> None:
        """Take pieces by `_streaming` as soon as libcurl may be told so.

        Not where limits say how many bytes may be read now.
        """
        if not self._limits:
            self._client.after_this_call(self._stream)

    def _stream(self) -> None:
        if not (self._is_over or self.is_discarding):
            take = self._streaming()
            next(take)
            self._handle.write_to(take.send)

    def _streaming(self) -> Generator[int | None, bytes, None]:
        """Takes pieces as `put` does. To go on here costs a fifth of calling that."""
        assert self.queue, "it is large"  # noqa: S101
        pieces, after_this_call = self._streamed, self._client.after_this_call
        room, answer = HANDED_OVER, None
        while True:
            data = yield answer
            answer = None
            if room <= 0:
                room = HANDED_OVER
                self._hand_on()
                if self.is_enough:
                    answer = REFUSED
                elif self.queue.is_full():
                    answer = self._pause()
                if answer is not None:
                    continue
            if not pieces:
                after_this_call(self._see_what_came)
            pieces.append(data)
            room -= len(data)

    def _hand_on(self) -> None:
        """Hand over the pieces that were taken since the last time."""
        pieces, queue, left = self._streamed, self.queue, self._left
        if not (pieces and queue):
            return
        size = sum(map(len, pieces))
        if left is not None:
            if size > left or (size == left and self._handle.reads_on):
                pieces, size = [b"".join(pieces)[:left]], left
                self.is_enough = self.is_discarding = True
            self._left = left - size
        queue.add(pieces, size)
        self._streamed.clear()

    def _see_what_came(self) -> None:
        """A call of libcurl is over in which pieces were taken."""
        self._hand_on()
        if self.is_enough and not self._is_over:
            self._helped()

    def end(self) -> None:
        """Nothing more comes: its handle is used for something else from now on."""
        if self.is_paused:
            self._end_pause()
        self._is_over = True

    # Its pauses.

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
        self._client.call_at(due, self.go_on)
        return False

    def _pause(self) -> int:
        self.is_paused = True
        self._transfer.ours_begins()
        return _PAUSE

    def go_on(self) -> None:
        """Receive again after a pause."""
        if self.is_paused:
            self._end_pause()
            try:
                self._handle.easy.pause(pycurl.PAUSE_CONT)
            except pycurl.error:
                # What libcurl had kept was refused, or its transfer has ended during the pause.
                # It reports an end only in the second case.
                self._helped()

    def _end_pause(self) -> None:
        """Note that nothing of this program holds it up any more."""
        self.is_paused = False
        self._transfer.ours_ends()
