"""The command `pyfetch`: options → `Settings`, wiring, signals, exit status.

What a run needs is imported by the run: `--version` and `--help` answer without it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from pyfetch import __version__, cpu
from pyfetch.cli.parameters import (
    ALLOWANCE,
    CONTEXT,
    HEADER,
    PROCESSES,
    RATE,
    SECONDS,
    SECONDS_ABOVE_ZERO,
    SIZE,
    SIZE_ABOVE_ZERO,
    SPEED,
    WORKERS,
    GroupedCommand,
    group,
)
from pyfetch.errors import RunError
from pyfetch.settings import MOST_WORKERS, IfExists, InputFormat, Settings

if TYPE_CHECKING:
    pass

_SHOWN = ("format", "quiet", "verbose", "checksums", "failed_to")
"""Options that are about what is shown, by the names that they have there."""

_what = group("What and where")
_whom = group("Who is asked")
_how = group("How")
_show = group("What is shown")


@click.command(cls=GroupedCommand, context_settings=CONTEXT)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@_what(
    "-o", "--output-dir", metavar="DIR", default=".", help="Where files are saved; made if missing."
)
@_what("--discard", is_flag=True, help="Download and count every byte, keep no file.")
@_what(
    "--if-exists",
    type=click.Choice([str(choice) for choice in IfExists]),
    default="refresh",
    help="When the file is there: ask the server whether it changed, trust it, fetch it anew,"
    " keep both, or fail that URL.",
)
@_what(
    "--name",
    metavar="TEMPLATE",
    default="{name}",
    help="The path of each file below DIR, from {index} {scheme} {host} {dir} {name} {stem} {ext}"
    " {query} {hash}.",
)
@_what(
    "--content-disposition",
    is_flag=True,
    help="Take the name that the server gives, where it gives one.",
)
@_what(
    "--input-format",
    type=click.Choice([str(choice) for choice in InputFormat]),
    default="auto",
    help="How the list is written; auto: as its content and its name suggest.",
)
@_what("--skip-duplicates", is_flag=True, help="Drop URLs that the list has had before.")
@_what(
    "--plan",
    is_flag=True,
    help="Show what would be fetched to where, and ask no server.",
)
@_what(
    "--no-state",
    is_flag=True,
    help="Remember nothing of this run: a file is refreshed by its modification time alone.",
)
@_what(
    "--fsync", is_flag=True, help="Make file and directory durable before a name counts as done."
)
@_what(
    "--min-free",
    type=SIZE,
    metavar="SIZE",
    default=0,
    help="Stop before less than this is free on the disk.",
)
@_what(
    "--wait-lock",
    type=SECONDS,
    metavar="S",
    default=0.0,
    help="Longest wait for another run in the same directory, in seconds.",
)
@_what(
    "--max-size",
    type=SIZE,
    metavar="SIZE",
    help="Refuse larger bodies (10M, 1.5GiB), by header or by count.",
)
@_what(
    "--min-size",
    type=SIZE,
    metavar="SIZE",
    default=0,
    help="Refuse smaller bodies.",
)
@_what(
    "--expect-type",
    metavar="TYPE",
    multiple=True,
    help="Refuse bodies of other media types (image/*); may be repeated.",
)
@_whom(
    "-H",
    "--header",
    type=HEADER,
    metavar="'K: V'",
    multiple=True,
    help="Add this to each request; may be repeated.",
)
@_whom("--cookies", metavar="FILE", help="Send the cookies in this file (Netscape's format).")
@_whom("--netrc-file", metavar="FILE", help="Where users and passwords are; else ~/.netrc.")
@_whom("--no-netrc", is_flag=True, help="Take none from there.")
@_whom(
    "--proxy",
    metavar="URL",
    help="The proxy for all requests, but for those of no_proxy; else the environment's.",
)
@_whom("--cacert", metavar="FILE", help="Trust these authorities, in place of the system's.")
@_whom("--cert", metavar="FILE", help="Show this certificate to servers that want one.")
@_whom("--key", metavar="FILE", help="Its key, where that is in a file of its own.")
@_whom("--insecure", is_flag=True, help="Do not verify certificates.")
@_whom(
    "--max-redirects",
    type=click.IntRange(0, 1000),
    metavar="N",
    default=10,
    help="Redirects that are followed, at most.",
)
@_whom("--no-downgrade", is_flag=True, help="Follow no redirect from https to http.")
@_whom(
    "--public-only",
    is_flag=True,
    help="Connect to public addresses only: for lists from strangers.",
)
@_how(
    "-w",
    "--workers",
    type=WORKERS,
    metavar="N|auto",
    default=8,
    help="Transfers at once; auto finds out how many bring the most.",
)
@_how(
    "--processes",
    type=PROCESSES,
    metavar="N|auto",
    default=1,
    help="Processes that share the workers, for many small files; auto: one a CPU.",
)
@_how(
    "--max-workers",
    type=click.IntRange(1, MOST_WORKERS),
    metavar="N",
    default=128,
    help="The most that auto may come to.",
)
@_how(
    "--per-host",
    type=click.IntRange(1, MOST_WORKERS),
    metavar="N",
    help="Transfers at once to one host; the others go ahead meanwhile.",
)
@_how(
    "--rate",
    type=RATE,
    metavar="RATE",
    help="Requests to one host, at most: 5/s, 100/min or 1000/h.",
)
@_how("--rate-total", is_flag=True, help="The rate is for all hosts together.")
@_how(
    "--limit-rate",
    type=SIZE_ABOVE_ZERO,
    metavar="SIZE",
    help="Bytes in a second over all transfers, at most.",
)
@_how(
    "--timeout",
    type=SECONDS_ABOVE_ZERO,
    metavar="S",
    default=30.0,
    help="Longest silence on a connection, in seconds.",
)
@_how(
    "--connect-timeout",
    type=SECONDS_ABOVE_ZERO,
    metavar="S",
    default=10.0,
    help="Longest wait for a connection, in seconds.",
)
@_how(
    "--min-speed",
    type=SPEED,
    metavar="SPEED",
    help="Give up a try that brings less than this for 30 seconds (10K/s).",
)
@_how(
    "--max-time",
    type=SECONDS_ABOVE_ZERO,
    metavar="S",
    help="Longest time for one URL, all tries together, in seconds.",
)
@_how(
    "--retries",
    type=click.IntRange(0, 1_000_000),
    metavar="N",
    default=3,
    help="More tries after a failure that may pass.",
)
@_how(
    "--retry-wait",
    type=SECONDS,
    metavar="S",
    default=1.0,
    help="Longest wait before the second try, in seconds; doubles with each further one.",
)
@_how(
    "--max-wait",
    type=SECONDS,
    metavar="S",
    default=600.0,
    help="Longest time that a host may make us wait, in seconds.",
)
@_how("--fail-fast", is_flag=True, help="Stop at the first failure that stays.")
@_how(
    "--allow-failures",
    type=ALLOWANCE,
    metavar="N|P%",
    help="Exit status 0 while no more than so many fail.",
)
@_show(
    "--format",
    type=click.Choice(["table", "tsv", "jsonl"]),
    default=None,
    show_default="table on a terminal, else tsv",
    help="How results are shown on standard output.",
)
@_show("--unordered", is_flag=True, help="Show results as they finish, not in input order.")
@_show(
    "--checksums",
    metavar="FILE",
    help="Write a line for each file there, as sha256sum -c reads them.",
)
@_show(
    "--failed-to",
    metavar="FILE",
    help="Write the input lines that failed, as they were, for another run to try.",
)
@_show(
    "-q",
    "--quiet",
    is_flag=True,
    help="Only failures, on standard error. Results too if --format is given.",
)
@_show(
    "-v",
    "--verbose",
    count=True,
    show_default=False,
    help="Say more on standard error: each retry; twice: all.",
)
@click.version_option(
    __version__,
    "-V",
    "--version",
    message="%(prog)s %(version)s",
    allow_from_autoenv=False,
)
def command(sources: tuple[str, ...], **options: Any) -> None:
    """Fetch many URLs at once and show what became of each, in the order given.

    A SOURCE is a file with a URL a line, - for standard input, or a URL. With none,
    standard input is read. Files are saved in --output-dir, whole or not at all.

    Exit status: 0 all came, 1 some failed, 2 wrong usage, 3 the run had to stop.
    """
    if not sources:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError(
                "no URLs: name a file of them (pyfetch urls.txt), give some"
                " (pyfetch https://…), or pipe them in (… | pyfetch)"
            )
        sources = ("-",)
    if "-" in sources and sys.stdin is None:
        raise click.UsageError("standard input is closed")
    if options["fail_fast"] and options["allow_failures"]:
        raise click.UsageError("--fail-fast stops where --allow-failures would go on: choose one")
    shown: dict[str, Any] = {
        "ordered": not options.pop("unordered"),
        "allowed": options.pop("allow_failures") or (0, 0),
        **{name: options.pop(name) for name in _SHOWN},
    }
    input_format = InputFormat(options.pop("input_format"))
    skip_duplicates = options.pop("skip_duplicates")
    planned = options.pop("plan")
    settings = Settings(
        headers=options.pop("header"),
        state=not options.pop("no_state"),
        netrc=not options.pop("no_netrc"),
        **options,
    )
    if settings.process_number == 1:
        # First what imports most, while the stack is low: where CPython 3.11 has to add a piece
        # to it for a call, it does so for each call from there, thousands of times in a regex.
        import pyfetch.http.client  # noqa: F401
    from pyfetch.cli.display import Show
    from pyfetch.cli.run import Listed, leave, run

    # What was imported stays; from here on there is garbage.
    gc.freeze()
    gc.enable()
    show = Show(**shown)
    listed = Listed(sources, input_format, skip_duplicates=skip_duplicates)
    if planned:
        from pyfetch.cli.dry_run import plan

        leave(plan(listed, settings, show))
    if settings.process_number == 1:
        cpu.pin(os.getpid())
    leave(run(listed, settings, show))


def main() -> None:
    """Run the command and exit with its status."""
    # Until a run has its own handlers, Ctrl-C just ends the process, without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a terminal or locale has no character for is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    try:
        command(prog_name="pyfetch", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except RunError as error:
        click.echo(f"pyfetch: {error}", err=True)
        sys.exit(error.exit_status)
