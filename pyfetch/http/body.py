"""Reads a body in pieces: small ones, as bytes arrive, or large ones once the body is fast.

`Bandwidth` limits how many bytes a second all transfers receive together (`--limit-rate`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from pyfetch import cpu
from pyfetch.http.fair_turns import FairTurns
from pyfetch.http.read_buffer import RECEIVE_SIZE
from pyfetch.http.response import Response
from pyfetch.transfer import Transfer

PIECE_SIZE = 512 * 1024
"""Longest piece, in bytes."""

_MEASURED_SIZE = 1024 * 1024
"""Bytes over which the speed of a body is measured."""
_FAST = 8 * 1024 * 1024
"""Speed, in bytes a second, from which on the reader waits until a piece is full."""


_turns = FairTurns(cpu.available() + 1)
_TURN = 0.1
"""Longest wait for one of the `_turns`, in seconds."""
_SLICE = 0.02
"""Duration, in seconds, whose bytes are read at once: over longer times the rate is even."""
_CREDIT = 0.05
"""Duration, in seconds, whose bytes may be read at once after a delay."""
_NAP = 0.1
"""Longest sleep, in seconds. After each sleep, a transfer checks whether it was stopped."""
_SMALLEST, _LARGEST = 512, 256 * 1024


class _PerThread(threading.local):
    """The buffer of one thread, which reads all its bodies into the same memory."""

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
    if left is not None and left <= RECEIVE_SIZE:  # most such bodies came together with the head
        while piece := response.read(left):
            yield piece
        return
    # A TLS record holds at most 16 KiB, and handling a piece costs more than decrypting a record,
    # so large pieces are better. But the bytes of a slow body have to be counted as they arrive.
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
            with _one_of_few(fast=read == response.fill):
                while size < _MEASURED_SIZE:
                    data = buffer[: read(buffer)]
                    if not data:
                        return
                    size += len(data)
                    yield data


@contextlib.contextmanager
def _one_of_few(*, fast: bool) -> Iterator[None]:
    """Let few threads at a time read, hash and write a fast body: more would only switch.

    With four bodies of 200 MB over TLS on two CPUs, this saves a quarter of the time and half of
    the system's CPU time. A thread that has waited `_TURN` seconds goes ahead anyway, as a thread
    in front of it has stalled.
    """
    has_turn = fast and _turns.take(_TURN)
    try:
        yield
    finally:
        if has_turn:
            _turns.give_back()


def _throttled(
    response: Response, transfer: Transfer, limits: Sequence[Bandwidth]
) -> Iterator[bytes]:
    while True:
        size = min(limit.chunk for limit in limits)  # it changes with the rate
        grants = [limit.take(transfer, size) for limit in limits]
        data = response.read(size)
        for limit, due in zip(limits, grants, strict=True):
            limit.give_back(size - len(data), due)
        if not data:
            return
        yield data


def _chunk_at(rate: int) -> int:
    return max(_SMALLEST, min(_LARGEST, int(rate * _SLICE)))


class Bandwidth:
    """Limits the bytes a second of all workers together: each asks before it reads, and sleeps.

    This is the generic cell rate algorithm (ITU-T I.371, virtual scheduling), counted in bytes:
    each grant fixes the earliest time of the next one.
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
        self.chunk = _chunk_at(rate)
        """Bytes of one grant, where no other limit has smaller ones."""

    def change_to(self, rate: int) -> None:
        """Allow so many bytes a second from now on."""
        with self._lock:
            self._rate, self.chunk = rate, _chunk_at(rate)

    def take(self, transfer: Transfer, size: int | None = None) -> float:
        """Wait until `size` bytes may be read, else `chunk`.

        Returns the time of the grant, for `give_back`. Raises the `TargetError` that the transfer
        was stopped with.
        """
        due = self.reserve(size or self.chunk)
        while (wait := due - self._clock()) > 0:
            transfer.check()
            nap = min(wait, _NAP)
            self._sleep(nap)
            transfer.ours += nap
        return due

    def reserve(self, size: int) -> float:
        """Reserve `size` bytes. Returns when they may be read, on the clock."""
        with self._lock:
            due = max(self._free_at, self._clock() - _CREDIT)
            self._free_at = due + size / self._rate
        return due

    def give_back(self, unused: int, due: float) -> None:
        """Return the bytes of a grant that did not arrive. `due` is the time of the grant.

        The bytes of an old grant are lost: if returned, they would add to later grants.
        """
        if unused and due + self.chunk / self._rate >= self._clock() - _CREDIT:
            with self._lock:
                self._free_at -= unused / self._rate
