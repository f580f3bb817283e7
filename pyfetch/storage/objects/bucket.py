"""One bucket, through `obstore`: puts, reads and lists objects, and says what errors mean."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from pyfetch.errors import ErrorTranslation, StoppedError, UsageError
from pyfetch.http.s3_objects import AskedHead, S3Objects, object_fields
from pyfetch.models import Failure, TargetError
from pyfetch.storage.filesystem import OWN_DIRECTORY
from pyfetch.storage.objects.address import LONGEST_KEY, BucketAddress
from pyfetch.storage.objects.credentials import completed
from pyfetch.storage.objects.large_upload import LargeUpload
from pyfetch.storage.objects.large_uploads import TOKEN, LargeUploads
from pyfetch.text import masked

if TYPE_CHECKING:
    from obstore.store import ObjectStore as ObstoreClient

MARK = "pyfetch"
"""Name of the metadata that says for which URL pyfetch has written an object."""
_PROBE = f"{OWN_DIRECTORY}/probe"
_RETRIES = {
    "backoff": {
        "init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=10), "base": 3,
    },
    "max_retries": 100,
    "retry_timeout": timedelta(seconds=60),
}  # fmt: skip
_NO_RETRIES = {"max_retries": 0, "retry_timeout": timedelta(seconds=5)}
_BLOCK = 1024 * 1024
_OF_CLIENT = frozenset({
    "allow_http", "allow_invalid_certificates", "connect_timeout", "pool_idle_timeout",
    "pool_max_idle_per_host", "proxy_url", "proxy_ca_certificate", "proxy_excludes",
    "randomize_addresses", "read_timeout", "root_certificate", "timeout", "user_agent",
})  # fmt: skip
_MISSING = (
    "buckets need the package obstore, which is not installed (pip install 'pyfetch-batch[cloud]')"
)
_NO_RANGE = "non-partial response"
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_WHY = re.compile(r"<Message>([^<]{1,200})</Message>")


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


class ConditionFailed(Exception):  # noqa: N818 - an answer, not an error
    """The object is there though it must not be, or is another version than it must be."""


class Bucket:
    """A bucket and a prefix. For any thread. Paths are those below the prefix.

    Raises a `StoppedError` for an error that would hit all objects, too, else a `TargetError`.
    """

    def __init__(
        self,
        address: BucketAddress,
        options: Iterable[tuple[str, str]] = (),
        *,
        patient: bool = True,
    ) -> None:
        """`options`: those of `--store-option`; `patient`: try for a minute.

        Raises `UsageError` for an option that is not known.
        """
        try:
            import obstore
            from obstore.exceptions import BaseError
        except ImportError as error:
            raise UsageError(_MISSING) from error
        self.address = address
        self.options = dict(options)
        self.uploads: LargeUploads | None = None
        """What puts large bodies, in parts that outlive this process; None: `obstore` does."""
        self.quick: S3Objects | None = None
        """What puts small bodies, as long as nothing goes wrong; None: `obstore` does."""
        self._obeys: bool | None = None
        """None: nobody has tried."""
        self._lock = threading.Lock()
        self._client: ObstoreClient
        try:
            self._client = _client(address, self.options, patient=patient)
        except (BaseError, ValueError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(f"cannot use {address} as --store-option says: {first}") from None
        self._obstore = obstore

    def __repr__(self) -> str:
        return f"Bucket({str(self.address)!r})"

    def in_a_hurry(self) -> Bucket:
        """The same for what must not take long, at the end of a run: nothing is tried again."""
        if self.address.scheme == "memory":
            return self
        return Bucket(self.address, self.options.items(), patient=False)

    def check(self, path: str) -> None:
        """Raise `TargetError` if no object can have this path."""
        length = len(self.address.key(path).encode(errors="surrogateescape"))
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
            fields = {**object_fields(attributes or {}), **_condition(instead_of)}
            etag = self.quick.put(self.address.key(path), data, fields)
            if etag:
                return _plain(etag)
        mode: Any = "overwrite" if instead_of == "" else "create"
        if instead_of:
            mode = {"e_tag": f'"{instead_of}"'}
        with self.errors(path, writes=True):
            put = self._obstore.put(
                self._client, self.address.key(path), cast("Any", data),
                attributes=cast("Any", dict(attributes or {})), mode=mode, use_multipart=False,
            )  # fmt: skip
        return _plain(put["e_tag"])

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
        if instead_of != "":  # also where the server obeys conditions: this may save the upload
            there = self.head(path)
            if (there.etag if there else None) != instead_of:
                raise ConditionFailed
        if begun and begun.path == path:
            return self._complete(begun, instead_of, check)
        if self.uploads:
            again = open(os.dup(file.fileno()), "rb")  # noqa: SIM115, PTH123 - closed with the upload
            total = os.fstat(again.fileno()).st_size
            upload = self.begun_upload(self.uploads, path, again, total, attributes)
            with closing(upload):
                return self._complete(upload, instead_of, check)
        file.seek(0)
        with self.errors(path, writes=True):
            put = self._obstore.put(
                self._client, self.address.key(path), file,
                attributes=cast("Any", dict(attributes)), use_multipart=True,
                chunk_size=16 * _BLOCK, max_concurrency=3,
            )  # fmt: skip
        there = self.head(path)  # some servers give it another ETag once it is whole
        if there and there.mark == attributes[MARK]:
            return there.etag
        return _plain(put["e_tag"])

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

    def _complete(
        self, upload: LargeUpload, instead_of: str | None, check: Callable[[], None]
    ) -> str | None:
        from pyfetch.http.s3_uploads import S3Error

        assert self.uploads  # noqa: S101 - it has begun this one
        path = upload.path
        try:
            token = upload.completed(_condition(instead_of), check)
        except S3Error as error:
            if error.status == 412:
                raise ConditionFailed from None
            record = self.uploads.records.of(path)
            there = self.head(path) if error.status == 404 else None
            if not (record and there and there.token == record.attributes[TOKEN]):
                is_denied = error.status in (401, 403)
                shown = self.address.shown(path)
                raise meaning_of(shown, str(error), writes=True, is_denied=is_denied) from error
            self.uploads.completed(record)  # the answer to that was lost
            return there.etag
        there = self.head(path)
        if there is None or there.token != token:
            raise ConditionFailed  # somebody has replaced it at once
        return there.etag

    def ask_ahead(self, path: str) -> AskedHead | None:
        """Ask for what `place` needs to know on a server without conditions, if that is quick."""
        if self.quick is None or self.obeys_conditions:
            return None
        return self.quick.ask_head(self.address.key(path))

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
        return _meta(found.meta)._replace(mark=said.get(MARK, ""), token=said.get(TOKEN, ""))

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

    def signed(self, path: str, lasting: timedelta) -> str:
        """A URL of an object with a signature, so that anybody can get it for some time."""
        with self.errors(path):
            return self._obstore.sign(
                cast("Any", self._client), "GET", self.address.key(path), lasting
            )

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

    def errors(self, path: str, *, writes: bool = False) -> _ErrorsOf:
        """Turn an error of `obstore` within into one of ours."""
        return _ErrorsOf(self.address.shown(path), self.address, writes=writes)


class _NoRangeError(Exception):
    """The server has answered with the whole object."""


class _ErrorsOf(ErrorTranslation):
    """Says of an error of `obstore` which object it is about, and what to do."""

    __slots__ = ("_address", "_shown", "_writes")

    def __init__(self, shown: str, address: BucketAddress, *, writes: bool) -> None:
        self._shown = shown
        self._address = address
        self._writes = writes

    def translated(self, error: BaseException) -> Exception | None:
        from obstore import exceptions

        text = str(error)
        if isinstance(error, FileNotFoundError):
            if "NoSuchBucket" in text or (self._writes and "BucketNotFound" in text):
                return StoppedError(f"{self._address.root} does not exist (make the bucket first)")
            return None
        if isinstance(error, exceptions.AlreadyExistsError | exceptions.PreconditionError):
            return ConditionFailed(self._shown)
        if isinstance(error, ValueError) and "path" in text.lower():
            reason = "the bucket takes no key with such characters: choose another with --name"
            return TargetError(Failure.DISK, f"cannot write {self._shown}: {reason}")
        if not isinstance(error, exceptions.BaseError | OSError | ValueError):
            return None
        return meaning_of(self._shown, text, writes=self._writes, is_denied=_is_denied(error))


def _is_denied(error: BaseException) -> bool:
    from obstore import exceptions

    return isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError)


def meaning_of(
    shown: str, text: str, *, writes: bool, is_denied: bool = False
) -> StoppedError | TargetError:
    """The error for what a server or its client has said of an object. Pure."""
    status = _STATUS.search(text)
    code, why = _CODE.search(text), _WHY.search(text)
    said = " ".join(
        part
        for part in (
            f"HTTP {status[1]}" if status else "",
            code[1] if code else "",
            f"({masked(why[1])})" if why else "",
        )
        if part
    )
    what = f"cannot {'write' if writes else 'read'} {shown}: "
    if is_denied:
        return StoppedError(
            f"{what}access denied{f', {said}' if said else ''} (check the credentials and what they"
            " allow, and run the same command again)"
        )
    if status and status[1].startswith("4") and status[1] not in ("408", "429"):
        return TargetError(Failure.DISK, f"{what}{said}")
    said = said or masked(_first_cause(text))
    return StoppedError(f"{what}{said} (run the same command again to go on)")


def _first_cause(text: str) -> str:
    line = text.splitlines()[0] if text else "no answer"
    return line if len(line) <= 300 else f"{line[:300]}…"


def _condition(instead_of: str | None) -> dict[str, str]:
    """The header field for what `Bucket.put` means by that."""
    if instead_of is None:
        return {"If-None-Match": "*"}
    return {"If-Match": f'"{instead_of}"'} if instead_of else {}


def _plain(etag: str | None) -> str | None:
    """An ETag without its quotes: some servers leave them out here and there."""
    return etag.strip('"') if etag else None


def _meta(found: Mapping[str, Any]) -> ObjectMeta:
    modified = found["last_modified"].timestamp()
    return ObjectMeta(found["size"], int(modified * 1_000_000) * 1000, _plain(found["e_tag"]))


def _client(address: BucketAddress, options: Mapping[str, str], *, patient: bool) -> ObstoreClient:
    from obstore.store import MemoryStore, from_url

    if address.scheme == "memory":
        return MemoryStore()
    config = {key: value for key, value in options.items() if key not in _OF_CLIENT}
    client: dict[str, Any] = {key: value for key, value in options.items() if key in _OF_CLIENT}
    config = completed(address.scheme, config)
    if not patient:
        client["timeout"] = "5s"
    if any("endpoint" in key and value.startswith("http:") for key, value in config.items()):
        client.setdefault("allow_http", "true")  # the user has named such a server
    if address.scheme == "s3":
        config.setdefault("checksum_algorithm", "SHA256")
    return from_url(
        address.root, config=cast("Any", config), client_options=cast("Any", client),
        retry_config=cast("Any", _RETRIES if patient else _NO_RETRIES),
    )  # fmt: skip
