"""Which transfers stall, judged from outside. Pure, the time passed in.

The timeout of a socket begins anew with each byte, so it never ends a transfer of which a byte
comes now and then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyfetch.text import format_seconds, format_size
from pyfetch.transfer import Transfer

TICK = 1.0
"""Seconds between two looks at the transfers."""
SLOW_FOR = 60.0
"""Seconds over which the speed of a body is measured."""


class Observation(NamedTuple):
    """What was seen of a transfer at the beginning of a step, or of a measurement."""

    at: float
    """When it was seen, in seconds."""
    step: int
    """The number of the step; -1 from the answer on."""
    received: int
    """Bytes that had come."""
    ours: float = 0.0
    """Seconds for which the body had waited for us."""


class StallDetector(NamedTuple):
    """Says when a transfer must be ended because it makes too little progress."""

    timeout: float
    """Seconds that one step may take: to connect, to shake hands, to answer."""
    min_speed: int = 0
    """Bytes a second that a body must bring at least; 0: any number will do."""
    timeout_of: Callable[[str], float] | None = None
    """Returns the same for an origin; None: all have that timeout."""

    def look(
        self, transfer: Transfer, before: Observation | None, now: float
    ) -> Observation | str | None:
        """Compare a transfer with what was seen of it before.

        Returns what to pass in with the next look or, as text, why the transfer stalls.
        """
        answered = transfer.latency is not None
        step = -1 if answered else transfer.steps
        if step == 0:
            return None  # it looks a name up, or waits for a worker
        ours = transfer.seconds_ours()
        if before is None or before.step != step:
            return Observation(now, step, transfer.received, ours)
        if not answered:
            # One tick more than the timeout: the socket's own comes first, if it comes at all.
            timeout = self.timeout
            if self.timeout_of:
                timeout = self.timeout_of(transfer.assignment.origin)
            late = now - before.at > timeout + TICK
            return f"no whole answer within {format_seconds(timeout)}" if late else before
        if not self.min_speed or now - before.at - (ours - before.ours) < SLOW_FOR:
            return before
        if transfer.received - before.received < self.min_speed * SLOW_FOR:
            speed = format_size(self.min_speed)
            return f"slower than {speed}/s for {SLOW_FOR:.0f} s (--min-speed)"
        return Observation(now, step, transfer.received, ours)

    def is_progress(self, size: int, seconds: float) -> bool:
        """Whether so many new bytes in so many seconds are more than a stall brings."""
        return size > 0 and size >= self.min_speed * seconds
