"""The batch downloader for Python programs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
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

    `urls` may be any iterable, even an endless generator, of URLs or of mappings with the keys of
    a JSON Lines list (`url`, `mirrors`, `out`, `sha256`, …). Another thread reads it, at most some
    thousand URLs ahead of the results. `settings` are the fields of `pyfetch.settings.Settings`;
    with `discard=True` no file is kept. If a URL fails, its result has an `error`; there is no
    exception.

    Leaving the loop early stops the work, even if the results are still referred to. To take some
    results and go on later, call `next` instead of starting a second loop.

    Raises `UsageError`, a `RunError` and `ValueError`, at once for settings that make no sense;
    and in the loop, `RunError` if the output directory cannot be written. Whatever `urls` raises,
    even `SystemExit`, is raised after the results of the URLs before.
    """
    if isinstance(urls, str | bytes):
        raise UsageError("urls is one text: put it in a list")
    batch = Batch(settings_from(settings), ordered=ordered)
    return _Results(batch.results(entries_from_items(urls)))


class _Results(Iterator[Result]):
    """The results of a run. A loop gets a generator, which Python closes if the loop is left."""

    def __init__(self, results: Generator[Result, None, None]) -> None:
        self._results = results

    def __iter__(self) -> Iterator[Result]:
        yield from self._results

    def __next__(self) -> Result:
        return next(self._results)

    def close(self) -> None:
        """Stop the work."""
        self._results.close()


def entries_from_items(items: Iterable[str | Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield an entry for each URL, or mapping with the keys of a JSON Lines object."""
    for index, item in enumerate(items, 1):
        where = f"item {index}"
        if isinstance(item, str):
            yield entry(index, record_from_object({"url": item.strip()}), where)
        elif isinstance(item, Mapping):
            yield entry(index, record_from_object(item), where)
        else:
            detail = f"{where}: no URL but a value of type {type(item).__name__}"
            yield failed_result(index, repr(item)[:200], Failure.INVALID_URL, detail)
