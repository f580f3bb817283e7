"""The attempts that are being made, and which of them stall. Pure, the time passed in."""

from __future__ import annotations

import math

from pyfetch.models import Failure
from pyfetch.scheduling.stall import TICK, Observation, StallDetector
from pyfetch.transfer import Transfer

_LONGEST_GAP = 5 * TICK
"""Seconds between two looks that count, at most."""


class InFlight:
    """The transfers of a run, from before a worker has them until they end."""

    def __init__(self, stalls: StallDetector | None = None) -> None:
        self._stalls = stalls
        self._transfers: dict[int, Transfer] = {}
        """By the index of the target."""
        self._observed: dict[int, Observation] = {}
        self._next_look = -math.inf
        self._looked_at = -math.inf
        self._watched = 0.0
        """Seconds for which the transfers were watched. While this process is suspended, or too
        busy to look, no transfer can show any progress."""
        self._ended_bytes = 0
        """Bytes that came in transfers which have ended."""

    def __len__(self) -> int:
        return len(self._transfers)

    def snapshot(self) -> list[Transfer]:
        """What is in flight now; for any thread."""
        return list(self._transfers.values())

    def of(self, index: int) -> Transfer | None:
        """The transfer of a target; None if the target is not being fetched now."""
        return self._transfers.get(index)

    def add(self, transfer: Transfer) -> None:
        """A transfer begins."""
        self._transfers[transfer.assignment.target.index] = transfer

    def remove(self, transfer: Transfer) -> None:
        """A transfer has ended."""
        index = transfer.assignment.target.index
        del self._transfers[index]
        self._ended_bytes += transfer.received - transfer.resumed
        if self._observed:
            self._observed.pop(index, None)

    def stop(self, detail: str) -> None:
        """Cancel all transfers."""
        for transfer in self._transfers.values():
            transfer.stop(Failure.CANCELLED, detail)

    def bytes_received(self) -> int:
        """Bytes that have come over the network in this run."""
        current = sum(each.received - each.resumed for each in self._transfers.values())
        return self._ended_bytes + current

    def end_stalled(self, now: float) -> None:
        """Stop the transfers that stall. Looks at them once every `TICK` seconds at most."""
        if self._stalls is None or not self._transfers or now < self._next_look:
            return
        self._next_look = now + TICK
        self._watched += min(now - self._looked_at, _LONGEST_GAP)
        self._looked_at = now
        for index, transfer in self._transfers.items():
            seen = self._stalls.look(transfer, self._observed.get(index), self._watched)
            if isinstance(seen, str):
                transfer.stop(Failure.TIMEOUT, seen)
            if isinstance(seen, Observation):
                self._observed[index] = seen
            else:
                self._observed.pop(index, None)

    def due(self) -> float | None:
        """When `end_stalled` must be called; None: not before another transfer begins."""
        return self._next_look if self._stalls and self._transfers else None
