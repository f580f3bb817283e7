"""Messages between a run and a process that computes for it, over a socket."""

from __future__ import annotations

import pickle
import socket
from typing import Any

_PREFIX = 4
"""Bytes in front of each message that say how long it is."""
_BLOCK = 65536


class Channel:
    """One end: for one thread. Only for processes that trust each other.

    A `multiprocessing.connection.Connection` takes three system calls where this takes one, and
    a while to import.
    """

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(None)  # a program may have set one for all sockets that are made
        self._end = end
        self._read = bytearray()
        """What has come of messages that were not taken yet."""

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, *messages: object) -> None:
        """Send messages. Raises `OSError` if there is no other end any more."""
        parts: list[bytes] = []
        for message in messages:
            data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
            parts += (len(data).to_bytes(_PREFIX, "big"), data)
        self._end.sendall(b"".join(parts))

    def receive_all(self) -> list[Any]:
        """Wait for the next message, and take all that have come. Raises as `receive`."""
        messages = [self.receive()]
        while self._has_message():
            messages.append(self.receive())
        return messages

    def receive(self) -> Any:
        """Wait for the next message. Raises `OSError` or `EOFError` if none comes any more."""
        self._fill(_PREFIX)
        length = int.from_bytes(self._read[:_PREFIX], "big")
        self._fill(_PREFIX + length)
        with memoryview(self._read) as read:
            message = pickle.loads(read[_PREFIX : _PREFIX + length])  # noqa: S301 - our own
        del self._read[: _PREFIX + length]
        return message

    def shut(self) -> None:
        """Let the other end know that nothing more comes, and nothing is read; for any thread."""
        self._end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._end.close()

    def _has_message(self) -> bool:
        """Whether the next message has been read."""
        length = int.from_bytes(self._read[:_PREFIX], "big")
        return _PREFIX + length <= len(self._read)

    def _fill(self, length: int) -> None:
        """Read until so many bytes are there."""
        while len(self._read) < length:
            data = self._end.recv(_BLOCK)
            if not data:
                raise EOFError
            self._read += data
