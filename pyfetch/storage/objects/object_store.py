"""Objects of a bucket: the `Store` of a run with `-o s3://…`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple, Self

from pyfetch.facts import Known
from pyfetch.http.s3_errors import S3Error
from pyfetch.models import Failure, IfExists, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.existing import NOTHING, Found
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.memory import Memory
from pyfetch.storage.objects.address import BucketAddress
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_errors import meaning_of
from pyfetch.storage.objects.bucket_reading import ObjectMeta
from pyfetch.storage.objects.credentials import s3_access
from pyfetch.storage.objects.large_uploads import LargeUploads
from pyfetch.storage.objects.object_saving import ObjectSaving
from pyfetch.storage.parts import Parts

_ASKS_FIRST = frozenset({IfExists.SKIP, IfExists.FAIL})


class ObjectStatus(NamedTuple):
    """Size and time of an object, under the names that a file has them by."""

    st_size: int
    st_mtime_ns: int


class ObjectStore:
    """The `Store` of a run that saves to a bucket.

    Bodies that are not small go to a part in the directory of the run's state first: so they can go
    on after the process was killed, and nothing reaches the bucket before it is whole and right.
    """

    waits = True
    is_local = False
    key = None
    keep_answer = None

    def __init__(self, bucket: Bucket, directory: OutputDirectory, min_free: int = 0) -> None:
        self.bucket = bucket
        self.directory = directory
        self.parts = Parts(directory, min_free)
        self.memory = Memory()
        self.final = bucket.address.shown

    @classmethod
    def of(cls, settings: Settings, directory: OutputDirectory) -> Self:
        """The store that these settings name. Raises `UsageError`."""
        bucket = Bucket(BucketAddress.of(settings.output_dir), settings.store_option)
        access = s3_access(bucket.address.scheme, bucket.options)
        if access:
            from pyfetch.http.s3_objects import S3Objects
            from pyfetch.http.s3_uploads import S3Uploads

            client = S3Uploads(access, bucket.address.bucket)
            bucket.uploads = LargeUploads(client, directory.path)
            bucket.quick = S3Objects(access, bucket.address.bucket)
        return cls(bucket, directory, settings.min_free)

    def looks_at_once(self, known: Known, policy: IfExists) -> bool:
        is_new = known.facts is None and policy not in _ASKS_FIRST
        return is_new and self.bucket.asks_ahead_at_once

    def look(self, path: str, known: Known, policy: IfExists) -> Found:
        """As `Store.look`. A new URL costs no request: whether its key is free shows later."""
        self._check(path)
        if known.facts is None and policy not in _ASKS_FIRST:
            return NOTHING
        there = self.bucket.head(path)
        if there is None:
            return NOTHING
        return Found(_status(there, known), stored=there.etag)

    def status(self, path: str, known: Known) -> ObjectStatus | None:
        there = self.bucket.head(path)
        return None if there is None else _status(there, known)

    def blocks(self, path: str, _stored: str | None) -> Iterator[bytes]:
        try:
            yield from self.bucket.blocks(path)
        except FileNotFoundError:
            detail = f"{self.final(path)} was removed meanwhile"
            raise TargetError(Failure.DISK, detail) from None

    def begin(self, path: str, target: Target) -> ObjectSaving:
        is_new = target.known.facts is None  # else it may stay as it is
        asked = self.bucket.ask_ahead(path) if is_new else None
        return ObjectSaving(self, path, target.identity, asked)

    def is_free(self, path: str) -> bool:
        return self.bucket.head(path) is None

    def was_free(self, path: str) -> bool:  # noqa: ARG002 - a request for each URL would be needed
        # An object says itself whose it is: nobody has to conclude that from a free name.
        return False

    def without_links(self, path: str) -> str:
        return path

    def remove(self, path: str) -> bool:
        """As `LeftObjects.remove`: a backup, for `--cleanup`."""
        if self.bucket.head(path) is None:
            return False
        self.bucket.delete(path)
        return True

    def end_uploads(self) -> list[str]:
        """As `LeftObjects.end_uploads`: those that runs with this state have begun."""
        uploads = self.bucket.uploads
        if not uploads:
            return []
        address = self.bucket.address
        try:
            return [f"{address.root}{key} (an upload)" for key in uploads.abort_all()]
        except S3Error as error:
            raise meaning_of(str(address), str(error), writes=True) from error

    def end_upload(self, path: str) -> None:
        """End the upload to this path, if one has begun: its body is of no use. Raises nothing."""
        if self.bucket.uploads:
            with contextlib.suppress(S3Error, OSError):  # then `--cleanup` ends it
                self.bucket.uploads.abort(path)

    def other_uploads(self) -> int:
        """How many uploads there are that others have begun, or runs with another state.

        0 if the server does not say: it may not know how to, or not let everybody know.
        """
        uploads = self.bucket.uploads
        if not uploads:
            return 0
        try:
            return uploads.others(self.bucket.address.key(""))
        except S3Error:
            return 0

    def _check(self, path: str) -> None:
        if OWN_DIRECTORY in path.casefold().split("/"):
            detail = f"{self.final(path)} is reserved: no object can be saved there"
            raise TargetError(Failure.DISK, detail)
        self.bucket.check(path)


def _status(there: ObjectMeta, known: Known) -> ObjectStatus:
    """Size and time; those that are recorded if this is the version that is recorded."""
    facts = known.facts
    if facts and facts.stored and facts.stored == there.etag and facts.size == there.size:
        return ObjectStatus(facts.size, facts.modified_ns)
    # Never a whole second, which would be a time that pyfetch has set.
    return ObjectStatus(there.size, there.modified_ns | 1)
