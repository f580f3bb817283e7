"""Pure, the time passed in: which transfers stall, judged from outside.

The timeout of a socket begins anew with each byte, so a server that sends a byte now and then
would never meet it.
"""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.text import format_seconds, format_size
from pyfetch.transfer import Transfer

TICK = 1.0
"""Seconds between two looks at the transfers."""
SLOW_FOR = 30.0
"""Seconds over which the speed of a body is measured."""


class Observation(NamedTuple):
    """What was seen of a transfer: since when it has been in this step, and its bytes then."""

    at: float
    step: int
    received: int


class StallDetector(NamedTuple):
    """Tells when a transfer has to be ended because it makes too little progress."""

    timeout: float
    """Seconds that one step may take: to connect, to shake hands, to answer."""
    min_speed: int | None = None
    """Bytes a second that a body must bring at least."""

    def look(
        self, transfer: Transfer, before: Observation | None, now: float
    ) -> Observation | str | None:
        """Compare a transfer with what was seen of it before.

        Returns what to pass in with the next look, or, as text, why the transfer stalls.
        """
        answered = transfer.latency is not None
        step = -1 if answered else transfer.steps
        if step == 0:
            return None  # it looks a name up, or waits for a worker
        if before is None or before.step != step:
            return Observation(now, step, transfer.received)
        if not answered:
            # One tick more than the timeout: the socket's own comes first, if it comes at all.
            late = now - before.at > self.timeout + TICK
            return f"no whole answer within {format_seconds(self.timeout)}" if late else before
        if self.min_speed is None or now - before.at < SLOW_FOR:
            return before
        if transfer.received - before.received < self.min_speed * SLOW_FOR:
            speed = format_size(self.min_speed)
            return f"slower than {speed}/s for {SLOW_FOR:.0f} s (--min-speed)"
        return Observation(now, step, transfer.received)
