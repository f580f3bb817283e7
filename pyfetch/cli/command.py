"""The command `pyfetch`: from its arguments to a run, or to a plan of one.

What a run needs is imported by the run: `--version` and `--help` answer without it.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from pyfetch import __version__
from pyfetch.cli.parameters import CONTEXT, OPTIONS, GroupedCommand, settings_from_options
from pyfetch.settings import InputFormat


@click.command(cls=GroupedCommand, context_settings=CONTEXT, params=[*OPTIONS])
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.version_option(
    __version__, "-V", "--version", message="%(prog)s %(version)s", allow_from_autoenv=False
)
def command(sources: tuple[str, ...], **options: Any) -> int:
    """Fetch many URLs at once and show what became of each, in the order given.

    A SOURCE is a file with a URL a line, - for standard input, or a URL. With none,
    standard input is read. Files are saved in --output-dir, whole or not at all.

    Exit status: 0 all came, 1 some failed, 2 wrong usage, 3 the run had to stop.
    """
    if options["cleanup"]:
        if sources or options["plan"] or options["verify"]:
            raise click.UsageError(
                "--cleanup fetches nothing: leave out SOURCE, --plan and --verify"
            )
        from pyfetch.cli.cleanup import show_cleanup

        return show_cleanup(settings_from_options(options), quiet=options["quiet"])
    if options["verify"]:
        if options["plan"] or options["prune"]:
            raise click.UsageError("--verify fetches nothing: leave out --plan and --prune")
        from pyfetch.cli.display import OutputOptions
        from pyfetch.cli.verify import show_verification

        output = OutputOptions(format=options["format"], quiet=options["quiet"])
        return show_verification(settings_from_options(options), output, sources)
    sources = sources or _standard_input()
    if "-" in sources and sys.stdin is None:
        raise click.UsageError("standard input is closed")
    allowed = options["allow_failures"] or (0, 0)
    if options["fail_fast"] and any(allowed):
        raise click.UsageError("--fail-fast stops where --allow-failures would go on: choose one")
    settings = settings_from_options(options)
    from pyfetch.cli.display import OutputOptions
    from pyfetch.cli.run import SourceSpec, run
    from pyfetch.inputs.columns import Columns
    from pyfetch.naming.template_text import columns_of

    spec = SourceSpec(
        sources,
        InputFormat(options["input_format"]),
        skip_duplicates=options["skip_duplicates"],
        base=options["base"],
        columns=Columns(options["url_column"], columns_of(settings.name)),
    )
    output = OutputOptions(
        format=options["format"],
        ordered=not options["unordered"],
        quiet=options["quiet"],
        verbose=options["verbose"],
        checksums=options["checksums"],
        failed_to=options["failed_to"],
        prune=options["prune"],
        yes=options["yes"],
        allowed=allowed,
    )
    if options["plan"]:
        from pyfetch.cli.dry_run import show_plan

        return show_plan(spec, settings, output)
    return run(spec, settings, output)


def _standard_input() -> tuple[str, ...]:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError(
            "no URLs: name a file of them (pyfetch urls.txt), give some"
            " (pyfetch https://…), or pipe them in (… | pyfetch)"
        )
    return ("-",)
