"""Sealed packs as objects of a bucket: each is put when it is full, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from typing import BinaryIO

from pyfetch.errors import StoppedError
from pyfetch.models import TargetError
from pyfetch.storage.filesystem import READ_FILE
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_errors import ConditionFailed
from pyfetch.storage.objects.bucket_reading import MARK, SHA256
from pyfetch.storage.objects.object_placing import LARGE
from pyfetch.storage.packs.pack_files import check_is_of_same_pack, in_the_way_of_pack
from pyfetch.storage.packs.pack_format import BLOCK

_LONGEST = 4096
_TRIES = 4
"""How often a small file is put if another program writes there at the same time."""


class PacksInBucket:
    """The `SealedPacks` of a run into a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def check_room(self, name: str) -> None:
        self.bucket.check_room(name)

    def size(self, name: str) -> int | None:
        there = self.bucket.head(name)
        return there.size if there else None

    def reading(self, name: str, start: int, end: int) -> BinaryIO:
        # In a file with a hole before, it is where it is in the pack.
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
        try:
            at = start
            for block in self.bucket.blocks(name, start, end):
                at += os.pwrite(file.fileno(), block, at)
        except BaseException:
            file.close()
            raise
        return file

    def put_beside(self, name: str, content: bytes) -> None:
        shown = self.bucket.address.shown(name)
        for _ in range(_TRIES):
            instead_of = None
            there = self.bucket.read(name, _LONGEST)
            if there:
                check_is_of_same_pack(there[0], content, shown)
                instead_of = there[1].etag or ""
            # If it fails, somebody was faster, or an answer was lost: the next look shows who.
            with contextlib.suppress(ConditionFailed):
                fields = {"Content-Type": "application/json"}
                self.bucket.put(name, content, fields, instead_of=instead_of)
                return
        raise in_the_way_of_pack(shown)

    def has_sealed(self, name: str, packs: int) -> bool:
        there = self.bucket.head(name)
        if there is None:
            return False
        descriptor = os.open(name, READ_FILE, dir_fd=packs)
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no path
            size = os.fstat(descriptor).st_size
            return there.size == size and there.mark == _digest(file, size)[:32]

    def seal(self, name: str, packs: int) -> None:
        descriptor = os.open(name, READ_FILE, dir_fd=packs)
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no path
            self._put(name, file)
        os.unlink(name, dir_fd=packs)

    def _put(self, name: str, file: BinaryIO) -> None:
        size = os.fstat(file.fileno()).st_size
        digest = _digest(file, size)
        attributes = {MARK: digest[:32], SHA256: digest, "Content-Type": _type_of(name)}
        there = self.bucket.head(name)
        try:
            if there is None:
                self._put_new(name, file, size, attributes)
                return
        except ConditionFailed:
            there = self.bucket.head(name)
        except TargetError as error:  # what holds for a pack holds for the run
            raise StoppedError(f"{error.detail} (run the same command again to go on)") from error
        # What a killed run has put, or what an answer that was lost was about, is ours.
        if there is None or (there.mark, there.size) != (digest[:32], size):
            raise in_the_way_of_pack(self.bucket.address.shown(name))

    def _put_new(self, name: str, file: BinaryIO, size: int, attributes: dict[str, str]) -> None:
        if size > LARGE:
            self.bucket.put_large(name, file, attributes, instead_of=None, check=lambda: None)
        else:
            data = os.pread(file.fileno(), size, 0)
            self.bucket.put(name, data, attributes, instead_of=None)


def _digest(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    for at in range(0, size, BLOCK):
        digest.update(os.pread(file.fileno(), BLOCK, at))
    return digest.hexdigest()


def _type_of(name: str) -> str:
    return "application/x-tar" if name.endswith(".tar") else "application/warc"
