"""Threads for what would hold up the loop: hashing, large bodies, waiting for others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor

from pyfetch import cpu
from pyfetch.http.client import Receiver
from pyfetch.system import leave_signals_to_main
from pyfetch.transfer import Transfer

LARGE = 512 * 1024
"""Bytes of a body from which on a helper hashes and writes it, and makes a file of it."""
_MOST_QUEUED = 2 * 1024 * 1024
"""Bytes of a body that wait for a helper, at most: then no more is received."""
HANDED_OVER = 256 * 1024
"""Bytes that are handed over to a helper at once."""
_JOINED = 16
"""Pieces that are hashed and written at once. libcurl's have 16 KiB."""
_MOST_WAITING = 256
"""Helpers that wait for a server, at most."""
_ROOM = 1024 * 1024
"""More is received once no more bytes than this wait."""


class _Assigned:
    """Work that is done once, by the thread that takes it first."""

    __slots__ = ("_work", "done")

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = [work]
        self.done: Future[None] = Future()

    def do(self) -> None:
        """Do it, unless that was done or is being done."""
        work = self._take()
        if work:
            try:
                work()
            finally:
                self.done.set_result(None)

    def drop(self) -> None:
        """Let nobody begin it any more."""
        if self._take():
            self.done.set_result(None)

    def _take(self) -> Callable[[], None] | None:
        try:
            return self._work.pop()
        except IndexError:
            return None


class Helpers:
    """The threads. They are started when they are needed."""

    def __init__(self, post: Callable[[Callable[[], None]], None], waiting: int) -> None:
        """`post` has something called by the thread of the loop.

        `waiting`: how many helpers may wait for a server at once.
        """
        self.post = post
        self._computing = ThreadPoolExecutor(
            max(2, min(4, cpu.available())),
            thread_name_prefix="pyfetch-helper",
            initializer=_begin,
        )
        self._waiting = ThreadPoolExecutor(
            min(waiting, _MOST_WAITING),
            thread_name_prefix="pyfetch-waiting",
            initializer=leave_signals_to_main,
        )
        self._assigned: dict[Future[None], _Assigned] = {}
        """Those that are not done, by what tells that they are."""
        self._is_closed = False

    def submit(self, work: Callable[[], None], *, waits: bool = False) -> None:
        """Have this done by a helper; by the caller, if the system starts no more threads.

        It must not raise. `waits`: for a server, using no CPU.
        """
        one = _Assigned(work)
        self._assigned[one.done] = one
        one.done.add_done_callback(self._assigned.pop)
        try:
            (self._waiting if waits else self._computing).submit(one.do)
        except RuntimeError:  # "can't start new thread": it waits for a helper that may never come
            if self._is_closed:
                one.drop()
                raise
            one.do()

    def wait(self, seconds: float | None) -> bool:
        """Wait until no helper works. Returns whether that was within the time."""
        return not futures.wait(list(self._assigned), timeout=seconds).not_done

    def close(self) -> None:
        """Start nothing more."""
        self._is_closed = True
        for one in list(self._assigned.values()):
            one.drop()
        self._computing.shutdown(wait=False)
        self._waiting.shutdown(wait=False)


def _begin() -> None:
    leave_signals_to_main()
    cpu.leave_home()  # they mostly work without the interpreter's lock


class QueuedBody:
    """The pieces of a large body on their way to a receiver, which a helper calls.

    One helper at a time works for it, so the pieces stay in order. `has_room` and `is_idle` are
    called by the thread of the loop: when more may be received, and when all was taken or the
    receiver has raised `error`.
    """

    __slots__ = (
        "_gathered", "_gathered_size", "_has_room", "_helpers", "_is_idle", "_lock", "_pieces",
        "_receiver", "_size", "_transfer", "_wants_room", "error", "is_busy",
    )  # fmt: skip

    def __init__(
        self,
        helpers: Helpers,
        transfer: Transfer,
        receiver: Receiver,
        has_room: Callable[[], None],
        is_idle: Callable[[], None],
    ) -> None:
        self._helpers = helpers
        self._transfer = transfer
        self._receiver = receiver
        self._has_room = has_room
        self._is_idle = is_idle
        self._lock = threading.Lock()
        self._gathered: list[bytes] = []
        """Pieces that are not handed over yet; for the thread of the loop alone."""
        self._gathered_size = 0
        self._pieces: list[bytes] = []
        self._size = 0
        self._wants_room = False
        self.is_busy = False
        """Whether pieces wait, or a helper works on some."""
        self.error: BaseException | None = None

    def put(self, data: bytes) -> bool:
        """Take a piece. False: there is no room now, and `has_room` will be called."""
        if self.is_full():
            return False
        self.add([data], len(data))
        return True

    def is_full(self) -> bool:
        """Whether there is no room now. If so, `has_room` will be called."""
        if self._size < _MOST_QUEUED:
            return False
        with self._lock:
            self._wants_room = self._size >= _MOST_QUEUED
            return self._wants_room

    def add(self, pieces: list[bytes], size: int) -> None:
        """Take pieces with so many bytes together, whether there is room or not."""
        self._gathered += pieces
        self._gathered_size += size
        if self._gathered_size >= HANDED_OVER:
            self.hand_over()

    def hand_over(self) -> None:
        """Let a helper take the pieces that there are: to wake one for each would cost more."""
        if not self._gathered:
            return
        with self._lock:
            self._pieces += self._gathered
            self._size += self._gathered_size
            starts = not self.is_busy
            self.is_busy = True
        self._gathered, self._gathered_size = [], 0
        if starts:
            self._helpers.submit(self._work)

    def _work(self) -> None:
        while True:
            with self._lock:
                pieces = self._pieces[:_JOINED]
                del self._pieces[:_JOINED]
                if not pieces or self.error:
                    self.is_busy = False
                    break
            data = b"".join(pieces)
            try:
                if self.error is None:
                    self._transfer.received += len(data)
                    self._receiver.chunk(data)
            except BaseException as error:
                self.error = error
            with self._lock:
                self._size -= len(data)
                calls = self._wants_room and self._size <= _ROOM
                if calls:
                    self._wants_room = False
            if calls:
                self._helpers.post(self._has_room)
        self._helpers.post(self._is_idle)
