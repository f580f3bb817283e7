"""The body of an answer, in pieces: as they come where it is slow, large ones where it is fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from pyfetch import cpu
from pyfetch.http.read_buffer import AT_ONCE
from pyfetch.http.response import Answer
from pyfetch.http.throttle import Bandwidth
from pyfetch.transfer import Transfer

CHUNK = 512 * 1024
"""Most bytes of a body that are taken at once."""

_SPEED_OVER = 1024 * 1024
"""Bytes over which the speed of a body is measured."""
_FAST = 8 * 1024 * 1024
"""Bytes a second from which whole chunks are waited for: then that takes a moment only."""


class _Mine(threading.local):
    """Of each thread, which reads one body at a time: what all of its bodies go through."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(CHUNK))


_mine = _Mine()


def pieces(
    answer: Answer, transfer: Transfer, bandwidth: Bandwidth | None
) -> Iterator[bytes | memoryview]:
    """The body. What is given is good until the next piece is asked for.

    Raises `OSError`, `HTTPException`, and the `TargetError` that the transfer is stopped with.
    """
    return _bounded(answer, transfer, bandwidth) if bandwidth else _unbounded(answer)


def _unbounded(answer: Answer) -> Iterator[bytes | memoryview]:
    left = answer.length_remaining
    if left is not None and left <= AT_ONCE:  # it came with its head, or will come at once
        while piece := answer.read1(left):
            yield piece
        return
    # A TLS record holds at most 16 KiB: to take each by itself costs more than to decrypt it.
    # But each byte of a slow body has to count at once.
    buffer = _mine.buffer
    size = 0
    began = time.monotonic()
    while size < _SPEED_OVER and (data := buffer[: answer.readinto1(buffer)]):
        size += len(data)
        yield data
    if size < _SPEED_OVER:
        return
    with cpu.anywhere():
        while True:
            now = time.monotonic()
            read = answer.readinto if size > (now - began) * _FAST else answer.readinto1
            size, began = 0, now
            while size < _SPEED_OVER:
                data = buffer[: read(buffer)]
                if not data:
                    return
                size += len(data)
                yield data


def _bounded(answer: Answer, transfer: Transfer, bandwidth: Bandwidth) -> Iterator[bytes]:
    while True:
        due = bandwidth.take(transfer)
        data = answer.read1(bandwidth.chunk)
        bandwidth.give_back(bandwidth.chunk - len(data), due)
        if not data:
            return
        yield data
