"""One `CurlMulti`, driven by one thread: waits for its sockets, and for calls of other threads."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable

import pycurl

_IN, _OUT = select.POLLIN, select.POLLOUT
_SIGNAL = (1).to_bytes(8, sys.byteorder)
"""What wakes the loop: eight bytes, as `eventfd` wants them."""
_LONGEST_WAIT = 60.0
"""Longest wait for a socket, in seconds."""


EndedHandle = tuple[pycurl.Curl, int, str]
"""A transfer of libcurl is over: its handle, and what libcurl says of it. 0: all went well."""


class Multi:
    """Transfers of libcurl. `post` is for any thread, everything else for one."""

    def __init__(self, max_connections: int, per_host: int) -> None:
        """`max_connections`: kept open, at most; `per_host`: open at once, 0 for any number."""
        self._multi = pycurl.CurlMulti()
        self.add = self._multi.add_handle
        """Begins the transfer that a handle describes."""
        self.remove = self._multi.remove_handle
        """Ends a transfer; its connection is closed unless its response was read to the end."""
        self._poll = _new_poll()
        self._watched: dict[int, int] = {}
        """By descriptor, the events that it is watched for."""
        self._idle: set[int] = set()
        """Those of them that no transfer uses."""
        self._due: float | None = None
        """When libcurl wants to be called even if nothing happens."""
        self._timer: deque[int] = deque(maxlen=1)
        """In how many milliseconds that is, as libcurl has said last; negative: never."""
        self._posted: deque[Callable[[], None]] = deque()
        self._after_call: list[Callable[[], None]] = []
        self.after_this_call = self._after_call.append
        """Have something called as soon as libcurl has done what it is doing now."""
        self._waits = False
        self._reading, self._writing = _new_signal()
        self._poll.register(self._reading, _IN)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        # No function of Python's: libcurl sets its timer several times for each transfer.
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._timer.append)
        self._multi.setopt(pycurl.M_MAXCONNECTS, max_connections)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, per_host)
        self._max_connections = max_connections

    def post(self, call: Callable[[], None]) -> None:
        """Have this called soon by the thread that waits; for any thread."""
        self._posted.append(call)
        self.wake()

    def wake(self) -> None:
        """End the present `wait`; for any thread."""
        if self._waits:
            self._waits = False
            with contextlib.suppress(BlockingIOError):
                os.write(self._writing, _SIGNAL)

    def wait(self, seconds: float, is_wanted: Callable[[], bool]) -> list[EndedHandle]:
        """Move transfers on. Returns those that have ended.

        Waits at most so long for something to happen, and not if `is_wanted` says that there is
        something else to do; that calls `wake` when it becomes true later.
        """
        has_moved = False
        now = time.monotonic()
        self._see_timer(now)
        if self._due is not None and self._due <= now:  # a transfer has just been added
            self._due = None
            self._act(pycurl.SOCKET_TIMEOUT, 0)
            if ended := self._ended():
                return ended
            self._see_timer(now)
        if self._due is not None:
            seconds = min(seconds, self._due - now)
        for descriptor, events in self._wait_for_sockets(seconds, is_wanted):
            if descriptor == self._reading:
                with contextlib.suppress(BlockingIOError):
                    os.read(descriptor, 4096)
            elif descriptor in self._idle:
                self._forget(descriptor)  # the server has closed it, which libcurl sees later
            elif descriptor in self._watched:
                # Errors and the end of a connection are found by reading.
                ready = (1 if events & ~_OUT else 0) | (2 if events & _OUT else 0)
                self._act(descriptor, ready)
                has_moved = True
        while self._posted:
            self._posted.popleft()()
            has_moved = True
        return self._ended() if has_moved else []

    def begin_added(self) -> list[EndedHandle]:
        """Send the requests of the transfers that were added. Returns those that have ended."""
        self._act(pycurl.SOCKET_TIMEOUT, 0)
        return self._ended()

    def _act(self, descriptor: int, ready: int) -> None:
        """Let libcurl do what this socket is ready for, or what time it is for."""
        self._multi.socket_action(descriptor, ready)
        calls = self._after_call
        while calls:
            calls.pop()()

    def _wait_for_sockets(
        self, seconds: float, is_wanted: Callable[[], bool]
    ) -> list[tuple[int, int]]:
        if seconds > 0:
            self._waits = True
            if self._posted or is_wanted():
                seconds = 0
        try:
            return self._poll.poll(max(0.0, min(seconds, _LONGEST_WAIT)))
        finally:
            self._waits = False

    def _ended(self) -> list[EndedHandle]:
        ended: list[EndedHandle] = []
        while True:
            left, good, bad = self._multi.info_read()
            ended += [(easy, 0, "") for easy in good]
            ended += bad
            if not left:
                return ended

    def keep_fewer(self) -> None:
        """Keep half as many connections from now on: the system has no more descriptors."""
        self._max_connections = max(1, self._max_connections // 2)
        self._multi.setopt(pycurl.M_MAXCONNECTS, self._max_connections)

    def close(self) -> None:
        """Close everything. Transfers must have been removed."""
        self._multi.close()
        for end in {self._reading, self._writing}:
            os.close(end)
        if hasattr(self._poll, "close"):
            self._poll.close()

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        """Watch a socket as libcurl asks."""
        if what == pycurl.POLL_REMOVE:
            # It stays watched: the next transfer will want the same of it, at once.
            self._idle.add(descriptor)
            return
        wanted = (_IN if what & pycurl.POLL_IN else 0) | (_OUT if what & pycurl.POLL_OUT else 0)
        self._idle.discard(descriptor)
        known = self._watched.get(descriptor)
        if known == wanted:
            return
        if known is None:
            self._poll.register(descriptor, wanted)
        else:
            self._poll.modify(descriptor, wanted)
        self._watched[descriptor] = wanted

    def before_a_socket_is_opened(self) -> None:
        """Forget the sockets that no transfer uses: one may be closed, and its number used again.

        libcurl says that it uses a socket no longer, but not when it closes it.
        """
        for descriptor in list(self._idle):
            self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        self._idle.discard(descriptor)
        del self._watched[descriptor]
        with contextlib.suppress(OSError, KeyError):  # it is closed
            self._poll.unregister(descriptor)

    def _see_timer(self, now: float) -> None:
        if self._timer:
            milliseconds = self._timer.pop()
            self._due = None if milliseconds < 0 else now + milliseconds / 1000


def _new_signal() -> tuple[int, int]:
    """Descriptors to read and to write `_SIGNAL`; one where the system can do with one."""
    if hasattr(os, "eventfd"):
        one = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        return one, one
    both = os.pipe()
    for end in both:
        os.set_blocking(end, False)
    return both


class _Poll:
    """`select.poll` with seconds, as `select.epoll` takes them."""

    def __init__(self) -> None:
        poll = select.poll()
        self._wait = poll.poll
        self.register = poll.register
        self.modify = poll.modify
        self.unregister = poll.unregister

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        return self._wait(seconds * 1000)


def _new_poll() -> select.epoll | _Poll:
    return select.epoll() if hasattr(select, "epoll") else _Poll()
