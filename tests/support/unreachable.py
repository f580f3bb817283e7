"""A host that can be found and not reached."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def dropping_packets() -> Iterator[str]:
    """An address that answers no attempt to connect: its queue is full, and stays so."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        fillers = [socket.socket() for _ in range(8)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            assert not select.select([], fillers[-1:], [], 0.1)[1], "the queue is not full"
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()
