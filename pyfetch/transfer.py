"""One attempt in flight: its worker writes the figures, the display reads them, `stop` ends it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

from pyfetch.attempt import Assignment
from pyfetch.models import Failure, TargetError
from pyfetch.timing import Entered, Phase

_RECEIVING = Phase.RECEIVING
"""Looked up once: a member of an enum takes thirty times as long as a global name."""


class Transfer:
    """One attempt while it runs, for any thread.

    The figures are plain attributes. Only the worker writes `received` and `size`; other threads
    may read values that are a moment old.
    """

    __slots__ = (
        "_interrupt",
        "_lock",
        "_ours_since",
        "_socket",
        "_stopped",
        "assignment",
        "decodes",
        "has_asked",
        "latency",
        "ours",
        "phases",
        "received",
        "resumed",
        "size",
        "steps",
        "target",
    )

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.target = assignment.target
        """The target, with what the ledger knows of it when the attempt begins."""
        self.latency: float | None = None
        """Seconds from the start of the attempt to the head of the answer; None before that."""
        self.received = 0
        """Bytes of the body so far, including those that an earlier attempt has left."""
        self.decodes = False
        """Whether the body is decoded: bytes are counted as they come, not as they are saved."""
        self.resumed = 0
        """How many of these bytes an earlier attempt has left."""
        self.size: int | None = None
        """Bytes of the whole body, if the server has announced them."""
        self.phases: list[Entered] = []
        """When it began to do what, in this order."""
        self.steps = 0
        """How often the attempt has begun to connect, to shake hands, or to wait for an answer."""
        self.has_asked = False
        """Whether the present step is to send a request and to wait for its answer."""
        self.ours = 0.0
        """Seconds in which the body had to wait for this program, up to the last `ours_ends`."""
        self._ours_since: float | None = None
        self._lock = threading.Lock()
        """Held while `stop` shuts a socket down, which must not be released at that moment."""
        self._socket: socket.socket | None = None
        self._interrupt: Callable[[], None] | None = None
        self._stopped: TargetError | None = None

    def __repr__(self) -> str:
        task = self.assignment
        done = f"{self.received} of {self.size}" if self.size is not None else f"{self.received}"
        return f"<Transfer {task.target.index}: {task.url}, {done} bytes>"

    @property
    def phase(self) -> Phase:
        """What it does now."""
        return self.phases[-1][0] if self.phases else Phase.STARTING

    def enter(self, phase: Phase) -> None:
        """Note that the attempt does this from now on."""
        self.phases.append((phase, time.monotonic()))

    def stop(self, failure: Failure, detail: str) -> None:
        """End the attempt with this failure, from any thread, even while it waits for bytes."""
        with self._lock:
            self._stopped = TargetError(failure, detail)
            if self._socket is not None:
                _shut_down(self._socket)
        interrupt = self._interrupt
        if interrupt is not None:
            interrupt()

    def check(self) -> None:
        """Raise the `TargetError` that `stop` was called with, if it was called."""
        if self._stopped is not None:
            raise self._stopped

    @contextlib.contextmanager
    def interrupted_by(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Within this context, `stop` calls `interrupt`, which must not block.

        `interrupt` has to end a wait for something other than the connection, such as a name
        look-up. `check` raises by then; the waiting thread has to call it.
        """
        self._interrupt = interrupt
        try:
            yield
        finally:
            self._interrupt = None

    def call_at_stop(self, interrupt: Callable[[], None]) -> None:
        """Let `stop` call `interrupt`, which must not block, until `end`.

        Raises a `TargetError` if it was called already.
        """
        self._interrupt = interrupt
        self.check()

    def ours_begins(self) -> None:
        """Note that the body has to wait for this program (disk, hashing, `--limit-rate`)."""
        self._ours_since = time.monotonic()

    def ours_ends(self) -> None:
        """Note that the body waits for the server again."""
        since, self._ours_since = self._ours_since, None
        if since is not None:
            self.ours += time.monotonic() - since

    def seconds_ours(self) -> float:
        """Seconds so far in which the body had to wait for this program; for any thread."""
        since = self._ours_since
        return self.ours if since is None else self.ours + time.monotonic() - since

    def answered(self) -> None:
        """Note that the head of an answer has come."""
        now = time.monotonic()
        self.phases.append((_RECEIVING, now))
        self.latency = now - self.assignment.began

    def uses(self, connection: socket.socket) -> None:
        """Let `stop` shut this connection down. Raises a `TargetError` if it was called already."""
        # The order matters: if `stop` is called between these two lines, `check` notices.
        self._socket = connection
        self.steps += 1
        self.check()

    def wait_at_most(self, seconds: float) -> None:
        """Limit each wait for the connection to this time, until the next request."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.settimeout(seconds)

    def end(self) -> None:
        """Detach from the connection: `stop` must not shut it down any more."""
        self._interrupt = None
        if self._socket is not None:
            with self._lock:
                self._socket = None


def _shut_down(connection: socket.socket) -> None:
    # Not `SSLSocket.shutdown`, which would remove the TLS state that another thread is using.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
