"""Connects to one of a host's addresses.

Without a proxy, addresses race and the first one that answers wins (Happy Eyeballs, RFC 8305).
The addresses of a SOCKS proxy are tried one after the other.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from itertools import chain, zip_longest

from pyfetch.http.name_lookup import Address
from pyfetch.http.route import Proxy, connect_through, new_socket
from pyfetch.transfer import Transfer
from pyfetch.value import Value

STAGGER = 0.25
"""Seconds to wait for one address before the next one joins the race."""
_REMEMBERED = 1024


class WorkingAddresses:
    """Remembers, for hosts whose first address did not answer, the one that did. Thread-safe.

    Without this, each connection to a host whose IPv6 is broken would lose `STAGGER` seconds.
    """

    def __init__(self) -> None:
        self._by_host: dict[tuple[str, int], object] = {}

    def in_order(self, host: tuple[str, int], found: Sequence[Address]) -> list[Address]:
        """The addresses in the order in which to try them.

        First the one that worked before, then one of each address family in turn. `found` is in
        the order of RFC 6724, as the resolver returns it.
        """
        working = self._by_host.get(host)
        families = [
            [address for address in found if address[0] == family]
            for family in dict.fromkeys(address[0] for address in found)
        ]
        in_turn = [one for one in chain.from_iterable(zip_longest(*families)) if one is not None]
        return sorted(in_turn, key=lambda address: address[4] != working)

    def note(self, host: tuple[str, int], address: Address) -> None:
        """Remember that this address answered, and not those that were tried before it."""
        if len(self._by_host) >= _REMEMBERED:
            self._by_host.clear()
        self._by_host[host] = address[4]


class _Attempt(Value):
    """A connection that is being made."""

    socket: socket.socket
    address: Address
    deadline: float


def connect_in_turn(
    addresses: Sequence[Address],
    timeout: float,
    transfer: Transfer,
    socks: Proxy | None = None,
    target: tuple[str, int] = ("", 0),
) -> socket.socket:
    """Try one address after the other. Returns a connection to the first one that accepts it.

    `socks`: the proxy that has these addresses; `target`: host and port that it has to connect to.
    `timeout`: seconds for each address. Raises the `OSError` of the address that failed last.
    """
    failed = OSError("the name has no address")
    for family, kind, protocol, _, address in addresses:
        connection = new_socket(socks, family, kind, protocol)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(timeout)
            transfer.uses(connection)
            if socks:
                connect_through(connection, socks, address, target)
            else:
                connection.connect(address)
        except OSError as error:
            connection.close()
            failed = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failed


def connect_to_first(
    addresses: Sequence[Address], timeout: float, transfer: Transfer
) -> tuple[socket.socket, Address]:
    """Return a connection to the first address that accepts one, and that address.

    `timeout`: seconds for each address. Raises the `OSError` of the address that failed last,
    and at once what the transfer is stopped with.
    """
    return _Race(addresses, timeout, transfer).run()


class _Race:
    def __init__(self, addresses: Sequence[Address], timeout: float, transfer: Transfer) -> None:
        self._left = deque(addresses)
        self._timeout = timeout
        self._transfer = transfer
        self._lock = threading.Lock()
        """Guards `_running`, which `Transfer.stop` reads in another thread."""
        self._running: dict[int, _Attempt] = {}
        """By the descriptor of its socket."""
        self._poll = select.poll()
        self._next_start = 0.0
        self._failed = OSError("the name has no address")

    def run(self) -> tuple[socket.socket, Address]:
        try:
            with self._transfer.interrupted_by(self._interrupt):
                while self._left or self._running:
                    now = time.monotonic()
                    if self._left and (now >= self._next_start or not self._running):
                        self._begin(self._left.popleft(), now)
                    winner = self._wait()
                    if winner:
                        self._take(winner.socket.fileno())
                        return winner.socket, winner.address
        finally:
            with self._lock:
                left, self._running = self._running, {}
            for attempt in left.values():
                attempt.socket.close()
        raise self._failed

    def _interrupt(self) -> None:
        with self._lock:
            for attempt in self._running.values():
                with contextlib.suppress(OSError):
                    attempt.socket.shutdown(socket.SHUT_RDWR)

    def _take(self, descriptor: int) -> _Attempt:
        """Remove an attempt, so that its socket may be closed: `stop` no longer shuts it down."""
        with self._lock:
            return self._running.pop(descriptor)

    def _begin(self, address: Address, now: float) -> None:
        self._next_start = now + STAGGER
        try:
            connection = socket.socket(*address[:3])
        except OSError as error:  # this system has no such address family
            self._failed, self._next_start = error, now
            return
        attempt = _Attempt(connection, address, now + self._timeout)
        with self._lock:
            self._running[connection.fileno()] = attempt
        self._transfer.steps += 1
        self._transfer.check()  # `stop` may have come before there was anything to interrupt
        connection.setblocking(False)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address[4])
        except BlockingIOError:  # the connection is being made
            pass
        except OSError as error:
            self._end(connection.fileno(), error)
            return
        self._poll.register(connection, select.POLLOUT)

    def _wait(self) -> _Attempt | None:
        """Wait until an attempt ends or another one may begin. Returns the one that succeeded."""
        if not self._running:
            return None
        until = min(attempt.deadline for attempt in self._running.values())
        if self._left:
            until = min(until, self._next_start)
        ready = self._poll.poll(max(0.0, until - time.monotonic()) * 1000 + 1)
        self._transfer.check()
        for descriptor, _ in ready:
            attempt = self._running[descriptor]
            number = attempt.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number:
                self._poll.unregister(descriptor)
                attempt.socket.settimeout(self._timeout)
                return attempt
            self._end(descriptor, OSError(number, os.strerror(number)))
        now = time.monotonic()
        for descriptor, attempt in list(self._running.items()):
            if attempt.deadline <= now:
                self._end(descriptor, TimeoutError("timed out"))
        return None

    def _end(self, descriptor: int, error: OSError) -> None:
        """Give an attempt up. The next one need not wait (RFC 8305, section 5)."""
        attempt = self._take(descriptor)
        with contextlib.suppress(KeyError):
            self._poll.unregister(descriptor)
        attempt.socket.close()
        self._failed, self._next_start = error, 0.0
