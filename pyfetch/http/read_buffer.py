"""Read buffer of a connection: bytes that were received and are not consumed yet."""

from __future__ import annotations

import socket
import time

RECEIVE_SIZE = 16 * 1024
"""Bytes asked for at once: one TLS record (RFC 8446, section 5.1), or a head and a small body."""
FILL_SECONDS = 0.5
"""Longest time to fill a buffer while bytes come: whoever watches the transfer has to see them."""


class ReadBuffer:
    """Reads a connection in order. Each method that waits raises what the connection raises."""

    __slots__ = ("_connection", "_data", "_start")

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""
        self._start = 0
        """Index in `_data` of the first byte that is not consumed."""

    @property
    def unread(self) -> bytes:
        """Bytes that were received and are not consumed yet."""
        return self._data[self._start :] if self._start else self._data

    def receive(self) -> bool:
        """Wait for more bytes. Returns False if the other side has closed the connection."""
        data = self._connection.recv(RECEIVE_SIZE)
        self._data, self._start = self.unread + data, 0
        return bool(data)

    def skip(self, size: int) -> None:
        """Consume `size` bytes of `unread`."""
        self._start += size

    def read(self, limit: int) -> bytes:
        """Return at most `limit` bytes, as soon as there are any; none at the end."""
        if self._start == len(self._data):
            return self._connection.recv(limit)
        data = self._data[self._start : self._start + limit]
        self._start += len(data)
        return data

    def read_into(self, buffer: memoryview) -> int:
        """Like `read`, but write the bytes into `buffer`. Returns their number."""
        if self._start == len(self._data):
            return self._connection.recv_into(buffer)
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def fill(self, buffer: memoryview) -> int:
        """Fill the whole buffer, or less at the end or after `FILL_SECONDS`.

        Returns the number of bytes.
        """
        filled = self.read_into(buffer)
        receive = self._connection.recv_into
        size = filled
        until = time.monotonic() + FILL_SECONDS
        while size and filled < len(buffer) and time.monotonic() < until:
            size = receive(buffer[filled:])
            filled += size
        return filled

    def read_line(self, limit: int) -> bytes:
        """Return the next line with its line feed; less at the end or beyond `limit` bytes."""
        while True:
            end = self._data.find(b"\n", self._start) + 1
            if end:
                return self.read(min(end - self._start, limit))
            if len(self._data) - self._start >= limit or not self.receive():
                return self.read(limit) if self.unread else b""
