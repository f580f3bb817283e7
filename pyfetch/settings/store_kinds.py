"""Kinds of values that say where a run saves: a directory or bucket, and options of its store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from pyfetch.settings.kinds import FilePath, Kind, Texts, items, shown
from pyfetch.text import MASK

BUCKETS = ("s3://", "s3a://", "gs://", "az://", "azure://", "memory://")
"""How the address of a bucket begins."""

_ENDPOINT = r"(aws_|azure_(storage_)?|google_)?endpoint(_url)?"


def is_bucket(place: str) -> bool:
    """Whether this is the address of a bucket, or of an object in one."""
    return place.startswith(BUCKETS)


def not_allowed(address: str) -> str:
    """Why a list may not name an object, as a clause for people."""
    return f"{address} is in a bucket, and lists may name objects only below --allow-store"


class Destination(FilePath):
    """A directory as a path or as `file://…`, or the address of a bucket."""

    def check(self, value: object) -> str:
        """The path, or the address."""
        place = super().check(value)
        if not place:  # a variable of a script that has no value
            raise ValueError("must name a directory, and is empty (. is this directory)")
        if is_bucket(place):
            return place
        if place.startswith("file://"):
            parts = urlsplit(place)
            if parts.netloc not in ("", "localhost") or not parts.path:
                raise ValueError(f"must be on this machine: file:///PATH, not {shown(place)}")
            return unquote(parts.path)
        if "://" in place and re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", place):
            raise ValueError(
                f"must be a directory, file://, s3://, gs:// or az://, not {shown(place)}"
            )
        return place


DESTINATION = Destination("DIR")


class StoreOptions(Kind):
    """Options of a bucket, `KEY=VALUE`. No message shows a value: that may be a secret."""

    metavar = "KEY=VALUE"
    several = True

    def parse(self, text: str) -> tuple[tuple[str, str], ...]:
        """One of them, as the only pair of a tuple."""
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError("must be KEY=VALUE (endpoint=https://…, region=eu-central-1)")
        return ((name, value),)

    def check(self, value: object) -> tuple[tuple[str, str], ...]:
        """A mapping, or pairs of key and value, as a tuple of pairs."""
        given: Any = value.items() if isinstance(value, Mapping) else value
        found: Iterable[Any] | None = items(given)
        if found is None:
            raise ValueError(f"must be pairs of key and value, not of type {type(value).__name__}")
        pairs: list[tuple[str, str]] = []
        for one in found:
            is_group = isinstance(one, tuple | list) and all(
                isinstance(pair, tuple | list) for pair in one
            )
            pairs += (_option(pair) for pair in (one if is_group else [one]))
        return tuple(pairs)

    def masked(self, value: object) -> str:
        """The keys, each with a mask for its value."""
        return repr(tuple((name, MASK) for name, _ in cast("Iterable[tuple[str, str]]", value)))


def _option(pair: object) -> tuple[str, str]:
    is_pair = isinstance(pair, tuple | list) and len(pair) == 2
    name, value = cast("tuple[object, object]", pair) if is_pair else (None, None)
    are_texts = isinstance(name, str) and isinstance(value, str)
    if not are_texts or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", str(name)):
        about = f", not {name}" if name else ""
        raise ValueError(f"must be pairs of key and value, both text{about}")
    key = str(name).lower()
    if re.fullmatch(_ENDPOINT, key) and not re.match(r"https?://[^/]", str(value)):
        raise ValueError(f"must have a URL as the value of {key} ({key}=https://HOST:PORT)")
    return key, str(value)


STORE_OPTIONS = StoreOptions()


class BucketPrefixes(Texts):
    """Addresses below which lists may name objects: `s3://bucket/`."""

    metavar = "URL"
    wanted = "the address of a bucket like s3://BUCKET/"

    def is_one(self, text: str) -> bool:
        """Whether this is one. Without a bucket (a variable is empty), it would allow all."""
        return is_bucket(text) and re.match(r"[^/?#@\s]", text.partition("://")[2]) is not None


BUCKET_PREFIXES = BucketPrefixes()
