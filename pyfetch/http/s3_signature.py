"""Signs requests to servers of S3 (AWS Signature Version 4). Pure: the time is passed in."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
"""In place of the digest of a body, if a field that is signed has one."""
EMPTY = hashlib.sha256(b"").hexdigest()
"""The digest of no body."""


class S3Access(NamedTuple):
    """Where a bucket is, and with which keys requests are signed."""

    endpoint: str
    """`scheme://host[:port]`, perhaps with a path; without a slash at its end."""
    region: str
    key_id: str
    secret: str
    token: str | None = None
    """The token of keys that hold for a time only."""

    def __repr__(self) -> str:
        return f"S3Access({self.endpoint!r}, {self.region!r})"


def encoded(text: str, *, safe: str = "") -> str:
    """Percent-encode as the signature wants it."""
    return quote(text, safe=f"-_.~{safe}")


def encoded_query(query: Mapping[str, str]) -> str:
    """A query in the order and with the encoding that the signature wants."""
    return "&".join(f"{encoded(name)}={encoded(query[name])}" for name in sorted(query))


def signed_fields(
    access: S3Access,
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    fields: Mapping[str, str],
    digest: str,
    now: float,
) -> dict[str, str]:
    """The header fields of a request with its signature.

    `path`: already encoded; `digest`: sha256 of the body, in hexadecimal digits, or `UNSIGNED`;
    `now`: seconds since the epoch.
    """
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {name.lower(): value for name, value in fields.items()}
    signed |= {"host": host, "x-amz-date": at, "x-amz-content-sha256": digest}
    if access.token:
        signed["x-amz-security-token"] = access.token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
    request = "\n".join([method, path, encoded_query(query), lines, names, digest])
    scope = f"{at[:8]}/{access.region}/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    key = _signing_key(access.secret, scope)
    text = f"{_ALGORITHM}\n{at}\n{scope}\n{hashed}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{access.key_id}/{scope}"
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


@lru_cache(4)  # it is the same for a day
def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
