"""Files below an output directory: the store of most runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from pyfetch.facts import Known
from pyfetch.models import IfExists, Target
from pyfetch.storage.directory import OutputDirectory, without_links
from pyfetch.storage.existing import SEEN_FREE, Found, look, open_file
from pyfetch.storage.filesystem import errors_of, is_there
from pyfetch.storage.part import BLOCK, Part
from pyfetch.storage.parts import Parts

_HEED_LATER = (IfExists.REFRESH, IfExists.REPLACE, IfExists.RENAME)
"""Policies by which a file that appears after the name was seen free changes no request."""


class FileStore:
    """The `Store` of a run that saves files.

    `min_free`: bytes of the disk that have to stay free. `fsync`: whether each file has to be on
    disk before it gets its name.
    """

    waits = False
    is_local = True
    key = None
    keep_answer = None

    def __init__(self, directory: OutputDirectory, min_free: int = 0, *, fsync: bool) -> None:
        self.directory = directory
        self._parts = Parts(directory, min_free)
        self._fsync = fsync
        self._is_shared = directory.is_shared
        # No methods of this class: each would be one more call for each file.
        self.final: Callable[[str], str] = directory.final
        self._before = directory.final("")

    def looks_at_once(self, known: Known, policy: IfExists) -> bool:  # noqa: ARG002 - all are here
        return True

    def look(self, path: str, known: Known, policy: IfExists) -> Found:
        # Who makes a file meanwhile is seen when the name is taken.
        if known.seen_free and policy in _HEED_LATER and "/" not in path and not self._is_shared:
            return SEEN_FREE
        return look(self.directory, path)

    def status(self, path: str, _known: Known) -> os.stat_result | None:
        final = self.final(path)
        with errors_of(final):
            try:
                return os.stat(final)  # noqa: PTH116 - a Path takes longer
            except FileNotFoundError:
                return None

    def blocks(self, path: str, _stored: str | None) -> Iterator[bytes]:
        final = self.final(path)
        with errors_of(final), open_file(final) as file:
            while block := file.read(BLOCK):
                yield block

    def is_free(self, path: str) -> bool:
        return not is_there(self._before + path)

    was_free = is_free

    def without_links(self, path: str) -> str:
        return without_links(self.directory, path)

    def begin(self, path: str, target: Target) -> Part:
        return Part(self._parts, path, target.identity, fsync=self._fsync)
