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
        self.packs = store.format.suffix

    def look_around(self) -> None:
        self.expected.look_at(())  # a pack has nothing that the state does not know

    def _verify(self, expected: ExpectedFile) -> VerifiedFile | None:
        member = StoredMember.of(expected.stored)
        is_elsewhere = member is None and not expected.demanded
        if is_elsewhere or (member and not self._store.is_of_this_format(member)):
            return None  # a run without --pack, or with its other value, has fetched it
        return super()._verify(expected)

    def _shown(self, expected: ExpectedFile) -> str:
        member = StoredMember.of(expected.stored)
        return self._store.shown(member) if member else super()._shown(expected)

    def _look_at(self, expected: ExpectedFile, found: Callable[..., VerifiedFile]) -> VerifiedFile:
        member = StoredMember.of(expected.stored)
        if member is None or not self._store.has(member):
            raise FileNotFoundError
        status = MemberStatus(expected.size or 0, expected.modified_ns or 0)
        blocks = self._store.blocks(expected.path, expected.stored)
        try:
            return self._compared(expected, found, status, blocks)
        except ValueError as error:
            detail = f"it cannot be read: {error}"
            raise TargetError(Failure.DISK, detail) from error
