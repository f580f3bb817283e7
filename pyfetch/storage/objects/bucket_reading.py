"""Reads objects of one bucket: what there is, all of it or a range, and lists."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from pyfetch.storage.objects.address import BucketAddress
from pyfetch.storage.objects.bucket_errors import is_busy, why_unreached
from pyfetch.storage.objects.large_uploads import TOKEN
from pyfetch.storage.objects.obstore_client import ErrorsOf, Patience, client_of

MARK = "pyfetch"
"""Name of the metadata that says for which URL pyfetch has written an object."""
SHA256 = "sha256"
"""Name of the metadata that has the digest of an object."""
_BLOCK = 1024 * 1024
_NO_RANGE = "non-partial response"

_log = logging.getLogger(__name__)


class ObjectMeta(NamedTuple):
    """What a bucket says of one object."""

    size: int
    """In bytes."""
    modified_ns: int
    """When it was written, in nanoseconds since the epoch."""
    etag: str | None
    mark: str = ""
    """What pyfetch has marked it with; empty: it has not, or `head` was not asked."""
    token: str = ""
    """Which upload in parts has made it, likewise."""
    sha256: str = ""
    """What its metadata say of its bytes, likewise."""


class BucketReader:
    """A bucket and a prefix. For any thread. Paths are those below the prefix.

    Raises a `StoppedError` for an error that would hit all objects, too, else a `TargetError`.
    """

    def __init__(
        self,
        address: BucketAddress,
        options: Iterable[tuple[str, str]] = (),
        patience: Patience = Patience.MINUTE,
    ) -> None:
        """`options`: those of `--store-option`. Raises `UsageError` for one that is not known."""
        self.address = address
        self.options = dict(options)
        self._obstore, self._client = client_of(address, self.options, patience)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.address)!r})"

    def reach(self, path: str) -> None:
        """Find out whether the bucket is there, with a request for any path.

        Raises a `StoppedError` after a few seconds if nothing answers; with a client that tries for
        a minute, a run with a wrong endpoint would be silent so long. What the server answers is
        left to the requests that follow, unless it is that there is no such bucket.
        """
        if self.address.scheme == "memory":
            return
        obstore, client = client_of(self.address, self.options, Patience.SECONDS)
        with contextlib.suppress(FileNotFoundError), self.errors(""):
            try:
                obstore.get(client, self.address.key(path))
            except FileNotFoundError:
                raise
            except Exception as error:
                if why_unreached(str(error)):
                    raise
                if is_busy(str(error)):
                    _log.warning(
                        "%s is busy: each request is tried for a minute", self.address.root
                    )

    def head(self, path: str) -> ObjectMeta | None:
        """What there is of this path; None: nothing."""
        try:
            with self.errors(path):
                found = self._obstore.get(
                    self._client, self.address.key(path), options={"head": True}
                )
        except FileNotFoundError:
            return None
        said = {str(name): str(value) for name, value in found.attributes.items()}
        return _meta(found.meta)._replace(
            mark=said.get(MARK, ""), token=said.get(TOKEN, ""), sha256=said.get(SHA256, "")
        )

    def blocks(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of an object, or some of them. Raises `FileNotFoundError` if there is none."""
        if end is not None:
            with contextlib.suppress(_NoRangeError):
                yield from self._range(path, start, end)
                return
            # All of it, then, for a server that knows no ranges (`rclone serve s3`).
            at = 0
            for block in self.blocks(path):
                some = block[max(0, start - at) : max(0, end - at)]
                at += len(block)
                if some:
                    yield some
                if at >= end:
                    return
            return
        with self.errors(path):
            found = self._obstore.get(self._client, self.address.key(path))
            for block in found.stream(min_chunk_size=_BLOCK):
                yield bytes(block)

    def _range(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """Some bytes of an object. Raises `_NoRangeError` if the server sends all of them."""
        options: Any = {"range": (start, end)}
        with self.errors(path):
            try:
                found = self._obstore.get(self._client, self.address.key(path), options=options)
            except Exception as error:
                if _NO_RANGE in str(error):
                    raise _NoRangeError from error
                raise
            for block in found.stream(min_chunk_size=_BLOCK):
                yield bytes(block)

    def paths(self) -> Iterator[str]:
        """Of all objects below the prefix."""
        before = self.address.key("")
        with self.errors(""):
            for some in self._obstore.list(self._client, before.rstrip("/") or None):
                for one in some:
                    if one["path"].startswith(before):
                        yield one["path"][len(before) :]

    def read(self, path: str, most: int) -> tuple[bytes, ObjectMeta] | None:
        """The bytes of a small object, at most `most`, and what it is; None: there is none."""
        try:
            with self.errors(path):
                found = self._obstore.get(self._client, self.address.key(path))
                data = b""
                for block in found.stream(min_chunk_size=4096):
                    data += bytes(block)
                    if len(data) >= most:
                        break
                return data[:most], _meta(found.meta)
        except FileNotFoundError:
            return None

    def signed(self, path: str, lasting: timedelta) -> str:
        """A URL of an object with a signature, so that anybody can get it for some time."""
        with self.errors(path):
            url: str = self._obstore.sign(self._client, "GET", self.address.key(path), lasting)
            return url

    def errors(self, path: str, *, writes: bool = False) -> ErrorsOf:
        """Turn an error of `obstore` within into one of ours."""
        shown = self.address.shown(path) if path else str(self.address)
        return ErrorsOf(shown, self.address, writes=writes)


class _NoRangeError(Exception):
    """The server has answered with the whole object."""


def plain_etag(etag: str | None) -> str | None:
    """An ETag without its quotes: some servers leave them out here and there."""
    return etag.strip('"') if etag else None


def _meta(found: Mapping[str, Any]) -> ObjectMeta:
    modified = found["last_modified"].timestamp()
    return ObjectMeta(found["size"], int(modified * 1_000_000) * 1000, plain_etag(found["e_tag"]))
