"""What one attempt writes to, if its body becomes an object: memory or a part, then the bucket."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pyfetch.http.response import SavedContent
from pyfetch.storage.objects.bucket import MARK
from pyfetch.storage.objects.object_placing import ObjectPlacer, Payload
from pyfetch.storage.part import Part
from pyfetch.storage.parts import PartMetadata
from pyfetch.storage.placing import Placed, Placement

if TYPE_CHECKING:
    from pyfetch.storage.objects.object_store import ObjectStore

SMALL = 1024 * 1024
"""A body up to this length, in bytes, is kept in memory until it is put."""


class ObjectSaving:
    """The `Saving` of an object.

    A small body stays in memory. Another one is a part on this machine until it is whole; such a
    part may go on in another run.
    """

    def __init__(self, store: ObjectStore, path: str, url: str) -> None:
        self._store = store
        self._path = path
        self._url = url
        self._part = Part(store.parts, path, url)
        self._held: bytearray | None = None
        """The body, while it is in memory."""
        self._taken = 0
        """Bytes of the memory of the store that are ours."""
        self._total: int | None = None
        self._metadata: PartMetadata | None = None

    @property
    def length(self) -> int:
        """Bytes that it has."""
        return self._part.length if self._held is None else len(self._held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._forget()
        self._part.__exit__(*error)

    def continuable(self) -> PartMetadata | None:
        return self._part.continuable()

    def blocks(self) -> Iterator[bytes]:
        return self._part.blocks()

    def begin(
        self,
        total: int | None,
        metadata: PartMetadata | None = None,
        *,
        is_whole: bool = False,  # noqa: ARG002 - a part is read again, so it needs a name
    ) -> None:
        self._forget()
        self._total, self._metadata = total, metadata
        if (total is None or total <= SMALL) and self._store.memory.take(SMALL):
            self._taken = SMALL
            self._held = bytearray()
        else:
            self._part.begin(total, metadata, is_whole=False)

    def go_on(self) -> None:
        self._part.go_on()

    def goes_to(self, path: str) -> None:
        self._path = path
        self._part.goes_to(path)

    def write(self, data: bytes | memoryview) -> None:
        held = self._held
        if held is None:
            self._part.write(data)
        elif len(held) + len(data) <= SMALL:
            held += data
        else:
            self._part.begin(self._total, self._metadata)
            self._part.write(memoryview(held))
            self._forget()
            self._part.write(data)

    def commit(
        self, placement: Placement, content: SavedContent, *, modified: float | None
    ) -> Placed:
        attributes = _attributes(content, modified, self._url)
        with contextlib.ExitStack() as stack:
            if self._held is None:
                body = Payload.of_file(stack.enter_context(self._part.reading()))
            else:
                body = Payload.of_bytes(self._held)
            placer = ObjectPlacer(self._store.bucket, body, placement, attributes)
            try:
                placed = placer.place(self._path)
            finally:
                if placer.is_in_the_way:
                    self.drop()  # the object will stay in the next run, too
        self.drop()
        return placed

    def drop(self) -> None:
        self._forget()
        self._part.drop()
        uploads = self._store.bucket.uploads
        if uploads and uploads.records.of(self._path):
            uploads.abort(self._path)

    def _forget(self) -> None:
        self._held = None
        self._store.memory.give_back(self._taken)
        self._taken = 0


def owner_mark(url: str) -> str:
    """What marks an object as that of a URL: a digest, as the URL itself may be a secret."""
    return hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:32]


def _attributes(content: SavedContent, modified: float | None, url: str) -> dict[str, str]:
    """Header fields and metadata of the object. `mtime` is what rclone and others read."""
    attributes = {MARK: owner_mark(url)}
    media_type = content.head.headers.get("content-type") or content.said.media_type
    if media_type and media_type.isascii() and media_type.isprintable() and len(media_type) < 256:
        attributes["Content-Type"] = media_type
    if content.coding and content.coding.isascii() and content.coding.isprintable():
        attributes["Content-Encoding"] = content.coding
    if modified is not None:
        attributes["mtime"] = f"{modified:.9f}".rstrip("0").rstrip(".")
        attributes["last-modified"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(modified))
    if content.sha256:
        attributes["sha256"] = content.sha256
    return attributes
