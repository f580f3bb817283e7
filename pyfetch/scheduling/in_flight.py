"""The attempts that are being made, and which of them stall. Pure.

Stalls are detected here, not by the timeout of the socket: that starts again with each byte, so it
would never end a transfer that gets a byte now and then.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from pyfetch.models import Failure
from pyfetch.transfer import Transfer
from pyfetch.units import format_seconds, format_size
from pyfetch.value import Value

LOOK_EVERY = 1.0
"""Seconds between two looks at the transfers."""
SLOW_FOR = 60.0
"""Seconds over which the speed of a body is measured."""
_LONGEST_GAP = 5 * LOOK_EVERY
"""Time that counts between two looks, at most, in seconds."""


class Observation(NamedTuple):
    """The state of a transfer when a step of it, or a measurement of its speed, began."""

    at: float
    """When it was seen, in seconds."""
    step: int
    """Number of the step; -1 once the answer has come."""
    received: int
    """Bytes that had come."""
    ours: float = 0.0
    """Seconds for which the body had waited for this program."""


class StallDetector(Value):
    """Says when a transfer must be ended because it makes too little progress."""

    timeout: float
    """Seconds that an answer may take, up to the end of its head."""
    min_speed: int = 0
    """Bytes a second that a body must bring at least; 0: any number will do."""
    connect_timeout: float = 0.0
    """Seconds that a step before the request may take, if that is longer than `timeout`: to
    connect, to shake hands."""
    timeout_of: Callable[[str], float] | None = None
    """Returns the timeout for an origin; None: it is the same for all."""

    def look(
        self, transfer: Transfer, before: Observation | None, now: float
    ) -> Observation | str | None:
        """Compare a transfer with an earlier observation of it.

        Returns the observation to pass in next time or, as text, why the transfer stalls.
        """
        answered = transfer.latency is not None
        step = -1 if answered else transfer.steps
        if step == 0:
            return None  # it waits for a worker, or for a name look-up
        ours = transfer.seconds_ours()
        if before is None or before.step != step:
            return Observation(now, step, transfer.received, ours)
        if not answered:
            # One look later than the timeout, so that the socket's own timeout can come first.
            timeout = self.timeout
            if self.timeout_of:
                timeout = self.timeout_of(transfer.assignment.origin)
            if not transfer.has_asked:
                timeout = max(timeout, self.connect_timeout)
            late = now - before.at > timeout + LOOK_EVERY
            return f"no complete answer within {format_seconds(timeout)}" if late else before
        if not self.min_speed or now - before.at - (ours - before.ours) < SLOW_FOR:
            return before
        if transfer.received - before.received < self.min_speed * SLOW_FOR:
            speed = format_size(self.min_speed)
            return f"slower than {speed}/s for {SLOW_FOR:.0f} s (--min-speed)"
        return Observation(now, step, transfer.received, ours)

    def is_progress(self, size: int, seconds: float) -> bool:
        """Whether `size` new bytes in this time are enough, so that it is no stall."""
        return size > 0 and size >= self.min_speed * seconds


class InFlight:
    """The transfers of a run, from before a worker has them until they end."""

    def __init__(self, stalls: StallDetector | None = None) -> None:
        self._stalls = stalls
        self.by_index: dict[int, Transfer] = {}
        """The transfers, by the index of the target; to be changed by `add` and `remove` only."""
        self._observed: dict[int, Observation] = {}
        self._next_look = -math.inf
        self._looked_at = -math.inf
        self._watched = 0.0
        """Seconds for which transfers were watched, without the time in which this process was
        suspended or too busy to look: no transfer could make progress then."""
        self._ended_bytes = 0
        """Bytes received by the transfers that have ended."""

    def __len__(self) -> int:
        return len(self.by_index)

    def snapshot(self) -> list[Transfer]:
        """What is in flight now; for any thread."""
        return list(self.by_index.values())

    def of(self, index: int) -> Transfer | None:
        """The transfer of a target; None if the target is not being fetched now."""
        return self.by_index.get(index)

    def add(self, transfer: Transfer) -> None:
        """Take in a transfer that begins."""
        self.by_index[transfer.target.index] = transfer

    def remove(self, transfer: Transfer) -> None:
        """Take out a transfer that has ended."""
        index = transfer.target.index
        del self.by_index[index]
        self._ended_bytes += transfer.received - transfer.resumed
        if self._observed:
            self._observed.pop(index, None)

    def stop(self, detail: str) -> None:
        """Cancel all transfers."""
        for transfer in self.by_index.values():
            transfer.stop(Failure.CANCELLED, detail)

    def bytes_received(self) -> int:
        """Bytes of bodies that were received in this run."""
        current = sum(each.received - each.resumed for each in self.by_index.values())
        return self._ended_bytes + current

    def end_stalled(self, now: float) -> None:
        """Stop the transfers that stall. Looks at them once every `LOOK_EVERY` seconds at most."""
        if self._stalls is None or not self.by_index or now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        self._watched += min(now - self._looked_at, _LONGEST_GAP)
        self._looked_at = now
        for index, transfer in self.by_index.items():
            seen = self._stalls.look(transfer, self._observed.get(index), self._watched)
            if isinstance(seen, str):
                transfer.stop(Failure.TIMEOUT, seen)
            if isinstance(seen, Observation):
                self._observed[index] = seen
            else:
                self._observed.pop(index, None)

    def due(self) -> float | None:
        """When `end_stalled` must be called; None: not before another transfer begins."""
        return self._next_look if self._stalls and self.by_index else None
