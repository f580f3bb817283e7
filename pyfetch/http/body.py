"""Reads a body in pieces: as bytes arrive while it is slow, in large ones while it is fast.

`Bandwidth` limits how many bytes a second all transfers receive together (`--limit-rate`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from pyfetch import cpu
from pyfetch.http.read_buffer import RECEIVE_SIZE
from pyfetch.http.response import Response
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
_SLICE = 0.02
"""Seconds' worth of bytes that are read at once. Over longer times, the rate is even."""
_CREDIT = 0.05
"""Seconds' worth of bytes that may be caught up on after a delay."""
_NAP = 0.1
"""Longest sleep, in seconds. Between sleeps, a transfer notices that it is stopped."""
_SMALLEST, _LARGEST = 512, 256 * 1024


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


class Bandwidth:
    """Shared by all workers: each asks before it reads, and sleeps until its turn.

    This is the generic cell rate algorithm (ITU-T I.371, virtual scheduling), counted in bytes:
    each grant fixes the time of the next one.
    """

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.chunk = max(_SMALLEST, min(_LARGEST, int(rate * _SLICE)))
        """Bytes of one grant, where no other limit has smaller ones."""

    def take(self, transfer: Transfer, size: int | None = None) -> float:
        """Wait until `size` bytes may be read, else `chunk`.

        Returns the time of the grant, for `give_back`. Raises what the transfer is stopped with.
        """
        with self._lock:
            due = max(self._free_at, self._clock() - _CREDIT)
            self._free_at = due + (size or self.chunk) / self._rate
        while (wait := due - self._clock()) > 0:
            transfer.check()
            nap = min(wait, _NAP)
            self._sleep(nap)
            transfer.ours += nap
        return due

    def give_back(self, unused: int, due: float) -> None:
        """Return `unused` bytes of the grant of the time `due`: they did not arrive.

        The bytes of a grant long ago are lost: returned, they would add to later grants.
        """
        if unused and due + self.chunk / self._rate >= self._clock() - _CREDIT:
            with self._lock:
                self._free_at -= unused / self._rate
