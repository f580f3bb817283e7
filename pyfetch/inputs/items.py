"""The items of any iterable become entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyfetch.inputs.formats.json_lines import record_from_object
from pyfetch.inputs.targets import entry
from pyfetch.models import Entry, Failure, failed_result


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
