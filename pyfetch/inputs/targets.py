"""Records become entries: targets, or at once failed results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyfetch.inputs.formats.json_lines import record_from_object
from pyfetch.inputs.record import BadRecord, Record
from pyfetch.inputs.urls import checked_origin, shown_of
from pyfetch.models import Entry, Failure, Target, TargetError, failed_result


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
