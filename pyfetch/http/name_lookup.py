"""Name look-ups that end at a deadline, or as soon as their transfer is stopped.

`socket.getaddrinfo` blocks and cannot be interrupted. So it runs in daemon threads: a look-up that
hangs holds up neither its transfer nor the end of the process.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from pyfetch.system import OutOfThreadsError, daemon
from pyfetch.transfer import Phase, Transfer

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""Family, type, protocol, canonical name and socket address, as `getaddrinfo` returns them."""

MAX_THREADS = 256
"""Look-ups at once, at most. Others wait in a queue, until their deadlines."""

_IDLE_SECONDS = 10.0
"""How long a thread waits for another look-up before it ends."""


class LookUpTimeoutError(socket.gaierror):
    """A name was not resolved before the deadline."""


class NoAddressError(socket.gaierror):
    """A name has no address of the family that the user wants. `strerror` says so."""


class _LookUp:
    """One call of `getaddrinfo`, for all transfers that wait for the same name."""

    __slots__ = ("addresses", "changed", "error", "host", "is_done", "port", "waiting")

    def __init__(self, host: str, port: int, lock: threading.Lock) -> None:
        self.host = host
        self.port = port
        self.changed = threading.Condition(lock)
        """Notified when it is done, and when a transfer that waits for it is stopped."""
        self.waiting = 0
        """Transfers that wait for it."""
        self.is_done = False
        self.addresses: Sequence[Address] = ()
        self.error: Exception | None = None

    def wake(self) -> None:
        """Wake all transfers that wait for it, so that they check whether they were stopped."""
        with self.changed:
            self.changed.notify_all()


class NameLookUps:
    """Resolves host names for any number of threads. One lock guards all of it."""

    def __init__(
        self,
        max_threads: int = MAX_THREADS,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> None:
        """`family`: the only one whose addresses are wanted."""
        self._max_threads = max_threads
        self._family = family
        self._lock = threading.Lock()
        self._queued = threading.Condition(self._lock)
        """Notified when there is a look-up for an idle thread."""
        self._queue: deque[_LookUp] = deque()
        self._shared: dict[tuple[str, int], _LookUp] = {}
        """Look-ups that other transfers may wait for, too: queued or under way."""
        self._threads = 0
        self._idle = 0

    def resolve(
        self, host: str, port: int, seconds: float, transfer: Transfer
    ) -> Sequence[Address]:
        """Return the addresses of a host, for a TCP connection to `port`.

        Raises `socket.gaierror` for a name that cannot be resolved, `LookUpTimeoutError` if there
        is no answer within `seconds`, and at once what the transfer is stopped with.
        """
        if is_ip_address(host):
            return _getaddrinfo(host, port, self._family)
        transfer.phase = Phase.RESOLVING
        deadline = time.monotonic() + seconds
        with self._lock:
            look_up = self._join(host, port)
            with transfer.interrupted_by(look_up.wake):
                try:
                    while not look_up.is_done:
                        transfer.check()
                        left = deadline - time.monotonic()
                        if left <= 0:
                            self._forget(look_up)  # the next attempt starts a new look-up
                            raise LookUpTimeoutError(
                                socket.EAI_AGAIN, f"no answer within {seconds:g} s"
                            )
                        look_up.changed.wait(left)
                finally:
                    look_up.waiting -= 1
        if look_up.error:
            raise look_up.error
        return look_up.addresses

    def _join(self, host: str, port: int) -> _LookUp:
        """Wait for the look-up of this name that is under way, or queue one."""
        look_up = self._shared.get((host, port))
        if look_up is None:
            look_up = self._shared[host, port] = _LookUp(host, port, self._lock)
            self._queue.append(look_up)
            if len(self._queue) <= self._idle:
                self._queued.notify()
            elif self._threads < self._max_threads:
                self._start_thread(look_up)
        look_up.waiting += 1
        return look_up

    def _start_thread(self, look_up: _LookUp) -> None:
        """Start a thread for this look-up. Raises `OutOfThreadsError` if no thread is running."""
        try:
            daemon(self._serve, "name-look-up").start()
        except RuntimeError as error:  # no more threads: the running ones will serve the queue
            if not self._threads:
                self._queue.remove(look_up)
                self._forget(look_up)
                raise OutOfThreadsError(str(error)) from error
            return
        self._threads += 1

    def _forget(self, look_up: _LookUp) -> None:
        if self._shared.get((look_up.host, look_up.port)) is look_up:
            del self._shared[look_up.host, look_up.port]

    def _serve(self) -> None:
        """The work of a thread: do queued look-ups, until there are none for a while."""
        while (look_up := self._next()) is not None:
            try:
                look_up.addresses = _getaddrinfo(look_up.host, look_up.port, self._family)
            except Exception as error:  # raised in the threads that wait for it
                look_up.error = error
            with self._lock:
                look_up.is_done = True
                self._forget(look_up)
                look_up.changed.notify_all()

    def _next(self) -> _LookUp | None:
        with self._lock:
            while True:
                while self._queue:
                    look_up = self._queue.popleft()
                    if look_up.waiting:
                        return look_up
                    self._forget(look_up)
                self._idle += 1
                was_notified = self._queued.wait(_IDLE_SECONDS)
                self._idle -= 1
                if not (was_notified or self._queue):
                    self._threads -= 1
                    return None


def is_ip_address(host: str) -> bool:
    """Whether this is an IPv4 or IPv6 address, with or without a zone, and no name."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.suppress(OSError, ValueError):
        socket.inet_pton(family, host.partition("%")[0])
        return True
    return False


def _getaddrinfo(host: str, port: int, family: socket.AddressFamily) -> Sequence[Address]:
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
    except socket.gaierror as error:
        if family == socket.AF_UNSPEC:
            raise
        kind = "IPv4" if family == socket.AF_INET else "IPv6"
        detail = f"no {kind} address of the host was found (--{kind.lower()})"
        raise NoAddressError(error.errno, detail) from error
