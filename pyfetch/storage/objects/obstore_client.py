"""The client of one bucket: `obstore`, with the options of a run, and its errors as ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from pyfetch.errors import ErrorTranslation, StoppedError, UsageError
from pyfetch.models import Failure, TargetError
from pyfetch.storage.objects.address import BucketAddress
from pyfetch.storage.objects.bucket_errors import ConditionFailed, meaning_of
from pyfetch.storage.objects.credentials import completed

if TYPE_CHECKING:
    from obstore.store import ObjectStore as ObstoreClient


def _retries(longest_wait: float, base: float, until: float) -> dict[str, Any]:
    """`longest_wait`: between two tries, each `base` times the one before; all in seconds."""
    first, longest = timedelta(seconds=0.2), timedelta(seconds=longest_wait)
    backoff = {"init_backoff": first, "max_backoff": longest, "base": base}
    return {
        "backoff": backoff, "max_retries": 100, "retry_timeout": timedelta(seconds=until),
    }  # fmt: skip


_RETRIES = _retries(longest_wait=10, base=3, until=60)
_FIRST_RETRIES = _retries(longest_wait=1, base=2, until=3)
_NO_RETRIES = {"max_retries": 0, "retry_timeout": timedelta(seconds=5)}
_OF_CLIENT = frozenset({
    "allow_http", "allow_invalid_certificates", "connect_timeout", "pool_idle_timeout",
    "pool_max_idle_per_host", "proxy_url", "proxy_ca_certificate", "proxy_excludes",
    "randomize_addresses", "read_timeout", "root_certificate", "timeout", "user_agent",
})  # fmt: skip
_FOR_URLS = re.compile(r"[!-~]+")
_MISSING = (
    "buckets need the package obstore, which is not installed (pip install 'pyfetch-batch[cloud]')"
)


class Patience(Enum):
    """How long a request is tried."""

    MINUTE = "a minute"
    SECONDS = "a few seconds, at most ten where nothing answers"
    ONCE = "once, for five seconds"


def client_of(
    address: BucketAddress, options: Mapping[str, str], patience: Patience
) -> tuple[Any, ObstoreClient]:
    """The module `obstore` and its client of a bucket.

    `options`: those of `--store-option`. Raises `UsageError` for an option that is not known.
    """
    try:
        import obstore
        from obstore.exceptions import BaseError
    except ImportError as error:
        raise UsageError(_MISSING) from error
    try:
        return obstore, _client(address, options, patience)
    except (BaseError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        for value in filter(None, options.values()):  # any of them may be a secret
            first = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "***", first)
        raise UsageError(f"cannot use {address} as --store-option says: {first}") from None


def _client(
    address: BucketAddress, options: Mapping[str, str], patience: Patience
) -> ObstoreClient:
    from obstore.store import MemoryStore, from_url

    if address.scheme == "memory":
        return MemoryStore()
    config = {key: value for key, value in options.items() if key not in _OF_CLIENT}
    client: dict[str, Any] = {key: value for key, value in options.items() if key in _OF_CLIENT}
    config = completed(address.scheme, config)
    retries = _RETRIES
    if patience is Patience.SECONDS:
        retries = _FIRST_RETRIES
        client.setdefault("timeout", "10s")
    elif patience is Patience.ONCE:
        retries = _NO_RETRIES
        client["timeout"] = "5s"
    for key, value in config.items():
        if key.endswith(("region", "endpoint")) and not _FOR_URLS.fullmatch(str(value)):
            raise ValueError(f"no URL can have what {key} says")
    if any("endpoint" in key and value.startswith("http:") for key, value in config.items()):
        client.setdefault("allow_http", "true")  # the user has named such a server
    if address.scheme == "s3":
        config.setdefault("checksum_algorithm", "SHA256")
    return from_url(
        address.root, config=cast("Any", config), client_options=cast("Any", client),
        retry_config=cast("Any", retries),
    )  # fmt: skip


class ErrorsOf(ErrorTranslation):
    """Turns an error of `obstore` into one of ours, which says which object it is about."""

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
        if (
            type(error).__name__ == "PanicException"
        ):  # a fault of `obstore`, which has no base class
            return StoppedError(f"cannot use {self._address}: {text} (check --store-option)")
        if not isinstance(error, exceptions.BaseError | OSError | ValueError):
            return None
        return meaning_of(self._shown, text, writes=self._writes, is_denied=_is_denied(error))


def _is_denied(error: BaseException) -> bool:
    from obstore import exceptions

    return isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError)
