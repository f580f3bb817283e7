"""Lists that are objects of a bucket, and objects that lists name (`--allow-store`).

An object that a list names is fetched as any URL: by one that the client of the bucket has signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from io import RawIOBase
from typing import Any

from pyfetch.errors import RunError, UsageError
from pyfetch.models import TargetError
from pyfetch.settings.store_kinds import not_allowed
from pyfetch.storage.objects.address import BucketAddress
from pyfetch.storage.objects.bucket_reading import BucketReader

_SIGNED_FOR = timedelta(days=7)
"""The longest time that servers of S3 allow."""


class BucketLists:
    """Opens lists in buckets, and signs URLs of objects that lists may name.

    `options`: those of `--store-option`; `allowed`: addresses below which lists may name objects.
    """

    def __init__(self, options: Iterable[tuple[str, str]], allowed: Iterable[str] = ()) -> None:
        self._options = tuple(options)
        self._allowed = tuple(prefix.rstrip("/") for prefix in allowed)
        self._buckets: dict[tuple[str, str], BucketReader] = {}

    def open(self, address: str) -> RawIOBase:
        """Open a list, to read it once. Raises `UsageError`."""
        bucket, key = self._found(address)
        bucket.reach(key)
        blocks = bucket.blocks(key)
        try:
            first = next(blocks, b"")
        except FileNotFoundError:
            raise UsageError(f"cannot read {address}: there is no such object") from None
        except TargetError as error:
            raise UsageError(error.detail) from None
        return _Blocks(first, blocks)

    def signed(self, address: str) -> str:
        """A URL by which an object can be fetched that a list names.

        Raises `ValueError`, whose text is a clause for people, if the list may not name it.
        """
        below = [one for one in self._allowed if address.startswith(f"{one}/")]
        if not below:
            raise ValueError(not_allowed(address))
        try:
            bucket, key = self._found(address)
            return bucket.signed(key, _SIGNED_FOR)
        except (RunError, TargetError) as error:
            raise ValueError(getattr(error, "detail", None) or str(error)) from None

    def _found(self, address: str) -> tuple[BucketReader, str]:
        whole = BucketAddress.of(address)
        if not whole.prefix:
            raise UsageError(f"{address} is a bucket, and no object in one")
        name = (whole.scheme, whole.bucket)
        if name not in self._buckets:
            self._buckets[name] = BucketReader(whole._replace(prefix=""), self._options)
        return self._buckets[name], whole.prefix


class _Blocks(RawIOBase):
    """An object as a stream of bytes, which is read as it comes."""

    def __init__(self, first: bytes, others: Iterator[bytes]) -> None:
        super().__init__()
        self._ahead = memoryview(first)
        self._others = others

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ahead:
            try:
                self._ahead = memoryview(next(self._others))
            except StopIteration:
                return 0
            except (TargetError, RunError) as error:
                raise UsageError(getattr(error, "detail", None) or str(error)) from None
        size = min(len(buffer), len(self._ahead))
        buffer[:size] = self._ahead[:size]
        self._ahead = self._ahead[size:]
        return size
