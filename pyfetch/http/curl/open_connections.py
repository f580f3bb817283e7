"""Open connections of libcurl, and whether anything has come over one that nobody asked for.

Bytes behind a response would be taken for the answer to the next request (RFC 9112, section 9.3:
then the connection is to be closed). libcurl looks for them only where a connection was idle for
a second, and never among what TLS has decrypted.
"""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
from collections.abc import Callable, Sequence
from typing import TypeVar

_NOTHING = bytes(4)
_TCP_INFO: int = getattr(socket, "TCP_INFO", 0) if sys.platform == "linux" else 0
_BYTES_RECEIVED = slice(128, 136)
"""Where Linux has `tcpi_bytes_received` in `struct tcp_info`."""

_LEAST_OF_RECORD = 13
"""Bytes that a record of TLS has beside its content, at least (RFC 8446, section 5.2)."""
_MOST_OF_RECORDS = 64
"""What two of them have, at most. What has more, as with old ciphers, is asked for again."""

T = TypeVar("T")
Ends = tuple[object, ...]
"""Addresses and ports of both ends of a connection, as libcurl tells them."""


class OpenConnection:
    """An open connection."""

    __slots__ = ("_received", "descriptor", "is_exclusive")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.is_exclusive = False
        """Whether it is known to serve one request at a time, as HTTP/1.1 does."""
        self._received = 0

    def has_unread(self) -> bool:
        """Whether the system has bytes of it that libcurl has not read."""
        try:
            return fcntl.ioctl(self.descriptor, termios.FIONREAD, _NOTHING) != _NOTHING
        except OSError:  # it is closed
            return False

    def mark(self) -> None:
        """Note how much has come."""
        self._received = self._count()

    def may_have_sent(self, size: int, *, is_whole: bool) -> bool:
        """Whether so many bytes, which TLS had, can be what has come since `mark`.

        Each record adds some to what it has. Behind a whole response, nothing may be there.
        True where the system does not tell.
        """
        count = self._count()
        if not count:
            return True
        added = count - self._received - size
        most = _MOST_OF_RECORDS if is_whole else count
        return _LEAST_OF_RECORD <= added <= most and not self.has_unread()

    def _count(self) -> int:
        """Bytes that have come over it; 0: the system does not tell."""
        info = _of_socket(self.descriptor, _tcp_info) if _TCP_INFO else None
        return int.from_bytes(info[_BYTES_RECEIVED], sys.byteorder) if info else 0

    def shut_down(self) -> None:
        """Let nothing more come over it: then libcurl closes it, which cannot be told to."""
        _of_socket(self.descriptor, _shut_down)


class OpenConnections:
    """Those of which libcurl tells both ends before each request."""

    def __init__(self) -> None:
        self._by_ends: dict[Ends, OpenConnection] = {}
        self._ends_of: dict[int, Ends] = {}

    def opened(self, ends: Ends, descriptors: Sequence[int]) -> OpenConnection:
        """A connection was opened, over the last of these descriptors that has its port."""
        descriptor = descriptors[-1]
        for other in descriptors if len(descriptors) > 1 else ():
            if _of_socket(other, _port) == ends[-1]:
                descriptor = other
        before = self._ends_of.get(descriptor)
        if before:  # that one was closed, which libcurl does not say
            self._by_ends.pop(before, None)
        self._ends_of[descriptor] = ends
        connection = self._by_ends[ends] = OpenConnection(descriptor)
        return connection

    def between(self, ends: Ends) -> OpenConnection | None:
        """The connection between these ends."""
        return self._by_ends.get(ends)


def _of_socket(descriptor: int, call: Callable[[socket.SocketType], T]) -> T | None:
    """What this says of a socket that is not ours to close; None for one that is closed."""
    try:
        borrowed = socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
    except OSError:
        return None
    try:
        return call(borrowed)
    except OSError:
        return None
    finally:
        borrowed.detach()


def _tcp_info(of: socket.SocketType) -> bytes:
    return of.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BYTES_RECEIVED.stop)


def _shut_down(one: socket.SocketType) -> None:
    one.shutdown(socket.SHUT_RDWR)


def _port(of: socket.SocketType) -> int:
    return int(of.getsockname()[1])
