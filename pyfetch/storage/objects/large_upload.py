"""Puts a large body into a bucket in parts. What a killed run has put is not put again."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import BinaryIO

from pyfetch.http.s3_uploads import S3Error, S3Uploads, UploadedPart
from pyfetch.storage.objects.upload_records import UploadRecord, UploadRecords

PART = 8 * 1024 * 1024
"""Bytes of a part, unless there would be too many of them."""
_MOST_PARTS = 10_000
_AT_ONCE = 4
TOKEN = "pyfetch-upload"  # noqa: S105 - it says which upload has made an object
_LOOK_EVERY = 0.2
"""Seconds between two looks whether the transfer was stopped."""


def part_size(total: int) -> int:
    """Bytes of each part but the last one of an object of this size."""
    return max(PART, -(-total // _MOST_PARTS))


class LargeUpload:
    """The upload of one body. Its parts are put as soon as they are in the file.

    For one thread, beside those that put parts. `close` is to be called.
    """

    def __init__(
        self,
        uploads: LargeUploads,
        path: str,
        key: str,
        file: BinaryIO,
        total: int,
        attributes: Mapping[str, str],
    ) -> None:
        """`total`: bytes that the file has in the end."""
        self.path = path
        self._uploads = uploads
        self._key = key
        self._file = file
        self._total = total
        self._size = part_size(total)
        self._attributes = dict(attributes)
        self._begun = uploads.pool.submit(uploads.begun, path, key, self._size, self._attributes)
        self._parts: list[Future[UploadedPart]] = []

    def grown(self, length: int) -> None:
        """The file has so many bytes now."""
        while True:
            start = len(self._parts) * self._size
            size = min(self._size, self._total - start)
            if size <= 0 or start + size > length:
                return
            number = len(self._parts) + 1
            self._parts.append(self._uploads.pool.submit(self._put, number, start, size))

    def completed(self, condition: Mapping[str, str], check: Callable[[], None]) -> str:
        """Make the object of all parts. Returns the token that it has.

        `condition`: header fields; `check` is called now and then, and may raise to end it. Raises
        `S3Error`. What fails stays on the server, as far as it came, for the next time.
        """
        self.grown(self._total)
        while wait(self._parts, _LOOK_EVERY, FIRST_EXCEPTION).not_done:
            check()
            if any(part.done() and part.exception() for part in self._parts):
                break
        parts = [part.result() for part in self._parts]
        record, _ = self._begun.result()
        self._uploads.client.complete(self._key, record.upload, parts, condition)
        self._uploads.records.forget(self.path)
        return record.attributes[TOKEN]

    def close(self) -> None:
        """Put no more parts."""
        for part in self._parts:
            part.cancel()
        wait(self._parts)  # they read the file
        wait([self._begun])
        self._file.close()

    def _put(self, number: int, start: int, size: int) -> UploadedPart:
        record, there = self._begun.result()
        data = os.pread(self._file.fileno(), size, start)
        known = there.get(number)
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest() if known else ""
        if known and (known.etag, known.size) == (digest, len(data)):
            return known
        return self._uploads.client.put_part(self._key, record.upload, number, data)


class LargeUploads:
    """The uploads in parts to one bucket. For any thread. Its methods raise `S3Error`."""

    def __init__(self, client: S3Uploads, home: Path) -> None:
        self.client = client
        self.records = UploadRecords(home)
        self.pool = ThreadPoolExecutor(_AT_ONCE, "upload")

    def begun(
        self, path: str, key: str, size: int, attributes: Mapping[str, str]
    ) -> tuple[UploadRecord, dict[int, UploadedPart]]:
        """The upload to go on with, and the parts that it has."""
        record = self.records.of(path)
        if record and (record.key, record.part_size) == (key, size):
            token = record.attributes.get(TOKEN)
            if token and record.attributes == {**attributes, TOKEN: token}:
                try:
                    parts = self.client.parts(key, record.upload)
                    return record, {part.number: part for part in parts}
                except S3Error as error:
                    if error.status != 404:
                        raise
        if record:
            self.abort(path)
        attributes = {**attributes, TOKEN: secrets.token_hex(8)}
        upload = self.client.begin(key, _fields(attributes))
        record = UploadRecord(path, key, upload, size, dict(attributes))
        self.records.write(record)
        return record, {}

    def abort(self, path: str) -> None:
        """End the upload to this path, if one has begun."""
        record = self.records.of(path)
        if record:
            self.client.abort(record.key, record.upload)
            self.records.forget(path)

    def abort_all(self) -> list[str]:
        """End all uploads that have begun. Returns their keys."""
        keys = []
        for record in self.records.all():
            self.abort(record.path)
            keys.append(record.key)
        return keys

    def others(self, prefix: str) -> int:
        """How many uploads there are below a prefix that no record is about."""
        ours = {(record.key, record.upload) for record in self.records.all()}
        return sum(one not in ours for one in self.client.below(prefix))


def _fields(attributes: Mapping[str, str]) -> dict[str, str]:
    own = ("Content-Type", "Content-Encoding")
    return {
        name if name in own else f"x-amz-meta-{name}": value for name, value in attributes.items()
    }
