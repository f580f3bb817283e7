"""The body of an answer, in pieces: as they come where it is slow, large ones where it is fast."""

from __future__ import annotations

import time
from collections.abc import Iterator

from urllib3.response import HTTPResponse

from pyfetch.bandwidth import Bandwidth
from pyfetch.transfer import Transfer

CHUNK = 256 * 1024
"""Most bytes of a body that are taken at once."""

_LOOK_EVERY = 1024 * 1024
_FAST = 8 * 1024 * 1024
"""Bytes a second from which whole chunks are waited for: then that takes a moment only."""


def pieces(
    raw: HTTPResponse, length: int | None, transfer: Transfer, bandwidth: Bandwidth | None
) -> Iterator[bytes]:
    """The body that is `length` bytes long, if that is known.

    Raises what urllib3 raises, and the `TargetError` that the transfer is stopped with.
    """
    if length == 0:
        raw.read1(1, decode_content=False)  # gives the connection back
    if bandwidth:
        return _bounded(raw, length, transfer, bandwidth)
    return _unbounded(raw, length)


def _unbounded(raw: HTTPResponse, length: int | None) -> Iterator[bytes]:
    # One piece of TLS is 16 KiB: to take each by itself costs more than to decrypt it.
    # But of a slow body each byte has to count at once.
    left = length
    until_look, since = _LOOK_EVERY, 0.0
    fast = False
    while left != 0:  # with the last byte that was announced, nothing more is waited for
        if fast:
            data = raw.read(CHUNK, decode_content=False)
        else:
            data = raw.read1(CHUNK, decode_content=False)
        if not data:
            return
        if left is not None:
            left -= len(data)
        yield data
        until_look -= len(data)
        if until_look <= 0:
            now = time.monotonic()
            fast = (_LOOK_EVERY - until_look) > (now - since) * _FAST
            until_look, since = _LOOK_EVERY, now


def _bounded(
    raw: HTTPResponse, length: int | None, transfer: Transfer, bandwidth: Bandwidth
) -> Iterator[bytes]:
    left = length
    while left != 0:
        due = bandwidth.take(transfer)
        data = raw.read1(bandwidth.chunk, decode_content=False)
        bandwidth.give_back(bandwidth.chunk - len(data), due)
        if not data:
            return
        if left is not None:
            left -= len(data)
        yield data
