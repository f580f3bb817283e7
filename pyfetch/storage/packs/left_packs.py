"""The open packs that a stopped or killed run has left, cut back to what the state knows."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from typing import TYPE_CHECKING

from pyfetch.storage.packs.pack_source import GivenPack

if TYPE_CHECKING:
    from pyfetch.storage.packs.pack_store import PackStore
    from pyfetch.storage.packs.packed_rows import PackedRow, PackedRows

_log = logging.getLogger(__name__)


def left_packs(store: PackStore, rows: PackedRows) -> list[GivenPack]:
    """The packs of this store's format, to go on with. Raises `OSError`, and a `RunError`.

    After a loss of power, a pack may lack what was written last: then each member is read.
    """
    files = store.open_packs
    names = []
    for name in files.names():
        if not name.endswith(store.format.suffix):
            continue
        if store.sealed.has_sealed(name, files.descriptor):
            files.remove(name)
        else:
            names.append(name)
    if not names:
        return []
    by_pack: dict[str, list[PackedRow]] = defaultdict(list)
    for row in rows.of(set(names)):
        by_pack[row.member.pack].append(row)
    return [_cut(store, rows, name, by_pack[name]) for name in names]


def _cut(store: PackStore, rows: PackedRows, name: str, known: list[PackedRow]) -> GivenPack:
    descriptor = store.open_packs.writing(name)
    try:
        size = os.fstat(descriptor).st_size
        end = min(size, max((row.member.end for row in known), default=0))
        if store.is_after_another_boot:
            end = _sound_end(store, name, known, end)
        lost = [row for row in known if row.member.end > end]
        for row in lost:
            rows.forget(row.key)
        if lost or size > end:
            _log.info("%s is cut from %d to %d bytes, which the state knows", name, size, end)
        os.ftruncate(descriptor, end)
    finally:
        os.close(descriptor)
    return GivenPack(name, end, len(known) - len(lost))


def _sound_end(store: PackStore, name: str, known: list[PackedRow], end: int) -> int:
    """Where the last member ends before the first one that is not as it was."""
    sound = 0
    with store.open_packs.reading(name) as file:
        for row in known:
            if row.member.end > end:
                break
            try:
                is_sound = store.format.is_sound(file, row.member, row.sha256)
            except OSError:
                is_sound = False
            if not is_sound:
                break
            sound = row.member.end
    return sound
