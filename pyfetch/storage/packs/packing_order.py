"""In which order it is told, and recorded, which files a process has packed."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

M = TypeVar("M")


class PackingOrder(Generic[M]):
    """Holds reports of files back, so that they are sent in the order in which files were packed.

    So whatever was heard when the process is killed, all is known that it has packed before the
    last file that is known: in the same pack, which is cut there, so that what is fetched again is
    there once, and in earlier ones, so that what a record refers to is there. For any thread.
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
            if target_index in self._packed:  # it was packed by an earlier attempt, too
                self._packed.move_to_end(target_index)
            else:
                self._packed[target_index] = None

    def report(self, target_index: int, message: M) -> bool:
        """Send what is to be said of a target, once all that was packed before is reported.

        Each target is reported at last, whether it was packed or not, and has failed or not.
        Returns whether this is held back.
        """
        with self._lock:
            packed = self._packed
            if target_index not in packed:
                self._send(message)
                return False
            if not self._held and next(iter(packed)) == target_index:  # as a rule
                del packed[target_index]
                self._send(message)
                return False
            self._held[target_index].append(message)
            while packed:
                first = next(iter(packed))
                if first not in self._held:
                    break
                self._send_held(first)
            return target_index in self._held

    def hold(self, target_index: int, message: M) -> None:
        """Send this right behind what is held back of a target."""
        with self._lock:
            self._held[target_index].append(message)

    def close(self) -> None:
        """Send all that is held back: nothing more will be reported."""
        with self._lock:
            for target_index in [one for one in self._packed if one in self._held]:
                self._send_held(target_index)

    def _send_held(self, target_index: int) -> None:
        self._packed.pop(target_index, None)
        for message in self._held.pop(target_index):
            self._send(message)
