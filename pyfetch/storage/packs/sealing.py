"""Seals packs: closes one, brings it to disk, and gives it its final name."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from pyfetch.errors import StoppedError
from pyfetch.models import TargetError
from pyfetch.storage.filesystem import errors_of
from pyfetch.storage.packs.pack_failures import PackFailures
from pyfetch.storage.packs.pack_writer import write_all

if TYPE_CHECKING:
    from pyfetch.storage.packs.pack_store import PackStore


class errors_of_packs(errors_of):  # noqa: N801 - as `errors_of`
    """Turn an `OSError` within, or a failure of one URL, into an error of the whole run.

    What goes wrong with a pack is no failure of one URL.
    """

    __slots__ = ()

    def translated(self, error: BaseException) -> StoppedError | TargetError | None:
        meaning = error if isinstance(error, TargetError) else super().translated(error)
        if isinstance(meaning, TargetError):
            return StoppedError(
                f"{meaning.detail} (mend that and run the same command again to go on)"
            )
        return meaning


class FullPack(NamedTuple):
    """A pack that gets no more members."""

    name: str
    length: int
    members: int


class Sealer:
    """Seals packs, one after the other. Its methods raise `OSError`, and a `RunError`."""

    def __init__(self, store: PackStore, failures: PackFailures) -> None:
        self._store = store
        self._failures = failures
        self._last: tuple[FullPack, list[object]] | None = None

    def seal(self, full: FullPack) -> None:
        """Seal a pack; the failures until now stand beside it."""
        files = self._store.open_packs
        descriptor = files.writing(full.name)
        try:
            os.ftruncate(descriptor, full.length)  # a killed process may have begun another one
            write_all(descriptor, [self._store.format.closing()], full.length)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._put_beside(full, self._failures.taken())
        self._store.sealed.seal(full.name, files.descriptor)

    def finish(self) -> None:
        """Add the failures since the last pack was sealed to those beside it."""
        failed = self._failures.taken()
        if failed and self._last:
            full, before = self._last
            self._put_beside(full, before + failed)

    def _put_beside(self, full: FullPack, failed: list[object]) -> None:
        self._last = full, failed
        content = {"pack": full.name, "members": full.members, "failed": failed}
        beside = self._store.beside(full.name)
        self._store.sealed.put_beside(beside, json.dumps(content, indent=1).encode())
