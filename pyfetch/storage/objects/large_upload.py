"""Puts a large body into a bucket in parts. What a killed run has put is not put again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import BinaryIO

from pyfetch.http.s3_uploads import UploadedPart
from pyfetch.storage.objects.large_uploads import TOKEN, LargeUploads

PART = 8 * 1024 * 1024
"""Bytes of a part, unless there would be too many of them."""
_MOST_PARTS = 10_000
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

    @property
    def is_resumed(self) -> bool:
        """Whether it goes on with an upload that was there. Raises `S3Error`."""
        return self._begun.result().is_resumed

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
        record = self._begun.result().record
        self._uploads.client.complete(self._key, record.upload, parts, condition)
        self._uploads.completed(record)
        return record.attributes[TOKEN]

    def stop(self) -> None:
        """Put no more parts."""
        for part in self._parts:
            part.cancel()
        wait(self._parts)
        wait([self._begun])

    def close(self) -> None:
        """Put no more parts, and close the file, which they read."""
        self.stop()
        self._file.close()

    def _put(self, number: int, start: int, size: int) -> UploadedPart:
        begun = self._begun.result()
        data = os.pread(self._file.fileno(), size, start)
        known = begun.parts.get(number)
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest() if known else ""
        if known and (known.etag, known.size) == (digest, len(data)):
            return known
        return self._uploads.client.put_part(self._key, begun.record.upload, number, data)
