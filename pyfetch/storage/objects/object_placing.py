"""Gives a body its key in a bucket, in one step, and decides about an object that is there.

As with files: an object that pyfetch did not write, or that was changed since, is never lost; it is
kept beside the new one as a numbered backup (`x.~1~`), unless the user chose `replace`.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple, Self

from pyfetch.models import Failure, TargetError
from pyfetch.naming.components import PathComponent, backup_name, first_free
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_errors import ConditionFailed
from pyfetch.storage.objects.bucket_reading import MARK, SHA256, ObjectMeta
from pyfetch.storage.objects.large_upload import LargeUpload
from pyfetch.storage.placing import Placed, Placement, WhenThere

LARGE = 16 * 1024 * 1024
"""A body longer than this, in bytes, is put in parts."""
_BLOCK = 1024 * 1024
_MOST_TRIES = 5


class Payload(NamedTuple):
    """What is to become an object."""

    size: int
    data: bytes | bytearray | None
    """None: it is in the file."""
    file: BinaryIO | None

    @classmethod
    def of_bytes(cls, data: bytes | bytearray) -> Self:
        """A body in memory."""
        return cls(len(data), data, None)

    @classmethod
    def of_file(cls, file: BinaryIO) -> Self:
        """A body in a file."""
        return cls(os.fstat(file.fileno()).st_size, None, file)

    @property
    def is_large(self) -> bool:
        """Whether it is put in parts."""
        return self.size > LARGE

    def opened(self) -> BinaryIO:
        """A stream from its beginning."""
        if self.file is None:
            return io.BytesIO(self.data or b"")
        self.file.seek(0)
        return self.file

    def whole(self) -> bytes | bytearray:
        """All its bytes."""
        return self.opened().read() if self.data is None else self.data


class ObjectPlacer:
    """Puts one body into a bucket."""

    def __init__(
        self,
        bucket: Bucket,
        body: Payload,
        placement: Placement,
        attributes: Mapping[str, str],
        begun: LargeUpload | None = None,
    ) -> None:
        """`begun`: the upload of the body, if it has begun."""
        self._bucket = bucket
        self._body = body
        self._placement = placement
        self._attributes = attributes
        self._begun = begun
        self._md5: str | None = None
        self._backup: str | None = None
        """Path of what was kept of an object that is replaced."""
        self.is_in_the_way = False
        """Whether it failed as an object of the name is there and stays."""

    def place(self, path: str, *, is_free: bool = False) -> Placed:
        """Put the body at this path. Raises `TargetError` if it must not be there.

        `is_free`: whether somebody has just looked, and nothing is there.
        """
        self._bucket.check(path)
        is_new = self._placement.found.status is None
        for _ in range(_MOST_TRIES):
            there = None
            if not is_new or not (is_free or self._bucket.obeys_conditions):
                there = self._bucket.head(path)
            try:
                if there is not None:
                    return self._place_over(path, there)
                return self._placed(path, self._put(path, None))
            except ConditionFailed:
                found = self._bucket.head(path)
                if found and self._is_own(found):
                    # The answer to our own request was lost, and the second one found its object.
                    return self._placed(path, found.etag, replaced=there is not None)
                is_new = is_free = False
        detail = f"{self._bucket.address.shown(path)} changes all the time: another program writes"
        raise TargetError(Failure.EXISTS, detail)

    def _put(self, path: str, instead_of: str | None) -> str | None:
        if self._body.is_large:
            return self._bucket.put_large(
                path, self._body.opened(), self._attributes,
                instead_of=instead_of, check=self._placement.check, begun=self._begun,
            )  # fmt: skip
        return self._bucket.put(path, self._body.whole(), self._attributes, instead_of=instead_of)

    def _placed(self, path: str, etag: str | None, *, replaced: bool = False) -> Placed:
        return Placed(path, time.time_ns(), self._backup, etag, replaced=replaced)

    def _place_over(self, path: str, there: ObjectMeta) -> Placed:
        placement = self._placement
        if placement.when_there is WhenThere.KEEP:
            self.is_in_the_way = True
            shown = self._bucket.address.shown(path)
            raise TargetError(Failure.EXISTS, f"{shown} exists already")
        if placement.when_there is WhenThere.REPLACE and placement.instead is None:
            return self._placed(path, self._put(path, ""), replaced=True)
        facts = placement.known.facts
        is_recorded = facts is not None and facts.stored is not None and facts.stored == there.etag
        if is_recorded or there.mark == self._attributes[MARK]:
            return self._placed(path, self._put(path, there.etag), replaced=True)
        if self._is_equal(path, there):
            return Placed(path, there.modified_ns | 1, None, there.etag, adopted=True)
        if placement.instead:
            self._placement = Placement(WhenThere.KEEP)
            return self.place(placement.instead())
        self._backup = self._back_up(path)
        return self._placed(path, self._put(path, there.etag), replaced=True)

    def _is_own(self, there: ObjectMeta) -> bool:
        """Whether this is the object that this very body has become."""
        if there.mark != self._attributes[MARK]:
            return False
        if there.etag and there.etag == self._own_etag():
            return True
        # Some servers give other ETags: Azure, Google, and those of S3 that encrypt.
        return bool(there.sha256) and there.sha256 == self._attributes.get(SHA256)

    def _is_equal(self, path: str, there: ObjectMeta) -> bool:
        """Whether the object has the same bytes as the body."""
        if there.size != self._body.size:
            return False
        if there.etag and there.etag == self._own_etag():
            return True
        try:
            stream = self._body.opened()
            for block in self._bucket.blocks(path):
                self._placement.check()
                if block != stream.read(len(block)):
                    return False
        except FileNotFoundError:
            raise ConditionFailed from None
        return True

    def _own_etag(self) -> str | None:
        """The ETag that most servers give to a body that is put in one request."""
        if self._body.is_large:
            return None
        if self._md5 is None:
            self._md5 = hashlib.md5(self._body.whole(), usedforsecurity=False).hexdigest()
        return self._md5

    def _back_up(self, path: str) -> str:
        """Copy the object that is there to a free key. Returns the path of the copy."""
        parent, slash, name = path.rpartition("/")
        component = PathComponent(name)

        def is_taken(number: int) -> bool:
            numbered = f"{parent}{slash}{backup_name(component, number)}"
            self._bucket.check(numbered)
            return self._bucket.head(numbered) is not None

        backup = f"{parent}{slash}{backup_name(component, first_free(is_taken))}"
        self._bucket.copy(path, backup)
        return backup
