"""Puts a large body into a bucket in parts. What a killed run has put is not put again."""

from __future__ import annotations

import contextlib
import hashlib
import logging
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

_log = logging.getLogger(__name__)


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
        self._uploads.completed(record)
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
    """The uploads in parts to one bucket. For any thread. Its methods raise `S3Error`.

    The server may begin an upload whose identifier never reaches a record: the process is killed,
    or the answer is lost. So what is wanted is recorded before it is asked for, with the uploads of
    the key that are there already. A new one of that key is ours, if it has no part yet.
    """

    def __init__(self, client: S3Uploads, home: Path) -> None:
        self.client = client
        self.records = UploadRecords(home)
        self.pool = ThreadPoolExecutor(_AT_ONCE, "upload")
        self._lists = True
        """Whether the server lists uploads, as far as is known."""

    def begun(
        self, path: str, key: str, size: int, attributes: Mapping[str, str]
    ) -> tuple[UploadRecord, dict[int, UploadedPart]]:
        """The upload to go on with, and the parts that it has."""
        record = self.records.of(path)
        if record and record.upload and (record.key, record.part_size) == (key, size):
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
        record = UploadRecord(path, key, "", size, dict(attributes), self._there(key))
        self.records.write(record)
        begun = self.client.begin(key, _fields(attributes))
        record = record._replace(upload=begun.identifier, is_sole=begun.is_sole)
        self.records.write(record)
        return record, {}

    def completed(self, record: UploadRecord) -> None:
        """Forget an upload that is an object now."""
        with contextlib.suppress(S3Error):  # then the record stays, and `--cleanup` reads it
            self._end_unknown(record)
            self.records.forget(record.path)

    def abort(self, path: str) -> bool:
        """End the upload to this path, if there is one. Returns whether there was."""
        record = self.records.of(path)
        if record is None:
            return False
        if record.upload:
            self.client.abort(record.key, record.upload)
        has_ended = self._end_unknown(record)
        self.records.forget(path)
        return has_ended or bool(record.upload)

    def abort_all(self) -> list[str]:
        """End all uploads that are recorded. Returns their keys."""
        return [record.key for record in self.records.all() if self.abort(record.path)]

    def others(self, prefix: str) -> int:
        """How many uploads there are below a prefix that no record is about."""
        ours = {(record.key, record.upload) for record in self.records.all()}
        return sum(one not in ours for one in self.client.below(prefix))

    def _there(self, key: str) -> list[str] | None:
        """The uploads of this key; None if the server does not say."""
        if not self._lists:
            return None
        try:
            return list(self.client.of_key(key))
        except S3Error as error:
            if error.may_pass:
                raise
            self._lists = False
            _log.info("the server lists no uploads: one whose begin is interrupted may be left")
            return None

    def _end_unknown(self, record: UploadRecord) -> bool:
        """End what was begun for a record without its knowledge. Returns whether there was any."""
        if record.others is None or (record.upload and record.is_sole):
            return False
        known = {*record.others, record.upload}
        new = [upload for upload in self._there(record.key) or () if upload not in known]
        # One with parts is not ours: they are put once the identifier is recorded.
        ours = [upload for upload in new if self._has_no_part(record.key, upload)]
        for upload in ours:
            self.client.abort(record.key, upload)
        return bool(ours)

    def _has_no_part(self, key: str, upload: str) -> bool:
        try:
            return not any(self.client.parts(key, upload))
        except S3Error as error:
            if error.status != 404:
                raise
            return False  # it has ended meanwhile


def _fields(attributes: Mapping[str, str]) -> dict[str, str]:
    own = ("Content-Type", "Content-Encoding")
    return {
        name if name in own else f"x-amz-meta-{name}": value for name, value in attributes.items()
    }
