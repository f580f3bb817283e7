"""`--pack-order input`: a full pack is copied into another one, in the order of the list.

So nothing waits for its turn while it is fetched. From one moment to the next, the state knows all
members in the new pack in place of the old one.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from pyfetch.storage.packs.pack_writer import copy_bytes

if TYPE_CHECKING:
    from pyfetch.storage.packs.pack_format import StoredMember
    from pyfetch.storage.packs.pack_numbers import PackNumbers
    from pyfetch.storage.packs.pack_store import PackStore
    from pyfetch.storage.packs.packed_rows import PackedRow, PackedRows


class PackLedger(Protocol):
    """What packs need of the ledger of the run."""

    @property
    def alone(self) -> AbstractContextManager[object]:
        """Within this, nobody else uses the state."""
        ...

    def commit_all(self) -> None:
        """Record what is deferred, and commit all."""
        ...

    def commit(self) -> None:
        """Write all that was recorded to disk."""
        ...


def sorted_pack(
    store: PackStore, rows: PackedRows, numbers: PackNumbers, ledger: PackLedger, name: str
) -> str:
    """The name of the pack that has these members in order: another one, unless this one has.

    Raises `OSError`, and a `RunError`.
    """
    with ledger.alone:
        known = rows.of({name})
    ordered = sorted(known, key=lambda row: row.member.target_index)
    if ordered == known:
        return name
    new = numbers.claimed()
    moved = _copied(store, ordered, name, new)
    with ledger.alone:
        for row, member in zip(ordered, moved, strict=True):
            rows.move(row, member)
        ledger.commit()
    return new


def _copied(store: PackStore, rows: list[PackedRow], name: str, new: str) -> list[StoredMember]:
    """Copy these members into a new pack, one behind the other. Returns where they are there."""
    files = store.open_packs
    descriptor = files.writing(new)
    moved = []
    at = 0
    try:
        with files.reading(name) as old:
            for row in rows:
                member = row.member
                copy_bytes(old.fileno(), member.start, member.end, descriptor, at)
                place = member._replace(
                    pack=new,
                    start=at,
                    end=at + member.end - member.start,
                    offset=at + member.offset - member.start,
                )
                moved.append(place)
                at = place.end
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return moved
