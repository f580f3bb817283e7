"""The numbers of packs: each is given once, whatever becomes of the pack."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyfetch.storage.packs.pack_store import PackStore

NUMBERS_FILE = "numbers.json"
"""In the directory of open packs: the next number, and in which boot of the system it was kept."""
_LONGEST = 4096


class PackNumbers:
    """Gives numbers, in the order in which packs are begun; for any thread.

    Its methods raise `OSError`.
    """

    def __init__(self, store: PackStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._next = read_numbers(store)[0]
        self._keep()

    def claimed(self) -> str:
        """The name of a new pack, which is made and is empty."""
        files, sealed, pack_format = self._store.open_packs, self._store.sealed, self._store.format
        while True:
            with self._lock:  # what sorts full packs asks, too
                name = pack_format.name(self._next)
                self._next += 1
                self._keep()
            beside = self._store.beside(name)
            is_free = sealed.size(name) is None and sealed.size(beside) is None
            if is_free and files.create(name):
                return name

    def _keep(self) -> None:
        from pyfetch.storage.parts import current_boot

        with self._store.open_packs.replacing(NUMBERS_FILE) as descriptor:
            os.write(descriptor, json.dumps({"next": self._next, "boot": current_boot()}).encode())


def read_numbers(store: PackStore) -> tuple[int, str]:
    """The next number, and the boot in which it was kept. Raises `OSError`."""
    try:
        with store.open_packs.reading(NUMBERS_FILE) as file:
            kept = json.loads(file.read(_LONGEST) or b"")
        number, boot = kept["next"], kept["boot"]
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return 0, ""
    is_right = type(number) is int and number >= 0 and isinstance(boot, str)
    return (number, boot) if is_right else (0, "")
