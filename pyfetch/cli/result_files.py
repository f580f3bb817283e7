"""Files about results: those of `--checksums`, `--failed-to`, `--report` and `--report-from`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyfetch.cli.output_options import OutputOptions
from pyfetch.errors import UsageError
from pyfetch.inputs import Sources
from pyfetch.models import Result
from pyfetch.output import Sink
from pyfetch.settings import Settings
from pyfetch.text import masked

if TYPE_CHECKING:  # loaded where such a file is wanted only
    from pyfetch.output.report.page import HtmlReport
    from pyfetch.output.result_files import AtomicFile


class ResultFiles:
    """The files that one run makes, as one sink. Raises `UsageError` where one cannot be made."""

    def __init__(
        self,
        options: OutputOptions,
        settings: Settings,
        sources: Sources,
        arguments: Sequence[str],
    ) -> None:
        """`arguments`: the sources as they are named, for the title of the page."""
        self._sources = sources
        self._open: list[AtomicFile] = []
        self._sinks: list[Sink] = []
        self._page: HtmlReport | None = None
        self._stack = ExitStack()
        checksums, failed_to, page = options.checksums, options.failed_to, options.report
        if checksums is not None and not settings.hash:
            raise UsageError("--checksums writes the sha256 of each file: leave --no-hash out")
        if checksums is not None and settings.pack:
            raise UsageError(
                "--checksums lists files: --pack-list lists members, with their sha256"
            )
        _check_list_stays(sources, checksums, page, settings.pack_list)
        named = [path for path in (checksums, failed_to, page) if path is not None]
        if not named:
            return
        from pyfetch.output.result_files import AtomicFile, Checksums, FailedLines

        places = [Path(path).resolve() for path in named]
        for path, place in zip(named, places, strict=True):
            if places.count(place) > 1:
                raise UsageError(f"{path} is named for two reports: each needs a file of its own")
        if not settings.discard and any(_is_below(place, settings.output_dir) for place in places):
            from pyfetch.storage.filesystem import prepare

            prepare(Path(settings.output_dir))  # else it would be made later
        with ExitStack() as opening:
            if checksums is not None:
                self._sinks.append(Checksums(self._opened(opening, AtomicFile(checksums))))
            if failed_to is not None:
                file = self._opened(opening, AtomicFile(failed_to, private=True))
                self._sinks.append(FailedLines(file, sources))
            if page is not None:
                from pyfetch.output.report.page import HtmlReport

                file = self._opened(opening, AtomicFile(page, private=True))
                title = f"pyfetch {' '.join(masked(one) for one in arguments[:5])}"
                self._page = HtmlReport(file, settings, title)
                self._sinks.append(self._page)
            self._stack = opening.pop_all()

    def _opened(self, stack: ExitStack, file: AtomicFile) -> AtomicFile:
        stack.enter_context(file)
        self._open.append(file)
        return file

    def show(self, result: Result) -> None:
        for sink in self._sinks:
            sink.show(result)

    def commit(self, *, whole: bool) -> None:
        """Let the files take their names. `whole`: whether the run came to its end.

        If it did not, one that would replace the run's own list does not: the list says
        more of what is still to be done.
        """
        if self._page:
            self._page.finish(interrupted=not whole)
        for file in self._open:
            if whole or not self._sources.has(file.final):
                file.commit()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """At the end, remove the files that were not committed."""
        with self._stack:
            yield


def write_report(results: str, files: Sequence[str]) -> int:
    """`--report-from`: write the page about `results`, in JSON Lines, to the one file named.

    Returns 0. Raises `UsageError` where results or page cannot be read or written.
    """
    if len(files) != 1 or files[0] == "-":
        raise UsageError(
            "--report-from needs one file to write: pyfetch --report-from results.jsonl report.html"
        )
    from pyfetch.output.report.page import page_of_lines
    from pyfetch.output.result_files import AtomicFile

    with AtomicFile(files[0], private=True) as page:
        try:
            with Path(results).open("rb") as lines:
                html = page_of_lines(lines, results)
        except OSError as error:
            raise UsageError(f"cannot read {results}: {error.strerror}") from error
        page.write(html.encode("utf-8", "replace"))
        page.commit()
    return 0


def _check_list_stays(sources: Sources, *paths: str | None) -> None:
    for path in paths:
        if path is not None and sources.has(Path(path).resolve()):
            raise UsageError(f"{path} is the list itself, which would be replaced")


def _is_below(place: Path, directory: str) -> bool:
    return place.parent == Path(directory).resolve()
