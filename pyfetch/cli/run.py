"""One run of the command: fetching, its display and its files, and how it ends."""

import io
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import click

from pyfetch.cli.display import Display
from pyfetch.cli.main import imports_done
from pyfetch.cli.output_options import OutputOptions, ProgressForm
from pyfetch.cli.parameters import ARGUMENTS
from pyfetch.cli.result_files import ResultFiles
from pyfetch.cli.signals import Interruption, ReaderWatch
from pyfetch.errors import RunError, StoppedError
from pyfetch.inputs import Sources
from pyfetch.inputs.columns import BY_NAME, Columns
from pyfetch.models import Result
from pyfetch.output.summary import Summary
from pyfetch.run import Run
from pyfetch.settings import InputFormat, Settings
from pyfetch.settings.store_kinds import is_bucket
from pyfetch.value import Value

if TYPE_CHECKING:  # loaded where they are needed only
    from pyfetch.cli.prune import Pruning
    from pyfetch.compute.task import Task
    from pyfetch.inputs.bucket_objects import ListsInBuckets

_FEW = 5
"""Results whose rows are in sight when the run ends, so that no failure is told twice."""
_BELOW = " " * 7


class SourceSpec(Value):
    """The SOURCE arguments, and how to read them."""

    arguments: tuple[str, ...]
    input_format: InputFormat = InputFormat.AUTO
    skip_duplicates: bool = False
    base: str | None = None
    """URL that relative ones of the list are resolved with."""
    columns: Columns = BY_NAME
    """Which column of the list has the URL, and which ones it must have."""
    out: str | None = None
    """Path of the file of the only URL, below the output directory."""
    store_option: tuple[tuple[str, str], ...] = ()
    allow_store: tuple[str, ...] = ()
    """Addresses below which lists may name objects of buckets."""

    def sources(self, *, keep_lines: bool = False) -> Sources:
        """Return their entries. Raises `UsageError`."""
        return Sources(
            self.arguments,
            keep_lines=keep_lines,
            input_format=self.input_format,
            skip_duplicates=self.skip_duplicates,
            base=self.base,
            columns=self.columns,
            out=self.out,
            buckets=self._buckets(),
        )

    def _buckets(self) -> "ListsInBuckets | None":
        if not (self.allow_store or any(map(is_bucket, self.arguments))):
            return None
        from pyfetch.storage.objects.bucket_lists import BucketLists

        return BucketLists(self.store_option, self.allow_store)


def run_command(
    spec: SourceSpec, settings: Settings, options: OutputOptions, task: "Task | None" = None
) -> int:
    """Fetch all that the sources list. Returns the exit status; raises `RunError`.

    `task`: what the settings want done with each file, if that was found already.
    """
    prepared = _CommandRun(spec, settings, options, task)
    imports_done()
    return prepared.execute()


class _CommandRun:
    """What takes part in one run. Raises `RunError` where the run cannot begin."""

    def __init__(
        self, spec: SourceSpec, settings: Settings, options: OutputOptions, task: "Task | None"
    ) -> None:
        self._settings = settings
        self._spec = spec
        self._options = options
        self._sources = spec.sources(keep_lines=options.failed_to is not None)
        self._pruning: Pruning | None = None  # noqa: F823 - no name is looked up
        if options.prune:
            from pyfetch.cli.prune import Pruning, check_list_is_whole

            check_list_is_whole(self._sources, options.failed_to)
            self._pruning = Pruning(settings, yes=options.yes)
        self._summary = Summary()
        self._out = sys.stdout or io.StringIO()  # a closed descriptor is None
        self._display = Display(options, self._out, sys.stderr or io.StringIO())
        with self._display.logging():
            self._run = Run(
                settings,
                ordered=options.ordered,
                watched=self._display.draws,
                owns_process=True,
                task=task,
            )
        self._reader = ReaderWatch(self._run.stop)
        self._files = ResultFiles(options, settings, self._sources, spec.arguments)

    def execute(self) -> int:
        """Fetch, show and report. Returns the exit status."""
        began = time.monotonic()
        with (
            Interruption(self._run.stop, self._display.give_the_cursor_back) as interruption,
            self._display.suspending(),
            self._files.closing(),
        ):
            error = self._fetch()
            if self._reader.gone:
                return self._reader.EXIT_STATUS
            if error:
                self._display.say(f"pyfetch: {error}")
            if self._summary.failed or not (self._options.quiet or error):
                self._say_summary(time.monotonic() - began, interrupted=bool(interruption.signal))
            within = self._summary.within(*self._options.allowed)
            failed = error.exit_status if error else int(not within)
        # Ctrl-C ends a question at once.
        if self._pruning:
            ended_well = not (error or interruption.signal)
            self._pruning.finish(self._display.say, self._options, ended_well=ended_well)
        return interruption.exit_status or failed

    def _fetch(self) -> RunError | None:
        """Run and let the files about results take their names; the first error, if any."""
        error: RunError | None = None
        try:
            if self._settings.insecure:
                self._display.warn("--insecure: certificates are not verified; anybody may answer")
            with self._display.watching(self._run, self._summary, self._fraction_read):
                if self._display.writes_out:
                    self._reader.watch(self._out)
                self._show_all()
        except RunError as caught:
            error = caught
        # A run that could not begin leaves older files as they are.
        if self._summary.finished or not error:
            try:
                self._files.commit(whole=not self._run.stopped)
            except RunError as caught:
                error = error or caught
        return error

    def _show_all(self) -> None:
        broken: OSError | None = None

        def unless_broken(show: Callable[..., None], *results: Result) -> None:
            nonlocal broken
            try:
                if not broken:
                    show(*results)
            except OSError as error:
                broken = error
                self._run.stop()  # what is in flight ends in order, and is in the files

        display = self._display
        pausing = partial(unless_broken, display.flush)
        pruning = self._pruning
        at_end = pruning.look if pruning else lambda _: None

        def finished(result: Result) -> None:
            self._summary.add(result)
            if result.failed:
                unless_broken(display.finished, result)

        results = self._run.results(
            self._sources, pausing=pausing, at_end=at_end, finished=finished
        )
        with closing(results):
            for result in results:
                if pruning:
                    pruning.show(result)
                self._files.show(result)
                unless_broken(display.show, result)
        unless_broken(display.flush)
        if isinstance(broken, BrokenPipeError):
            self._reader.gone = True
        elif broken:
            raise StoppedError(f"cannot write the results: {broken.strerror}") from broken

    def _fraction_read(self) -> float | None:
        return self._sources.fraction_read

    def _say_summary(self, seconds: float, *, interrupted: bool) -> None:
        if self._options.progress is ProgressForm.JSON:
            return  # the last line has said it
        summary, display = self._summary, self._display
        many = summary.finished > _FEW or not display.is_table
        if summary.failures.number and not self._options.quiet and many:
            self._say_failures()
        was_read = self._run.stopped and self._run.input_ended
        not_begun = max(0, self._run.read - summary.finished) if was_read else 0
        said = [summary.sentence(seconds, not_begun)]
        if self._sources.duplicates:
            said.append(f"{self._sources.duplicates} duplicates dropped")
        if summary.kept():
            said.append(summary.kept())
        if self._settings.in_bucket and self._settings.state:
            from pyfetch.storage.destination import home_of

            said.append(f"state in {home_of(self._settings)}")
        display.tell(f"pyfetch: {'stopped: ' * interrupted}{'; '.join(said)}", "  ")
        run = self._run
        for more in (run.workers_summary, run.hosts_summary, run.computing_summary):
            if more:
                display.tell(f"pyfetch: {more}", "  ")

    def _say_failures(self) -> None:
        """Tell what failed, at which hosts, and how to try it again."""
        from pyfetch.cli.again import command_again  # loaded where several have failed only

        failures, display = self._summary.failures, self._display
        display.say("pyfetch: failed:")
        for text in failures.told(display.short_url):
            display.tell(text, _BELOW)
        by_host = failures.by_host()
        if by_host:
            display.tell(f"  by host: {by_host}", _BELOW)
        context = click.get_current_context()
        arguments, parameters = context.meta[ARGUMENTS], context.command.params
        again = command_again(arguments, parameters, self._settings, self._options)
        why = f" ({again.why_whole})" if again.why_whole else ""
        display.tell(f"  to try them again{why}:", _BELOW)
        display.say(f"    {again.command}")  # in one line, which can be copied
