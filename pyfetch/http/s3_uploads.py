"""Uploads to S3 in parts that outlive their process: begin, put a part, list, complete, abort.

A client of its own, as `obstore` begins and ends an upload in one call.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape, unescape
from typing import NamedTuple
from urllib.parse import urlsplit

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from pyfetch.http.s3_errors import S3Error
from pyfetch.http.s3_signature import (
    UNSIGNED,
    S3Access,
    encoded,
    encoded_query,
    signed_fields,
)
from pyfetch.text import masked

_TRIES = 10
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 10.0
_TIMEOUT = Timeout(connect=10.0, read=120.0)


class UploadedPart(NamedTuple):
    """A part that is on the server."""

    number: int
    """From 1."""
    etag: str
    """Without quotes."""
    size: int


class NewUpload(NamedTuple):
    """An upload that was begun."""

    identifier: str
    is_sole: bool
    """Whether it was asked for once: an earlier request without an answer may have begun another
    one, which nobody knows."""


class S3Uploads:
    """The uploads of one bucket. For any thread. Its methods raise `S3Error`."""

    def __init__(self, access: S3Access, bucket: str) -> None:
        self._access = access
        self._bucket = bucket
        parts = urlsplit(access.endpoint)
        self._host = parts.netloc
        self._before = f"{parts.path.rstrip('/')}/{encoded(bucket)}"
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._pool = PoolManager(maxsize=16, retries=False, timeout=_TIMEOUT)

    def __repr__(self) -> str:
        return f"S3Uploads({self._bucket!r})"

    def begin(self, key: str, attributes: Mapping[str, str]) -> NewUpload:
        """Begin an upload of an object with these fields."""
        failed: list[S3Error] = []
        answer = self._ask("POST", key, {"uploads": ""}, fields=attributes, failed=failed)
        return NewUpload(_first("UploadId", answer), is_sole=not failed)

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> UploadedPart:
        """Put a part. `number`: from 1."""
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        fields = {"Content-MD5": base64.b64encode(digest).decode()}
        query = {"partNumber": str(number), "uploadId": upload}
        self._ask("PUT", key, query, data, fields)
        return UploadedPart(number, digest.hex(), len(data))

    def parts(self, key: str, upload: str) -> Iterator[UploadedPart]:
        """The parts that the server has."""
        query = {"uploadId": upload}
        while True:
            text = self._ask("GET", key, query)
            for part in re.findall(r"<Part>(.*?)</Part>", text, re.DOTALL):
                etag = _first("ETag", part).strip('"')
                yield UploadedPart(int(_first("PartNumber", part)), etag, int(_first("Size", part)))
            if _find("IsTruncated", text) != "true":
                return
            query = query | {"part-number-marker": _first("NextPartNumberMarker", text)}

    def complete(
        self, key: str, upload: str, parts: Sequence[UploadedPart], condition: Mapping[str, str]
    ) -> None:
        """Make the object of its parts. `condition`: `If-Match` or `If-None-Match`, if any."""
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag></Part>"
            for part in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        self._ask("POST", key, {"uploadId": upload}, body, condition)

    def abort(self, key: str, upload: str) -> None:
        """Have the server forget an upload, if it is there."""
        try:
            self._ask("DELETE", key, {"uploadId": upload})
        except S3Error as error:
            if error.status != 404:
                raise

    def of_key(self, key: str) -> Iterator[str]:
        """The identifiers of the uploads of exactly this key that are not complete."""
        return (upload for found, upload in self.below(key) if found == key)

    def below(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Key and identifier of each upload below a prefix that is not complete."""
        query = {"uploads": "", "prefix": prefix}
        while True:
            text = self._ask("GET", "", query)
            for upload in re.findall(r"<Upload>(.*?)</Upload>", text, re.DOTALL):
                yield _first("Key", upload), _first("UploadId", upload)
            if _find("IsTruncated", text) != "true":
                return
            marker = _first("NextKeyMarker", text), _first("NextUploadIdMarker", text)
            query = query | {"key-marker": marker[0], "upload-id-marker": marker[1]}

    def _ask(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        body: bytes = b"",
        fields: Mapping[str, str] | None = None,
        failed: list[S3Error] | None = None,
    ) -> str:
        """Make a request, again if it failed in a way that may pass. Returns the answer's body.

        `failed` gets what each request but the last one has failed with.
        """
        wait = _FIRST_WAIT
        for _ in range(_TRIES - 1):
            try:
                return self._ask_once(method, key, query, body, fields or {})
            except S3Error as error:
                if not error.may_pass:
                    raise
                if failed is not None:
                    failed.append(error)
            time.sleep(wait * random.uniform(0.5, 1))
            wait = min(2 * wait, _LONGEST_WAIT)
        return self._ask_once(method, key, query, body, fields or {})

    def _ask_once(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        body: bytes,
        fields: Mapping[str, str],
    ) -> str:
        path = f"{self._before}/{encoded(key, safe='/')}" if key else self._before
        digest = UNSIGNED if "Content-MD5" in fields else hashlib.sha256(body).hexdigest()
        signed = signed_fields(
            self._access, method, self._host, path, query, fields, digest, time.time()
        )
        url = f"{self._origin}{path}?{encoded_query(query)}"
        try:
            answer = self._pool.request(
                method, url, body=body, headers=signed, redirect=False, retries=False
            )
        except (HTTPError, OSError) as error:
            from pyfetch.http.failures import of_request

            why = of_request(error, _TIMEOUT).detail
            raise S3Error(f"no answer from {masked(self._origin)} ({why})") from error
        text = answer.data.decode(errors="replace")
        # The answer to a long request begins before it is known how that ends.
        if answer.status >= 300 or "<Error>" in text:
            status = answer.status if answer.status >= 300 else 500
            raise S3Error(f"status code: {status} {text[:2000]}", status)
        return text


def _find(name: str, text: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return unescape(found[1]) if found else ""


def _first(name: str, text: str) -> str:
    value = _find(name, text)
    if not value:
        raise S3Error(f"the server has sent no {name}")
    return value
