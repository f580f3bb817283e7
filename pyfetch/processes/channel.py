"""Messages between two processes, over a socket."""

from __future__ import annotations

import pickle
import select
import socket
from collections.abc import Sequence
from typing import Any

_PREFIX = 4
"""Bytes in front of each message that say how long it is."""
_BLOCK = 65536
_DESCRIPTORS = b"D"
"""Comes together with descriptors."""
_MOST_DESCRIPTORS = 8
"""Descriptors that come together, at most."""


class Channel:
    """One end: one thread sends, one receives. Only for processes that trust each other.

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
        self.send_data(*(pickle.dumps(message, pickle.HIGHEST_PROTOCOL) for message in messages))

    def send_data(self, *messages: bytes) -> None:
        """Send messages that are pickled already, or empty. Raises as `send`."""
        parts: list[bytes] = []
        for data in messages:
            parts += (len(data).to_bytes(_PREFIX, "big"), data)
        self._end.sendall(b"".join(parts))

    def receive_all(self) -> list[Any]:
        """Wait for the next message, and take all that have come. Raises as `receive`."""
        return [pickle.loads(data) for data in self.receive_data()]  # noqa: S301 - our own

    def receive_data(self) -> list[bytes]:
        """As `receive_all`, but the messages stay pickled."""
        messages = [self._next()]
        while self._has_message():
            messages.append(self._next())
        return messages

    def receive(self) -> Any:
        """Wait for the next message. Raises `OSError` or `EOFError` if none comes any more."""
        return pickle.loads(self._next())  # noqa: S301 - our own

    def waits(self, seconds: float) -> bool:
        """Wait until there is something to receive, at most so long. Returns whether there is."""
        if self._has_message():
            return True
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def send_descriptors(self, numbers: Sequence[int]) -> None:
        """Send descriptors, for `receive_descriptors`. Raises as `send`."""
        socket.send_fds(self._end, [_DESCRIPTORS], numbers)

    def receive_descriptors(self) -> list[int]:
        """Wait for descriptors: these have to be the next that comes. Raises as `receive`."""
        data, numbers, *_ = socket.recv_fds(self._end, len(_DESCRIPTORS), _MOST_DESCRIPTORS)
        if not data:
            raise EOFError
        return numbers

    def shut(self) -> None:
        """Let the other end know that nothing more comes, and nothing is read; for any thread."""
        self._end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._end.close()

    def _has_message(self) -> bool:
        """Whether the next message has been read."""
        length = int.from_bytes(self._read[:_PREFIX], "big")
        return _PREFIX + length <= len(self._read)

    def _next(self) -> bytes:
        self._fill(_PREFIX)
        end = _PREFIX + int.from_bytes(self._read[:_PREFIX], "big")
        self._fill(end)
        with memoryview(self._read) as read:
            message = bytes(read[_PREFIX:end])
        del self._read[:end]
        return message

    def _fill(self, length: int) -> None:
        """Read until so many bytes are there."""
        while len(self._read) < length:
            data = self._end.recv(_BLOCK)
            if not data:
                raise EOFError
            self._read += data
