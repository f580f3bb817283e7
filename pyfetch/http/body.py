"""Reads a body in pieces: as bytes arrive while it is slow, in large ones while it is fast."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

from pyfetch import cpu
from pyfetch.http.read_buffer import RECEIVE_SIZE
from pyfetch.http.response import Response
from pyfetch.http.throttle import Bandwidth
from pyfetch.transfer import Transfer

PIECE_SIZE = 512 * 1024
"""Longest piece, in bytes."""

_MEASURED_SIZE = 1024 * 1024
"""Bytes over which the speed of a body is measured."""
_FAST = 8 * 1024 * 1024
"""Bytes a second from which on whole pieces are waited for, as that takes a moment only."""


_turns = threading.Semaphore(cpu.available() + 1)
_TURN = 0.1
"""Longest wait for a turn, in seconds."""


class _PerThread(threading.local):
    """Each thread reads one body at a time, and all of them into the same memory."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(PIECE_SIZE))


_per_thread = _PerThread()


def read_pieces(
    response: Response, transfer: Transfer, limits: Sequence[Bandwidth] = ()
) -> Iterator[bytes | memoryview]:
    """Read the body of a response. A piece is valid until the next one is asked for.

    Raises `OSError`, `HTTPException`, and the `TargetError` that the transfer is stopped with.
    """
    return _throttled(response, transfer, limits) if limits else _at_full_speed(response)


def _at_full_speed(response: Response) -> Iterator[bytes | memoryview]:
    left = response.left
    if left is not None and left <= RECEIVE_SIZE:  # it came with its head, or will come at once
        while piece := response.read(left):
            yield piece
        return
    # A TLS record holds at most 16 KiB, and to handle each piece costs more than to decrypt one.
    # But each byte of a slow body has to count at once.
    buffer = _per_thread.buffer
    size = 0
    began = time.monotonic()
    while size < _MEASURED_SIZE and (data := buffer[: response.read_into(buffer)]):
        size += len(data)
        yield data
    if size < _MEASURED_SIZE:
        return
    with cpu.anywhere():
        while True:
            now = time.monotonic()
            read = response.fill if size > (now - began) * _FAST else response.read_into
            size, began = 0, now
            while size < _MEASURED_SIZE:
                with _one_of_few(fast=read == response.fill):
                    data = buffer[: read(buffer)]
                    if not data:
                        return
                    size += len(data)
                    yield data


@contextlib.contextmanager
def _one_of_few(*, fast: bool) -> Iterator[None]:
    """Let few threads at a time read, hash and write a fast body: more of them only take turns.

    Four bodies of 200 MB over TLS on two CPUs took a quarter less time by that, and half of the
    system's. A thread that waited `_TURN` goes ahead anyway: who is in front of it has stalled.
    """
    has_turn = fast and _turns.acquire(timeout=_TURN)
    try:
        yield
    finally:
        if has_turn:
            _turns.release()


def _throttled(
    response: Response, transfer: Transfer, limits: Sequence[Bandwidth]
) -> Iterator[bytes]:
    size = min(limit.chunk for limit in limits)
    while True:
        grants = [limit.take(transfer, size) for limit in limits]
        data = response.read(size)
        for limit, due in zip(limits, grants, strict=True):
            limit.give_back(size - len(data), due)
        if not data:
            return
        yield data
