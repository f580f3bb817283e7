"""The address of a bucket: `s3://bucket/prefix`, `gs://…`, `az://…`, `memory://…`."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from pyfetch.errors import UsageError

_SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "az": "az", "azure": "az", "memory": "memory"}
_ADDRESS = re.compile(r"([a-z0-9]+)://([^/?#@\s]*)(?:/(.*))?", re.DOTALL)

LONGEST_KEY = 1024
"""Bytes that the key of an object has at most: so it is with S3, Google and Azure."""


class BucketAddress(NamedTuple):
    """A bucket, and what the keys of all objects of a run begin with."""

    scheme: str
    bucket: str
    prefix: str
    """Without a slash at its end; may be empty."""

    @classmethod
    def of(cls, text: str) -> Self:
        """The address in a text for which `is_bucket` holds. Raises `UsageError`."""
        found = _ADDRESS.fullmatch(text)
        if found is None or not (found[2] or found[1] == "memory"):
            raise UsageError(f"{text} names no bucket: write it as s3://BUCKET/PREFIX")
        scheme, bucket, rest = found[1], found[2], found[3] or ""
        prefix = rest.rstrip("/")
        parts = prefix.split("/") if prefix else []
        if any(part in ("", ".", "..") or not part.isprintable() for part in parts):
            raise UsageError(f"{text!r} is no place in a bucket: its prefix has an odd component")
        return cls(_SCHEMES[scheme], bucket, prefix)

    def __str__(self) -> str:
        return f"{self.root}{self.prefix}".rstrip("/")

    @property
    def root(self) -> str:
        """The bucket itself, with a slash at its end."""
        return f"{self.scheme}://{self.bucket}/"

    def key(self, path: str) -> str:
        """The key of the object with this path below the prefix."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def shown(self, path: str) -> str:
        """The address of that object, as messages and results show it."""
        return f"{self.root}{self.key(path)}"
