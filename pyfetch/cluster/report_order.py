"""In which order a member of a run that packs reports which files it has packed."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

M = TypeVar("M")


class ReportOrder(Generic[M]):
    """Holds reports back, so that files are reported in the order in which they were packed.

    So whatever the coordinator has heard when the member is killed, it knows each file of a pack
    in front of the last one that it knows. It cuts the pack there, and what others fetch again is
    nowhere else. For any thread.
    """

    def __init__(self, send: Callable[[M], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._packed: OrderedDict[int, None] = OrderedDict()
        """Targets whose files were packed, in that order, and were not reported yet."""
        self._held: defaultdict[int, list[M]] = defaultdict(list)
        """Reports of targets that have to wait for those of others."""

    def packed(self, target_index: int) -> None:
        """Take note that the file of a target was packed, behind all others."""
        with self._lock:
            self._packed[target_index] = None
            self._packed.move_to_end(target_index)  # it was packed by an earlier attempt, too

    def report(self, target_index: int, message: M) -> None:
        """Send what is to be said of a target, once all that was packed before is reported."""
        with self._lock:
            if target_index not in self._packed:
                self._send(message)
                return
            self._held[target_index].append(message)
            while self._packed:
                first = next(iter(self._packed))
                if first not in self._held:
                    return
                self._send_held(first)

    def close(self) -> None:
        """Send all that is held back: nothing more will be reported."""
        with self._lock:
            for target_index in [*self._held]:
                self._send_held(target_index)

    def _send_held(self, target_index: int) -> None:
        self._packed.pop(target_index, None)
        for message in self._held.pop(target_index):
            self._send(message)
