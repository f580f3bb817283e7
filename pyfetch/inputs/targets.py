"""Records become entries: targets, or at once failed results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyfetch.checksum import demanded_by
from pyfetch.inputs.formats.json_lines import record_from_object
from pyfetch.inputs.formats.plain import shown_of
from pyfetch.inputs.record import BadRecord, Record
from pyfetch.models import Entry, Failure, Target, TargetError, failed_result
from pyfetch.pattern import pattern
from pyfetch.urls import DEFAULT_PORTS, origin_of

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(?:[/?#]|$))")
_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_NOT_IN_A_URL = pattern(r"[\x00-\x20\\\x7f-\xa0\u2028\u2029\ud800-\udfff]")


def is_url(argument: str) -> bool:
    """Whether a command-line argument is a URL, not the name of a file of URLs."""
    scheme = _SCHEME.match(argument)
    return scheme is not None and argument.startswith("//", scheme.end())


def checked_origin(url: str) -> str:
    """The origin of a URL. Raises `TargetError` if it is none that can be fetched."""
    bad = None if _PLAIN.fullmatch(url) else _NOT_IN_A_URL.search(url)
    if bad:
        raise TargetError(
            Failure.INVALID_URL, f"no URL: {bad.group()!r} must be percent-encoded in one"
        )
    scheme = _SCHEME.match(url)
    if not scheme:
        raise TargetError(Failure.INVALID_URL, "no URL: it does not begin with https:// or http://")
    name = scheme.group(1).lower()
    if name not in DEFAULT_PORTS:
        raise TargetError(Failure.UNSUPPORTED_SCHEME, f"{name} is neither http nor https")
    try:
        origin = origin_of(url)  # first: what it raises shows nothing of the URL
        demanded_by(url)
        return origin
    except ValueError as error:
        raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from None


def entry(index: int, record: Record | BadRecord, where: str) -> Entry:
    """What a record becomes. `where` says in a failure's detail where it stood."""
    if isinstance(record, BadRecord):
        detail = f"{where}: {record.detail}"
        return failed_result(index, record.url, Failure.INVALID_URL, detail, record.input)
    url, *mirrors = record.urls
    what = where
    try:
        origin = checked_origin(url)
        for number, mirror in enumerate(mirrors, 1):
            what = f"{where}, mirror {number}"
            checked_origin(mirror)
    except TargetError as error:
        shown = shown_of(url, " ".join(mirrors))  # a space may have made mirrors of a password
        return failed_result(index, shown, error.failure, f"{what}: {error.detail}", record.input)
    return Target(
        index,
        url,
        origin,
        checksum=record.checksum,
        size=record.size,
        mirrors=tuple(mirrors),
        headers=record.headers,
        out=record.out,
        input=record.input,
    )


def entries_from_items(items: Iterable[str | Mapping[str, Any]]) -> Iterator[Entry]:
    """Entries from an iterable, each item one: a URL, or the keys of a JSON Lines object."""
    for index, item in enumerate(items, 1):
        where = f"item {index}"
        if isinstance(item, str):
            yield entry(index, record_from_object({"url": item.strip()}), where)
        elif isinstance(item, Mapping):
            yield entry(index, record_from_object(item), where)
        else:
            detail = f"{where}: no URL but a value of type {type(item).__name__}"
            yield failed_result(index, repr(item)[:200], Failure.INVALID_URL, detail)
