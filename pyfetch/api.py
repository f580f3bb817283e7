"""The batch downloader for Python programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyfetch.batch import Batch
from pyfetch.errors import UsageError
from pyfetch.inputs.formats.json_lines import record_from_object
from pyfetch.inputs.targets import entry
from pyfetch.models import Entry, Failure, Result, failed_result
from pyfetch.settings import settings_from


def fetch_all(
    urls: Iterable[str | Mapping[str, Any]], *, ordered: bool = True, **settings: Any
) -> Iterator[Result]:
    """Fetch many URLs at once; results come lazily, in the order of the URLs.

        for result in fetch_all(urls, workers=8, output_dir="data"):
            print(result.status, result.size, result.url)

    `urls` may be any iterable, a generator without end included, of URLs or of mappings with
    the keys of a JSON Lines list (`url`, `mirrors`, `out`, `sha256`, …); a thread of its own
    reads it, some thousand URLs ahead of the results at most. `settings` are the fields of
    `pyfetch.settings.Settings`; with `discard=True` no file is kept. A URL that fails is a
    result with an `error`, not an exception. Leaving the loop early stops the work.

    Raises `RunError`: at once for settings that make no sense (those are a `ValueError`
    too), in the loop when the output directory cannot be written. What `urls` raises is
    raised after the results of what it gave before.
    """
    if isinstance(urls, str | bytes):
        raise UsageError("urls is one text: put it in a list")
    batch = Batch(settings_from(settings), ordered=ordered)
    return batch.results(entries_from_items(urls))


def entries_from_items(items: Iterable[str | Mapping[str, Any]]) -> Iterator[Entry]:
    """Entries from an iterable of URLs and of mappings with the keys of a JSON Lines object."""
    for index, item in enumerate(items, 1):
        where = f"item {index}"
        if isinstance(item, str):
            yield entry(index, record_from_object({"url": item.strip()}), where)
        elif isinstance(item, Mapping):
            yield entry(index, record_from_object(item), where)
        else:
            detail = f"{where}: no URL but a value of type {type(item).__name__}"
            yield failed_result(index, repr(item)[:200], Failure.INVALID_URL, detail)
