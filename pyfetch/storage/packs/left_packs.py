"""The open packs that a stopped or killed run has left, cut back to what the state knows."""

from __future__ import annotations

import logging
import os
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
    by_pack: dict[str, list[PackedRow]] = {name: [] for name in names}
    needed = dict.fromkeys(names, 0)
    for row in rows.unordered():
        for member in (row.member, store.format.holder(row.member)):
            if member.pack in needed:
                needed[member.pack] = max(needed[member.pack], member.end)
        if row.member.pack in by_pack:
            by_pack[row.member.pack].append(row)
    for known in by_pack.values():
        known.sort(key=lambda row: row.member.start)
    return [_cut(store, rows, name, by_pack[name], needed[name]) for name in names]


def _cut(
    store: PackStore, rows: PackedRows, name: str, known: list[PackedRow], needed: int
) -> GivenPack:
    """`needed`: where the last byte is that members have or refer to: perhaps an old version."""
    descriptor = store.open_packs.writing(name)
    try:
        size = os.fstat(descriptor).st_size
        end = min(size, needed)
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
