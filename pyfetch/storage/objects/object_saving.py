"""What one attempt writes to, if its body becomes an object: memory or a part, then the bucket."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pyfetch.headers import parse_http_date
from pyfetch.http.response import SavedContent
from pyfetch.http.s3_objects import AskedHead
from pyfetch.storage.memory import HeldBody
from pyfetch.storage.objects.bucket_reading import MARK, SHA256
from pyfetch.storage.objects.large_upload import LargeUpload
from pyfetch.storage.objects.object_placing import LARGE, ObjectPlacer, Payload
from pyfetch.storage.part import Part
from pyfetch.storage.parts import PartMetadata
from pyfetch.storage.placing import Placed, Placement

if TYPE_CHECKING:
    from pyfetch.storage.objects.object_store import ObjectStore

_LONGEST_VALUE = 256


class ObjectSaving:
    """The `Saving` of an object.

    A small body stays in memory. Another one is a part on this machine until it is whole; such a
    part may go on in another run.
    """

    waits = True

    def __init__(
        self, store: ObjectStore, path: str, url: str, asked: AskedHead | None = None
    ) -> None:
        """`asked`: whether something is at this path."""
        self._store = store
        self._path = path
        self._asked = asked
        self._url = url
        self._part = Part(store.parts, path, url)
        self._held = HeldBody(store.memory)
        self._total: int | None = None
        self._metadata: PartMetadata | None = None
        self._upload: LargeUpload | None = None
        """The upload of a large body, which begins while that is still coming."""

    @property
    def length(self) -> int:
        """Bytes that it has."""
        held = self._held.content
        return self._part.length if held is None else len(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._asked:
            self._asked.close()
        self._held.forget()
        self._part.__exit__(*error)
        self._end_upload(aborts=not self._part.length)

    def continuable(self) -> PartMetadata | None:
        self._metadata = self._part.continuable()
        return self._metadata

    def blocks(self) -> Iterator[bytes]:
        return self._part.blocks()

    def begin(
        self,
        total: int | None,
        metadata: PartMetadata | None = None,
        *,
        is_whole: bool = False,  # noqa: ARG002 - a part is read again, so it needs a name
    ) -> None:
        self._total, self._metadata = total, metadata
        if not self._held.begin(total):
            self._part.begin(total, metadata, is_whole=False)
            self._begin_upload()

    def go_on(self) -> None:
        self._part.go_on()
        self._begin_upload()

    def _begin_upload(self) -> None:
        """Begin to put a large body that can go on: so its parts are not put in vain."""
        uploads, metadata = self._store.bucket.uploads, self._metadata
        if uploads and metadata and metadata.total > LARGE:
            self._upload = self._store.bucket.begun_upload(
                uploads, self._path, self._part.reading(), metadata.total,
                _attributes_of(metadata, self._url),
            )  # fmt: skip
            self._upload.grown(self._part.length)

    def _end_upload(self, *, aborts: bool) -> None:
        upload, self._upload = self._upload, None
        if upload:
            upload.close()
            if aborts:
                self._store.end_upload(upload.path)

    def goes_to(self, path: str) -> None:
        if self._asked:
            self._asked.close()
            self._asked = None
        self._path = path
        self._part.goes_to(path)

    def write(self, data: bytes | memoryview) -> None:
        held, part = self._held, self._part
        if held.append(data):
            return
        if held.content is not None:
            part.begin(self._total, self._metadata)
            part.write(memoryview(held.content))
            held.forget()
        part.write(data)
        if self._upload:
            self._upload.grown(part.length)

    def commit(
        self, placement: Placement, content: SavedContent, *, modified: float | None
    ) -> Placed:
        if self._upload and self._metadata:
            attributes = _attributes_of(self._metadata, self._url)
        else:
            attributes = _attributes(content, modified, self._url)
        with contextlib.ExitStack() as stack:
            held = self._held.content
            if held is None:
                body = Payload.of_file(stack.enter_context(self._part.reading()))
            else:
                body = Payload.of_bytes(held)
            placer = ObjectPlacer(self._store.bucket, body, placement, attributes, self._upload)
            is_free = self._asked is not None and self._asked.says_missing()
            try:
                placed = placer.place(self._path, is_free=is_free)
            finally:
                if placer.is_in_the_way:
                    self.drop()  # the object will stay in the next run, too
        self.drop()
        return placed

    def drop(self) -> None:
        self._held.forget()
        self._part.drop()
        if self._upload:
            self._end_upload(aborts=True)
        else:  # an earlier run may have begun one, for a body that was longer
            self._store.end_upload(self._path)


def owner_mark(url: str) -> str:
    """What marks an object as that of a URL: a digest, as the URL itself may be a secret."""
    return hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:32]


def _attributes_of(metadata: PartMetadata, url: str) -> dict[str, str]:
    """Those of a body of which the first answer alone is known: they are the same in each run."""
    attributes = {MARK: owner_mark(url)}
    _describe(attributes, metadata.content_type or metadata.media_type, metadata.content_encoding)
    modified = parse_http_date(metadata.last_modified)
    if modified is not None and 0 <= modified <= time.time():
        _date(attributes, modified)
    return attributes


def _attributes(content: SavedContent, modified: float | None, url: str) -> dict[str, str]:
    """Header fields and metadata of the object."""
    attributes = {MARK: owner_mark(url)}
    content_type = content.head.headers.get("content-type") or content.said.media_type
    _describe(attributes, content_type, content.coding)
    if modified is not None:
        _date(attributes, modified)
    if content.sha256:
        attributes[SHA256] = content.sha256
    return attributes


def _describe(attributes: dict[str, str], content_type: str | None, coding: str | None) -> None:
    attributes |= {
        name: value
        for name, value in (("Content-Type", content_type), ("Content-Encoding", coding))
        if value and value.isascii() and value.isprintable() and len(value) < _LONGEST_VALUE
    }


def _date(attributes: dict[str, str], modified: float) -> None:
    """Say when the body was changed; `mtime` is what rclone and others read."""
    attributes["mtime"] = f"{modified:.9f}".rstrip("0").rstrip(".")
    attributes["lastmodified"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(modified))
