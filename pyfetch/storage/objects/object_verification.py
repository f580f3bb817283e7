"""What `--verify` does with a bucket: it reads each object that the state knows."""

from __future__ import annotations

from collections.abc import Callable

from pyfetch.storage.expected_file import ExpectedFile
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.objects.object_store import ObjectStatus, ObjectStore
from pyfetch.storage.verification import Verification
from pyfetch.verified import VerifiedFile


class ObjectVerification(Verification):
    """Looks at what is `expected` in a bucket. For a `with` statement."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store.directory.path)
        self._bucket = store.bucket
        self.final = store.final

    def look_around(self) -> None:
        self.expected.look_at(
            path for path in self._bucket.paths() if path.split("/")[0] != OWN_DIRECTORY
        )

    def _look_at(self, expected: ExpectedFile, found: Callable[..., VerifiedFile]) -> VerifiedFile:
        there = self._bucket.head(expected.path)
        if there is None:
            raise FileNotFoundError
        # The time is that of the server: it says nothing about the bytes.
        modified_ns = there.modified_ns if expected.modified_ns is None else expected.modified_ns
        status = ObjectStatus(there.size, modified_ns)
        return self._compared(expected, found, status, self._bucket.blocks(expected.path))
