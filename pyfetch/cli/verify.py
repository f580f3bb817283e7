"""`--verify`: compare the files in an output directory with the state and lists of checksums."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TextIO

from pyfetch.checksum import parse_checksum
from pyfetch.cli.main import imports_done
from pyfetch.cli.output_options import OutputOptions
from pyfetch.cli.signals import Interruption, ReaderWatch
from pyfetch.errors import StoppedError, UsageError
from pyfetch.inputs import is_url
from pyfetch.inputs.formats.checksums import parse_checksum_line
from pyfetch.inputs.stream import numbered_lines
from pyfetch.output.pipelines import is_shown_on
from pyfetch.output.terminals import can_draw, same_terminal
from pyfetch.output.verification import (
    VerificationSink,
    VerifiedCounts,
    VerifiedFailures,
    VerifiedJsonLines,
    VerifiedTsv,
)
from pyfetch.settings import Settings
from pyfetch.storage.destination import existing_home, home_of, reach_bucket
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.filesystem import OWN_DIRECTORY, is_there
from pyfetch.storage.state import STATE_FILE, State
from pyfetch.storage.verification import Verification, check_nobody_is_at_work
from pyfetch.text import escaped, masked

LIST = "SHA256SUMS"
"""A list of checksums in the output directory itself, which is used unasked."""
_BLOCK = 64 * 1024


def show_verification(settings: Settings, options: OutputOptions, sources: Sequence[str]) -> int:
    """Show what is as it was fetched and what is not. Returns the exit status.

    `sources` are lists of checksums. Raises `RunError`.
    """
    imports_done()
    with _verification(settings) as verification:
        _expect(verification, settings, sources)
        began = time.monotonic()
        with Interruption(verification.stop) as interruption:
            counts = _show(verification, options)
        if counts is None:
            return ReaderWatch.EXIT_STATUS
        failed = counts.failed
        if sys.stderr and (failed or not options.quiet):
            sentence = counts.sentence(verification.read, time.monotonic() - began)
            interrupted = "interrupted: " if interruption.signal else ""
            sys.stderr.write(f"pyfetch: {interrupted}{sentence}\n")
        return interruption.exit_status or int(failed)


def _verification(settings: Settings) -> Verification:
    home = existing_home(settings, f"there is nothing to compare in {settings.output_dir}")
    if settings.pack:
        from pyfetch.storage.packs.pack_store import PackStore
        from pyfetch.storage.packs.pack_verification import PackVerification

        packs = PackStore.of(settings, OutputDirectory(home))
        reach_bucket(settings, packs)
        return PackVerification(packs)
    if not settings.in_bucket:
        return Verification(home)
    from pyfetch.storage.objects.object_store import ObjectStore
    from pyfetch.storage.objects.object_verification import ObjectVerification

    objects = ObjectStore.of(settings, OutputDirectory(home))
    reach_bucket(settings, objects)
    return ObjectVerification(objects)


def _expect(verification: Verification, settings: Settings, sources: Sequence[str]) -> None:
    output_dir = home_of(settings)
    for source in sources:
        if is_url(source):
            raise UsageError("--verify asks no server: a SOURCE is a file like SHA256SUMS here")
    try:
        check_nobody_is_at_work(verification.directory)
    except OSError as error:
        raise UsageError(f"cannot read {output_dir}: {error.strerror}") from error
    state_file = output_dir / OWN_DIRECTORY / STATE_FILE
    lists = [Path(source) for source in sources]
    if is_there(os.fspath(output_dir / LIST)):
        lists.append(output_dir / LIST)
    knows = settings.state and is_there(os.fspath(state_file))
    if not (knows or lists):
        raise UsageError(
            f"there is nothing to compare in {output_dir}: it has neither a state of pyfetch's"
            f" nor {LIST} (name such a list as SOURCE)"
        )
    if knows:
        with closing(State.copy_of(state_file)) as state:
            verification.expected.add_state(state)
            _check_packs(verification, settings, state)
    for file in lists:
        _expect_list(verification, file)
    verification.look_around()


def _check_packs(verification: Verification, settings: Settings, state: State) -> None:
    """Raise `UsageError` where `--pack` does not say which packs the state knows."""
    packs = (row.member.pack for row in state.packed().unordered())
    suffix = verification.packs
    if suffix is None and next(packs, None):
        raise UsageError(f"{settings.output_dir} has packs: say with --pack of which format")
    if suffix is not None and not any(pack.endswith(suffix) for pack in packs):
        raise UsageError(f"{settings.output_dir} has no packs of the format {settings.pack}")


def _expect_list(verification: Verification, file: Path) -> None:
    """Expect what a list of checksums says. Raises `UsageError` for one that cannot be used."""
    before = os.fsencode(verification.final(""))
    try:
        with file.open("rb", buffering=0) as stream:
            verification.expected.add_list(os.fstat(stream.fileno()))
            for line in numbered_lines(iter(lambda: stream.read(_BLOCK) or b"", b"")):
                if line.content.startswith(b"#") or not line.content.strip():
                    continue
                said = None if line.too_long else parse_checksum_line(line.content)
                if said is None or not said.algorithm:
                    raise UsageError(
                        f"cannot use {file}: line {line.number} has no checksum and name, as"
                        " sha256sum writes them (--verify takes lists of checksums, and none of"
                        " URLs)"
                    )
                checksum = parse_checksum(said.algorithm, said.digest)
                # `--checksums` writes paths that begin with the output directory.
                # An address is no path: there, two slashes are two slashes.
                name = said.name if b"://" in before else os.path.normpath(said.name)
                name = name.removeprefix(before)
                verification.expected.add_checksum(name, checksum)
    except UsageError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {file}: {reason}") from error


def _show(verification: Verification, options: OutputOptions) -> VerifiedCounts | None:
    """Show all results. Returns how many there are of each kind; None: nobody reads them."""
    out, err = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    counts = VerifiedCounts()
    sinks, watching = _sinks(verification, options, out, err)
    try:
        with watching:
            for found in verification.results(out.flush):
                for sink in (counts, *sinks):
                    sink.show(found)
        out.flush()
    except BrokenPipeError:
        return None
    except OSError as error:
        raise StoppedError(f"cannot write the results: {error.strerror}") from error
    return counts


def _sinks(
    verification: Verification, options: OutputOptions, out: TextIO, err: TextIO
) -> tuple[list[VerificationSink], AbstractContextManager[object]]:
    chosen = options.format or ("table" if out.isatty() else "tsv")
    together = same_terminal(out, err)
    shows = bool(options.format) or not options.quiet
    is_table = shows and chosen == "table"
    draws = can_draw(err) and not options.quiet and not (together and chosen != "table")
    sinks: list[VerificationSink] = []
    watching: AbstractContextManager[object] = nullcontext()
    if options.quiet:
        sinks.append(VerifiedFailures(lambda line: _say(err, line)))
    if shows and not is_table:
        sinks.append(VerifiedTsv(out) if chosen == "tsv" else VerifiedJsonLines(out))
    if is_table or draws:
        from pyfetch.output.screen.verification import (
            RoomForOthers,
            VerificationScreen,
        )  # loads rich

        screen = VerificationScreen(out, out if together else err)
        sinks += [screen] if is_table else []
        if draws:
            watching = bar = screen.watching(verification)
            if sinks and is_shown_on(err, out):
                sinks.insert(0, RoomForOthers(bar))
    return sinks, watching


def _say(err: TextIO, line: str) -> None:
    err.write(f"{masked(escaped(line))}\n")
