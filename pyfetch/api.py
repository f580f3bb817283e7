"""The batch downloader for Python programs: `fetch_all`, `Batch` and `fetch`."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pyfetch.errors import UsageError
from pyfetch.inputs.formats.json_lines import record_from_object
from pyfetch.inputs.record import BadRecord, Record
from pyfetch.inputs.targets import entry
from pyfetch.models import Entry, Failure, Result, failed_result
from pyfetch.progress import Progress, Ticker, Watch
from pyfetch.run import Run
from pyfetch.settings import Settings
from pyfetch.settings.keywords import settings_from

if TYPE_CHECKING:
    from typing import Unpack

    from pyfetch.settings.keywords import SettingKeywords

Signed = Callable[[Record | BadRecord], Record | BadRecord]
Item = str | Mapping[str, Any]
"""A URL, or a mapping with the keys of a JSON Lines list: `url`, `mirrors`, `out`, `sha256`, …"""


def fetch_all(
    urls: Iterable[Item],
    *,
    ordered: bool = True,
    on_result: Callable[[Result], object] | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    progress: bool = False,
    **settings: Unpack[SettingKeywords],
) -> Iterator[Result]:
    """Fetch many URLs at once; results come lazily, in the order of the URLs.

        for result in fetch_all(urls, workers=8, output_dir="data"):
            print(result.status, result.size, result.url)

    `urls` may be any iterable, even an endless generator, of URLs or of mappings with the keys of
    a JSON Lines list (`url`, `mirrors`, `out`, `sha256`, …). Another thread reads it, at most some
    thousand URLs ahead of the results. `settings` are the fields of `pyfetch.Settings`;
    with `discard=True` no file is kept, and `progress=True` shows a bar in a terminal (on standard
    error) or in a notebook. If a URL fails, its result has an `error`; there is no
    exception.

    `then=function` calls `function(path, result)` for each file, in `cpus` other processes; what
    it returns is the result's `value`. Results come when that is done, and in the same order.

    Nothing is fetched before the first result is asked for. Leaving the loop early stops the
    work, even if the results are still referred to. To take some results and go on later, call
    `next` instead of starting a second loop, or use a `Batch`.

    Raises `UsageError`, a `RunError` and `ValueError`, at once for settings that make no sense;
    and in the loop, `RunError` if the output directory cannot be written. Whatever `urls` raises,
    even `SystemExit`, is raised after the results of the URLs before.
    """
    batch = Batch(
        urls,
        ordered=ordered,
        on_result=on_result,
        on_progress=on_progress,
        progress=progress,
        **settings,
    )
    return _Results(batch)


def fetch(url: Item, **settings: Unpack[SettingKeywords]) -> Result:
    """Fetch one URL and return what became of it. Raises `RunError` as `fetch_all` does.

    print(fetch("https://example.org/", output_dir="data").path)
    """
    with Batch([url], **settings) as batch:
        return next(batch)


class Batch(Iterator[Result]):
    """The URLs of a run, its results, and what to do about it while it is at work.

        with Batch(urls, workers=8) as batch:
            for result in batch:
                if result.status == 403:
                    batch.stop()

    Arguments and errors are those of `fetch_all`. A loop that is left may be followed by
    another one, which goes on; the end of the `with` block ends the work. Results are to be taken
    by one thread at a time.

    `on_result` is called with each result, in the thread that takes it, before that gets it.
    `on_progress` is called four times a second by a thread of its own, and once at the end.
    """

    def __init__(
        self,
        urls: Iterable[Item],
        *,
        ordered: bool = True,
        on_result: Callable[[Result], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        progress: bool = False,
        **settings: Unpack[SettingKeywords],
    ) -> None:
        if isinstance(urls, str | bytes):
            raise UsageError("urls is one text: put it in a list")
        self._on_result = on_result
        run_settings = _settings(dict(settings))
        self._run = Run(run_settings, ordered=ordered)
        self._watch = Watch(self._run)
        self._on_progress = on_progress
        self._draws = progress
        self._is_asked = False
        self._results = self._taken(entries_from_items(urls, _signing(run_settings)))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Result:
        self._is_asked = True
        return next(self._results)

    @property
    def progress(self) -> Progress:
        """How far the batch is; for any thread."""
        return self._watch.look()

    def stop(self) -> None:
        """Start nothing more and end what is in flight, from any thread or a signal handler.

        The results that there are still come, and those of transfers that this has ended:
        `cancelled`.
        """
        self._run.stop()

    def close(self) -> None:
        """End the work; there are no more results."""
        self._is_asked = True
        self._results.close()

    async def aresults(self) -> AsyncGenerator[Result, None]:
        """Yield the results to a coroutine, under asyncio or trio.

            async for result in Batch(urls, workers=8).aresults():
                print(result.status, result.size, result.url)

        The event loop is not held up: a thread does the work. Leaving the loop or cancelling
        the task stops it; its threads end within two seconds.
        """
        from pyfetch.asynchronous import iterated_by_thread  # loads asyncio

        self._is_asked = True
        results = iterated_by_thread(self._results, self.stop)
        try:
            async for result in results:
                yield result
        finally:
            await results.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_is_asked", True):
            warnings.warn(
                "nothing was fetched, as nobody asked for the results: iterate them",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )

    def _taken(self, entries: Iterable[Entry]) -> Generator[Result, None, None]:
        with closing(self._run.results(entries)) as results, self._shown():
            for result in results:
                if self._on_result:
                    self._on_result(result)
                yield result

    @contextmanager
    def _shown(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self._on_progress:
                stack.enter_context(Ticker(self._watch, self._on_progress))
            if self._draws:
                from pyfetch.output.screen.program_bar import program_bar  # loads rich

                bar = stack.enter_context(closing(program_bar()))
                stack.enter_context(Ticker(self._watch, bar.show))
            yield


def _settings(said: dict[str, Any]) -> Settings:
    if said.get("session") is not None:
        from pyfetch.http.prepared_session import arguments_with_session

        said = arguments_with_session(said)
    said.pop("session", None)
    return settings_from(said)


def _signing(settings: Settings) -> Signed | None:
    if not settings.allow_store:
        return None
    from pyfetch.inputs.bucket_objects import with_signed_urls
    from pyfetch.storage.objects.bucket_lists import BucketLists

    buckets = BucketLists(settings.store_option, settings.allow_store)
    return partial(with_signed_urls, buckets=buckets)


class _Results(Iterator[Result]):
    """The results of a batch. A loop gets a generator, which Python closes if the loop is left."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def __iter__(self) -> Iterator[Result]:
        with closing(self._batch):
            yield from self._batch

    def __next__(self) -> Result:
        return next(self._batch)

    def close(self) -> None:
        """Stop the work."""
        self._batch.close()


def entries_from_items(items: Iterable[Item], signed: Signed | None = None) -> Iterator[Entry]:
    """Yield an entry for each URL, or mapping with the keys of a JSON Lines object.

    `signed`: signs URLs of objects that they may name; None: they may name none.
    """
    for index, item in enumerate(items, 1):
        where = f"item {index}"
        if not isinstance(item, str | Mapping):
            detail = f"{where}: no URL but a value of type {type(item).__name__}"
            yield failed_result(index, repr(item)[:200], Failure.INVALID_URL, detail)
            continue
        said = {"url": item.strip()} if isinstance(item, str) else item
        record = record_from_object(said)
        yield entry(index, signed(record) if signed else record, where)
