"""Puts a large body in parts until it is an object, whatever becomes of answers and uploads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from typing import BinaryIO

from pyfetch.http.s3_errors import S3Error
from pyfetch.storage.objects.bucket_errors import ConditionFailed, meaning_of
from pyfetch.storage.objects.bucket_reading import BucketReader
from pyfetch.storage.objects.large_upload import LargeUpload
from pyfetch.storage.objects.large_uploads import TOKEN, LargeUploads

_TRIES = 4
"""How many uploads are begun if the server forgets each of them."""


def condition_fields(instead_of: str | None) -> dict[str, str]:
    """The header field that makes a server replace this version alone.

    `instead_of`: its ETag; None: nothing must be there; empty: it may be any.
    """
    if instead_of is None:
        return {"If-None-Match": "*"}
    return {"If-Match": f'"{instead_of}"'} if instead_of else {}


def check_condition(bucket: BucketReader, path: str, instead_of: str | None) -> None:
    """Raise `ConditionFailed` if there is another version than that one.

    For servers that obey no conditions; and with the others it may save an upload.
    """
    if instead_of == "":
        return
    there = bucket.head(path)
    if (there.etag if there else None) != instead_of:
        raise ConditionFailed


class PutInParts:
    """One body that is put in parts. For one thread.

    An upload that the server has forgotten begins anew: somebody has ended it, the server has
    started again, or, as rclone does, a damaged part has ended it. So does one of an earlier run
    with which the server cannot go on: rclone refuses all parts after its disk was full.
    """

    def __init__(
        self,
        bucket: BucketReader,
        uploads: LargeUploads,
        path: str,
        file: BinaryIO,
        attributes: Mapping[str, str],
        instead_of: str | None,
        check: Callable[[], None],
    ) -> None:
        """`instead_of`: as of `condition_fields`; `check` may raise to end it."""
        self._bucket = bucket
        self._uploads = uploads
        self._path = path
        self._file = file
        self._attributes = attributes
        self._instead_of = instead_of
        self._check = check

    def ended(self, begun: LargeUpload | None) -> str | None:
        """Put all of it. Returns the ETag of the object.

        `begun`: the upload of this file, if it has begun. Raises `ConditionFailed`, and else as
        `Bucket`.
        """
        upload = begun if begun and begun.path == self._path else None
        for tries_left in reversed(range(_TRIES)):
            check_condition(self._bucket, self._path, self._instead_of)
            with closing(self._new_upload()) if upload is None else nullcontext(upload) as upload:
                try:
                    return self._completed(upload)
                except S3Error as error:
                    if not (tries_left and self._is_lost(upload, error)):
                        raise self._meaning(error) from error
            upload = None
        raise AssertionError

    def _is_lost(self, upload: LargeUpload, error: S3Error) -> bool:
        """Whether this upload comes to nothing, and another one may not."""
        if error.status == 404:
            return True
        with contextlib.suppress(S3Error):
            if error.status == 500 and upload.is_resumed:
                upload.stop()
                return self._uploads.abort(self._path)
        return False

    def _meaning(self, error: S3Error) -> Exception:
        shown, is_denied = self._bucket.address.shown(self._path), error.status in (401, 403)
        return meaning_of(shown, str(error), writes=True, is_denied=is_denied)

    def _new_upload(self) -> LargeUpload:
        file = open(os.dup(self._file.fileno()), "rb")  # noqa: SIM115, PTH123 - closed with the upload
        total, key = os.fstat(file.fileno()).st_size, self._bucket.address.key(self._path)
        return LargeUpload(self._uploads, self._path, key, file, total, self._attributes)

    def _completed(self, upload: LargeUpload) -> str | None:
        try:
            token = upload.completed(condition_fields(self._instead_of), self._check)
        except S3Error as error:
            record = self._uploads.records.of(self._path)
            there = self._bucket.head(self._path) if error.status in (404, 412) else None
            if record and there and there.token == record.attributes[TOKEN]:
                self._uploads.completed(record)  # the answer to that was lost
                return there.etag
            if error.status == 412:
                raise ConditionFailed from None
            raise
        there = self._bucket.head(self._path)
        if there is None or there.token != token:
            raise ConditionFailed  # somebody has replaced it at once
        return there.etag
