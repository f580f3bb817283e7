"""What `--verify` does with packs: it reads each member that the state knows."""

from __future__ import annotations

from collections.abc import Callable

from pyfetch.models import Failure, TargetError
from pyfetch.storage.expected_file import ExpectedFile
from pyfetch.storage.packs.pack_format import StoredMember
from pyfetch.storage.packs.pack_store import MemberStatus, PackStore
from pyfetch.storage.verification import Verification
from pyfetch.verified import VerifiedFile


class PackVerification(Verification):
    """Looks at the members that are `expected`. For a `with` statement."""

    def __init__(self, store: PackStore) -> None:
        super().__init__(store.directory.path)
        self._store = store
        self.final = store.final

    def look_around(self) -> None:
        self.expected.look_at(())  # a pack has nothing that the state does not know

    def _shown(self, expected: ExpectedFile) -> str:
        member = StoredMember.of(expected.stored)
        return self._store.shown(member) if member else super()._shown(expected)

    def _look_at(
        self, expected: ExpectedFile, found: Callable[..., VerifiedFile]
    ) -> VerifiedFile | None:
        member = StoredMember.of(expected.stored)
        if member and not member.pack.endswith(self._store.format.suffix):
            return None  # `--pack` says of which format packs are looked at
        if member is None or not self._store.has(member):
            raise FileNotFoundError
        status = MemberStatus(expected.size or 0, expected.modified_ns or 0)
        blocks = self._store.blocks(expected.path, expected.stored)
        try:
            return self._compared(expected, found, status, blocks)
        except ValueError as error:
            detail = f"it cannot be read: {error}"
            raise TargetError(Failure.DISK, detail) from error
