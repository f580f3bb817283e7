"""Read buffer of a connection: bytes that were received and are not consumed yet."""

from __future__ import annotations

import socket
import ssl
import time

from pyfetch.http.tls import holds_bytes

RECEIVE_SIZE = 16 * 1024
"""Bytes asked for at once: one TLS record (RFC 8446, section 5.1), or a head and a small body."""
FILL_SECONDS = 0.5
"""Longest time to fill a buffer, in seconds: the progress of the transfer is seen after that."""


class ReadBuffer:
    """Reads a connection in order. Each method that waits raises what the connection raises.

    Over TLS, `read`, `read_into` and `fill` raise `ssl.SSLEOFError` if the connection ends without
    a `close_notify`: the data may have been cut off (RFC 9112, section 9.8).
    """

    __slots__ = ("_connection", "_data", "_searched", "_start")

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data: bytes | bytearray = b""
        self._start = 0
        """Index in `_data` of the first byte that is not consumed."""
        self._searched = 0
        """Index in `_data` before which there is no line feed that is not consumed."""

    @property
    def unread(self) -> bytes | bytearray:
        """Bytes that were received and are not consumed yet. To be read, not to be changed."""
        return self._data[self._start :] if self._start else self._data

    @property
    def holds_bytes(self) -> bool:
        """Whether bytes are there that are not consumed: here, or decrypted in the TLS layer."""
        return self._start < len(self._data) or holds_bytes(self._connection)

    def receive(self) -> bool:
        """Wait for more bytes. Returns False if the other side has closed the connection.

        This is for heads and lines, which say themselves where they end: it does not matter how
        the connection is closed.
        """
        try:
            data = self._connection.recv(RECEIVE_SIZE)
        except ssl.SSLEOFError:
            return False
        if self._start == len(self._data):
            self._data, self._start, self._searched = data, 0, 0
            return bool(data)
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data)  # is extended in place, even byte by byte
        del self._data[: self._start]
        self._searched = max(0, self._searched - self._start)
        self._start = 0
        self._data += data
        return bool(data)

    def skip(self, size: int) -> None:
        """Consume `size` bytes of `unread`."""
        self._start += size

    def read(self, limit: int) -> bytes:
        """Return at most `limit` bytes, as soon as there are any; none at the end."""
        if self._start == len(self._data):
            return self._connection.recv(limit)
        data = bytes(self._data[self._start : self._start + limit])
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
        """Return the next line with its line feed; less at the end, or if it exceeds `limit`."""
        while True:
            end = self._data.find(b"\n", max(self._start, self._searched)) + 1
            if end:
                return self.read(min(end - self._start, limit))
            self._searched = len(self._data)
            if len(self._data) - self._start >= limit or not self.receive():
                return self.read(limit) if self._start < len(self._data) else b""


class KeepingBuffer(ReadBuffer):
    """A read buffer that keeps what was skipped last: a head, as it came."""

    __slots__ = ("skipped",)

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.skipped = b""

    def skip(self, size: int) -> None:
        self.skipped = bytes(self.unread[:size])
        super().skip(size)
