"""One bucket that a run writes to: puts, copies and removes objects, under conditions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from pyfetch.errors import UsageError
from pyfetch.http.s3_errors import was_damaged
from pyfetch.http.s3_objects import AskedHead, S3Objects, object_fields
from pyfetch.models import Failure, TargetError
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.objects.address import LONGEST_KEY, BucketAddress
from pyfetch.storage.objects.bucket_errors import ConditionFailed
from pyfetch.storage.objects.bucket_reading import MARK, BucketReader, plain_etag
from pyfetch.storage.objects.large_upload import LargeUpload
from pyfetch.storage.objects.large_uploads import LargeUploads
from pyfetch.storage.objects.obstore_client import Patience
from pyfetch.storage.objects.put_in_parts import PutInParts, check_condition, condition_fields

_PROBE = f"{OWN_DIRECTORY}/probe"
_BLOCK = 1024 * 1024
_TRIES = 4
"""How often a body is sent by `obstore` if it is damaged each time."""

_log = logging.getLogger(__name__)


class Bucket(BucketReader):
    """A bucket and a prefix below which a run writes. For any thread. Raises as `BucketReader`."""

    def __init__(
        self,
        address: BucketAddress,
        options: Iterable[tuple[str, str]] = (),
        patience: Patience = Patience.MINUTE,
    ) -> None:
        """As `BucketReader`. Also raises `UsageError` if the prefix is too long for any run."""
        super().__init__(address, options, patience)
        self.check_room(_PROBE)
        self.uploads: LargeUploads | None = None
        """What puts large bodies, in parts that outlive this process; None: `obstore` does."""
        self.quick: S3Objects | None = None
        """What puts small bodies, as long as nothing goes wrong; None: `obstore` does."""
        self._obeys: bool | None = None
        """None: nobody has tried."""
        self._lock = threading.Lock()

    def in_a_hurry(self) -> Bucket:
        """The same for what must not take long, at the end of a run: nothing is tried again."""
        if self.address.scheme == "memory":
            return self
        return Bucket(self.address, self.options.items(), Patience.ONCE)

    def check_room(self, path: str) -> None:
        """Raise `UsageError` if the prefix leaves no room for this object of the run itself."""
        length = self._length(path)
        if length > LONGEST_KEY:
            raise UsageError(
                f"{self.address} is too long: the key of {path} would have {length} bytes there,"
                f" and the most is {LONGEST_KEY} (choose a shorter prefix)"
            )

    def _length(self, path: str) -> int:
        return len(self.address.key(path).encode(errors="surrogateescape"))

    def check(self, path: str) -> None:
        """Raise `TargetError` if no object can have this path."""
        length = self._length(path)
        if length > LONGEST_KEY:
            detail = (
                f"its key in {self.address} would have {length} bytes, and the most is"
                f" {LONGEST_KEY}: choose another with --name"
            )
            raise TargetError(Failure.DISK, detail)

    def put(
        self,
        path: str,
        data: bytes | bytearray | memoryview,
        attributes: Mapping[str, str] | None = None,
        *,
        instead_of: str | None = "",
    ) -> str | None:
        """Write an object in one request. Returns its ETag.

        `instead_of`: the ETag of the version that it replaces; None: none, it must be new; empty:
        whatever is there. Raises `ConditionFailed`.
        """
        if self.quick:
            fields = {**object_fields(attributes or {}), **condition_fields(instead_of)}
            etag = self.quick.put(self.address.key(path), data, fields)
            if etag:
                return plain_etag(etag)
        mode: Any = "overwrite" if instead_of == "" else "create"
        if instead_of:
            mode = {"e_tag": f'"{instead_of}"'}
        return self._put_by_client(
            path, data, attributes=dict(attributes or {}), mode=mode, use_multipart=False
        )

    def put_large(
        self,
        path: str,
        file: BinaryIO,
        attributes: Mapping[str, str],
        *,
        instead_of: str | None,
        check: Callable[[], None],
        begun: LargeUpload | None = None,
    ) -> str | None:
        """Write an object in parts, from a file. Returns its ETag.

        `instead_of`: as of `put`. `check` is called now and then; it may raise to end the upload.
        `begun`: the upload of this file, if it has begun.
        """
        if self.uploads:
            put = PutInParts(self, self.uploads, path, file, attributes, instead_of, check)
            return put.ended(begun)
        check_condition(self, path, instead_of)
        etag = self._put_by_client(
            path, file, attributes=dict(attributes), use_multipart=True,
            chunk_size=16 * _BLOCK, max_concurrency=3,
        )  # fmt: skip
        there = self.head(path)  # some servers give it another ETag once it is whole
        return there.etag if there and there.mark == attributes[MARK] else etag

    def _put_by_client(
        self, path: str, body: BinaryIO | bytes | bytearray | memoryview, **options: Any
    ) -> str | None:
        """Have `obstore` put a body, again if it was damaged on its way: it does not itself."""
        key = self.address.key(path)
        with self.errors(path, writes=True):
            for tries_left in reversed(range(_TRIES)):
                if not isinstance(body, bytes | bytearray | memoryview):
                    body.seek(0)
                try:
                    put = self._obstore.put(self._client, key, body, **options)
                except Exception as error:
                    if not (tries_left and was_damaged(str(error))):
                        raise
                else:
                    return plain_etag(put["e_tag"])
        raise AssertionError

    def begun_upload(
        self,
        uploads: LargeUploads,
        path: str,
        file: BinaryIO,
        total: int,
        attributes: Mapping[str, str],
    ) -> LargeUpload:
        """The upload of a file that has so many bytes in the end. To be closed."""
        return LargeUpload(uploads, path, self.address.key(path), file, total, attributes)

    @property
    def asks_ahead_at_once(self) -> bool:
        """Whether `ask_ahead` waits for nothing, as it is known what the server obeys."""
        return self.quick is None or self._obeys is not None

    def ask_ahead(self, path: str) -> AskedHead | None:
        """Ask for what `place` needs to know on a server without conditions, if that is quick."""
        if self.quick is None or self.obeys_conditions:
            return None
        return self.quick.ask_head(self.address.key(path))

    def copy(self, path: str, to: str) -> None:
        """Copy an object inside the bucket."""
        with self.errors(to, writes=True):
            self._obstore.copy(self._client, self.address.key(path), self.address.key(to))

    def delete(self, path: str) -> None:
        """Remove an object, if it is there."""
        try:
            with self.errors(path, writes=True):
                self._obstore.delete(self._client, self.address.key(path))
        except FileNotFoundError:
            return

    @property
    def obeys_conditions(self) -> bool:
        """Whether the server obeys `If-None-Match`. It is tried once."""
        if self._obeys is None:
            with self._lock:
                if self._obeys is None:
                    self._obeys = self._try_condition()
                    if not self._obeys:
                        _log.info(
                            "%s knows no conditions: each object is looked for before it is put",
                            self.address.root,
                        )
        return self._obeys

    def _try_condition(self) -> bool:
        for _ in range(2):  # the first one may make it
            try:
                self.put(_PROBE, b"", instead_of=None)
            except ConditionFailed:
                return True
        return False

    def server_time(self) -> int:
        """The time of the server, in nanoseconds since the epoch: an object is written for it."""
        self.put(_PROBE, b"")
        there = self.head(_PROBE)
        return there.modified_ns if there else time.time_ns()

    def forget_probe(self) -> None:
        """Remove the object that conditions were tried with."""
        self.delete(_PROBE)
