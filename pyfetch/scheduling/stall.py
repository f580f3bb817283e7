"""Pure: when a transfer that says little for too long has to be ended, seen from outside.

A socket's own timeout begins anew with each byte; a server that sends one now and then would
never meet it.
"""

from __future__ import annotations

from typing import NamedTuple

from pyfetch.text import format_seconds, format_size
from pyfetch.transfer import Transfer

TICK = 1.0
"""Seconds between two looks."""
SLOW_FOR = 30.0
"""Seconds over which the speed of a body is measured."""


class Look(NamedTuple):
    """What was seen of a transfer when it made its last step."""

    at: float
    step: int
    received: int


class StallDetector(NamedTuple):
    """How long a step (to connect, to shake hands, to answer) may take, and how slow a body may be.

    `timeout` in seconds, `min_speed` in bytes a second.
    """

    timeout: float
    min_speed: int | None = None

    def look(self, transfer: Transfer, before: Look | None, now: float) -> Look | str | None:
        """What is to be remembered for the next look, or why the transfer has to be ended."""
        answered = transfer.latency is not None
        step = -1 if answered else transfer.steps
        if step == 0:
            return None  # it looks a name up, or waits for a worker
        if before is None or before.step != step:
            return Look(now, step, transfer.received)
        if not answered:
            # The socket's own timeout comes first, where it comes.
            late = now - before.at > self.timeout + TICK
            return f"no whole answer within {format_seconds(self.timeout)}" if late else before
        if self.min_speed is None or now - before.at < SLOW_FOR:
            return before
        if transfer.received - before.received < self.min_speed * SLOW_FOR:
            speed = format_size(self.min_speed)
            return f"slower than {speed}/s for {SLOW_FOR:.0f} s (--min-speed)"
        return Look(now, step, transfer.received)
