"""The uploads in parts to one bucket: which there are, which goes on, and which is ended."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from pyfetch.http.s3_errors import S3Error
from pyfetch.http.s3_objects import object_fields
from pyfetch.http.s3_uploads import S3Uploads, UploadedPart
from pyfetch.storage.objects.upload_records import UploadRecord, UploadRecords

TOKEN = "pyfetch-upload"  # noqa: S105 - it says which upload has made an object
_AT_ONCE = 4

_log = logging.getLogger(__name__)


class BegunUpload(NamedTuple):
    """An upload that the server knows."""

    record: UploadRecord
    parts: dict[int, UploadedPart]
    """Those that were there already, by their numbers."""
    is_resumed: bool
    """Whether an earlier run has begun it, or an earlier attempt."""


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

    def begun(self, path: str, key: str, size: int, attributes: Mapping[str, str]) -> BegunUpload:
        """The upload to go on with."""
        record = self.records.of(path)
        if record and record.upload and (record.key, record.part_size) == (key, size):
            token = record.attributes.get(TOKEN)
            if token and record.attributes == {**attributes, TOKEN: token}:
                try:
                    parts = self.client.parts(key, record.upload)
                    there = {part.number: part for part in parts}
                    return BegunUpload(record, there, is_resumed=True)
                except S3Error as error:
                    if error.status != 404:
                        raise
        if record:
            self._end(record)
        record = self._wanted(record, path, key, size, attributes)
        self.records.write(record)
        begun = self.client.begin(key, object_fields(record.attributes))
        is_sole = record.is_sole and begun.is_sole
        record = record._replace(upload=begun.identifier, is_sole=is_sole)
        self.records.write(record)
        return BegunUpload(record, {}, is_resumed=False)

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
        has_ended = self._end(record)
        self.records.forget(path)
        return has_ended

    def abort_all(self) -> list[str]:
        """End all uploads that are recorded. Returns their keys."""
        return [record.key for record in self.records.all() if self.abort(record.path)]

    def others(self, prefix: str) -> int:
        """How many uploads there are below a prefix that no record is about."""
        ours = {(record.key, record.upload) for record in self.records.all()}
        return sum(one not in ours for one in self.client.below(prefix))

    def _wanted(
        self,
        earlier: UploadRecord | None,
        path: str,
        key: str,
        size: int,
        attributes: Mapping[str, str],
    ) -> UploadRecord:
        """The record of an upload that is not asked for yet. `earlier`: one that has ended."""
        attributes = {**attributes, TOKEN: secrets.token_hex(8)}
        record = UploadRecord(path, key, "", size, attributes)
        if earlier and earlier.has_unknown:  # a busy server may yet begin what was asked for then
            return record._replace(others=earlier.others, is_sole=False)
        return record._replace(others=self._there(key))

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

    def _end(self, record: UploadRecord) -> bool:
        """End an upload. Returns whether there was one."""
        if record.upload:
            self.client.abort(record.key, record.upload)
        return self._end_unknown(record) or bool(record.upload)

    def _end_unknown(self, record: UploadRecord) -> bool:
        """End what was begun for a record without its knowledge. Returns whether there was any."""
        if not record.has_unknown or record.others is None:
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
