"""What comes over a connection: received, and not taken yet."""

from __future__ import annotations

import socket

AT_ONCE = 16 * 1024
"""Bytes: a record of TLS (RFC 8446, section 5.1), or a head and a small body."""


class Incoming:
    """Bytes in the order in which they come. All waits raise what the connection raises."""

    __slots__ = ("_at", "_connection", "_data")

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""
        self._at = 0

    @property
    def waiting(self) -> bytes:
        """What was received and not taken."""
        return self._data[self._at :] if self._at else self._data

    def more(self) -> bool:
        """Wait for more. False: nothing more will come."""
        data = self._connection.recv(AT_ONCE)
        self._data, self._at = self.waiting + data, 0
        return bool(data)

    def skip(self, size: int) -> None:
        """Take so many bytes of what is waiting."""
        self._at += size

    def take(self, most: int) -> bytes:
        """Some bytes, at most so many, as soon as there are any; none when no more will come."""
        if self._at == len(self._data):
            return self._connection.recv(most)
        data = self._data[self._at : self._at + most]
        self._at += len(data)
        return data

    def take_into(self, buffer: memoryview) -> int:
        """The same, to a buffer. Returns how many they are."""
        if self._at == len(self._data):
            return self._connection.recv_into(buffer)
        data = self.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def fill(self, buffer: memoryview) -> int:
        """Fill a buffer, unless no more will come. Returns how many bytes they are."""
        filled = self.take_into(buffer)
        receive = self._connection.recv_into
        size = filled
        while size and filled < len(buffer):
            size = receive(buffer[filled:])
            filled += size
        return filled

    def line(self, longest: int) -> bytes:
        """All up to the next end of a line, or as much of it as there is, or `longest` bytes."""
        while True:
            end = self._data.find(b"\n", self._at) + 1
            if end:
                return self.take(min(end - self._at, longest))
            if len(self._data) - self._at >= longest or not self.more():
                return self.take(longest) if self.waiting else b""
