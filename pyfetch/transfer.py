"""One transfer in flight: written by its worker, observed by the table, stopped by the engine."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

from pyfetch.attempt import RedirectState
from pyfetch.models import Failure, Length, Target, TargetError
from pyfetch.urls import Url


class Transfer:
    """One attempt at one target while it runs.

    Its figures are plain attributes: the worker alone writes `received` and `size`, and who
    watches may see one that is a moment old.
    """

    __slots__ = (
        "_lock",
        "_socket",
        "_stopped",
        "_wake",
        "attempt",
        "began",
        "chain",
        "latency",
        "length",
        "received",
        "refusal",
        "resumed",
        "size",
        "started",
        "steps",
        "target",
        "url",
    )

    def __init__(
        self,
        target: Target,
        attempt: int,
        started: float,
        began: float | None = None,
        chain: RedirectState | None = None,
        refusal: TargetError | None = None,
        url: Url | None = None,
        length: Length | None = None,
    ) -> None:
        self.target = target
        self.url = url or target.url
        """Which of the target's URLs is asked."""
        self.length = length or target.length
        """How many bytes the body has to have, if anybody has said so."""
        self.refusal = refusal
        """Why its host is not to be asked, if it is not."""
        self.chain = chain
        """Where the attempt goes on, if one request was not enough."""
        self.attempt = attempt
        """Which attempt this is, from 1."""
        self.started = started
        """When the first attempt began, on the engine's clock, in seconds."""
        self.began = started if began is None else began
        """When this attempt did, on the same clock."""
        self.latency: float | None = None
        """Seconds until the answer began; None while there is none."""
        self.received = 0
        """Bytes of the body so far, those of an earlier attempt that it goes on with included."""
        self.resumed = 0
        """How many of them came with an earlier attempt."""
        self.size: int | None = None
        """Bytes of the whole body, where the server has said so."""
        self.steps = 0
        """How often it has begun to connect, to shake hands, or to wait for an answer."""
        self._lock = threading.Lock()
        """Held where a connection that is let go of must not be ended just then."""
        self._socket: socket.socket | None = None
        self._stopped: TargetError | None = None
        self._wake: Callable[[], None] | None = None

    def stop(self, failure: Failure, detail: str) -> None:
        """End the attempt with this failure, from any thread, even while it waits for bytes."""
        with self._lock:
            self._stopped = TargetError(failure, detail)
            if self._socket is not None:
                _shut(self._socket)
        wake = self._wake
        if wake is not None:
            wake()

    def check(self) -> None:
        """Raise the `TargetError` that `stop` was called with, if it was."""
        if self._stopped is not None:
            raise self._stopped

    def answered(self) -> None:
        """The head of an answer is there."""
        self.latency = time.monotonic() - self.began

    def uses(self, connection: socket.socket) -> None:
        """From now on this connection is what `stop` has to end."""
        # The order matters: stop() may come between these two lines, not past both.
        self._socket = connection
        self.steps += 1
        self.check()

    @contextlib.contextmanager
    def interrupted_by(self, wake: Callable[[], None]) -> Iterator[None]:
        """Let `stop` call `wake`, which is to end a wait that is not for a connection.

        `wake` is called after `check` began to raise. The waiting thread calls `check` itself.
        """
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None

    def wait_at_most(self, seconds: float) -> None:
        """Let the connection be waited for no longer than this, until its next request."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.settimeout(seconds)

    def end(self) -> None:
        """Its connection is no longer its own."""
        with self._lock:
            self._socket = None


def _shut(connection: socket.socket) -> None:
    # socket.socket's own method: an SSLSocket's would take the TLS state away from
    # under the thread that is reading.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
