"""The body of an answer, in pieces: as they come where it is slow, large ones where it is fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from pyfetch.affinity import affinity
from pyfetch.baton import baton, streams
from pyfetch.http.read_buffer import AT_ONCE
from pyfetch.http.response import Answer
from pyfetch.http.throttle import Bandwidth
from pyfetch.transfer import Transfer

CHUNK = 512 * 1024
"""Most bytes of a body that are taken at once."""

_LOOK_EVERY = 1024 * 1024
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
    # One piece of TLS is 16 KiB: to take each by itself costs more than to decrypt it.
    # But of a slow body each byte has to count at once.
    until_look, since = _LOOK_EVERY, 0.0
    fast = False
    buffer = _mine.buffer
    try:
        while True:
            if fast:
                baton.give()
                streams.take()
                data = buffer[: answer.readinto(buffer)]
            else:
                data = buffer[: answer.readinto1(buffer)]
            if not data:
                return
            yield data
            streams.give()
            until_look -= len(data)
            if until_look <= 0:
                now = time.monotonic()
                was_fast, fast = fast, (_LOOK_EVERY - until_look) > (now - since) * _FAST
                if fast is not was_fast:
                    (affinity.leave if fast else affinity.come_back)()
                until_look, since = _LOOK_EVERY, now
    finally:
        streams.give()
        if fast:
            affinity.come_back()


def _bounded(answer: Answer, transfer: Transfer, bandwidth: Bandwidth) -> Iterator[bytes]:
    while True:
        baton.give()  # it may sleep
        due = bandwidth.take(transfer)
        data = answer.read1(bandwidth.chunk)
        bandwidth.give_back(bandwidth.chunk - len(data), due)
        if not data:
            return
        yield data
