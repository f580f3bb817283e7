"""The command `pyfetch`: from its arguments to a run, or to a plan of one.

What a run needs is imported by the run: `--version` and `--help` answer without it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from click.core import ParameterSource

from pyfetch.cli.click_types import FILE_NAME
from pyfetch.cli.config.options import CONFIG_OPTIONS, configuration_of
from pyfetch.cli.own_options import ANSWERS
from pyfetch.cli.parameters import (
    CONTEXT,
    NOTES,
    OPTIONS,
    TranslatingCommand,
    settings_from_options,
)
from pyfetch.errors import UsageError
from pyfetch.settings import InputFormat, Settings
from pyfetch.urls import is_url


@click.command(
    cls=TranslatingCommand,
    context_settings=CONTEXT,
    params=[
        *OPTIONS,
        *CONFIG_OPTIONS,
        *ANSWERS,
        click.Argument(["sources"], nargs=-1, type=FILE_NAME),
    ],
    add_help_option=False,
)
@click.pass_context
def command(context: click.Context, /, sources: tuple[str, ...], **options: Any) -> int:
    """Run what the command line asks for. Returns the exit status; raises `RunError`."""
    for note in context.meta.get(NOTES, ()) if not options["quiet"] else ():
        click.echo(f"pyfetch: {note}", err=True)
    hosts: Any = ()
    configuration = configuration_of(context)
    if configuration:
        from pyfetch.cli.config.layers import hosts_under, options_over

        hosts = hosts_under(configuration, context, options)
        options = options_over(configuration, context, options)
    if options["show_config"]:
        from pyfetch.cli.config.show import show_config

        return show_config(context, options)
    if options["cleanup"]:
        if sources or options["plan"] or options["verify"]:
            raise click.UsageError(
                "--cleanup fetches nothing: leave out SOURCE, --plan and --verify"
            )
        from pyfetch.cli.cleanup import show_cleanup

        return show_cleanup(settings_from_options(options, hosts), quiet=options["quiet"])
    if options["verify"]:
        return _verify(sources, options, hosts)
    if options["report_from"]:
        from pyfetch.cli.result_files import write_report

        return write_report(options["report_from"], sources)
    return _fetch(context, sources, options, hosts)


def _fetch(
    context: click.Context, sources: tuple[str, ...], options: dict[str, Any], hosts: Any
) -> int:
    """Run the sources, or show what a run would do."""
    out = _place(context, sources, options)
    sources = sources or _standard_input()
    if "-" in sources and sys.stdin is None:
        raise click.UsageError("standard input is closed")
    allowed = options["allow_failures"] or (0, 0)
    if options["fail_fast"] and any(allowed):
        raise click.UsageError("--fail-fast stops where --allow-failures would go on: choose one")
    settings = _settings(options, hosts)
    from pyfetch.cli.output_options import OutputOptions, ProgressForm, Rows, check_progress
    from pyfetch.cli.run import SourceSpec, run_command
    from pyfetch.inputs.columns import Columns

    of_name: tuple[str, ...] = ()
    if settings.has_template:
        from pyfetch.naming.template_text import columns_in

        of_name = columns_in(settings.name)
    task = None
    if settings.computes:
        from pyfetch.compute.task import task_from

        # Also where there is a plan alone: what cannot be used is said there, too.
        task = task_from(settings)
    spec = SourceSpec(
        sources,
        InputFormat(options["input_format"]),
        skip_duplicates=options["skip_duplicates"],
        base=options["base"],
        columns=Columns(options["url_column"], of_name, task.columns if task else ()),
        out=out,
        store_option=settings.store_option,
        allow_store=settings.allow_store,
    )
    output = OutputOptions(
        format=options["format"],
        computes=settings.computes,
        values=settings.map is not None,
        rows=Rows(options["rows"]),
        progress=ProgressForm(options["progress"]),
        extras=not options["no_osc"],
        ordered=not options["unordered"],
        quiet=options["quiet"],
        verbose=options["verbose"],
        log_file=options["log_file"],
        checksums=options["checksums"],
        failed_to=options["failed_to"],
        report=options["report"],
        prune=options["prune"],
        yes=options["yes"],
        allowed=allowed,
    )
    check_progress(output.progress, sys.stderr)
    if options["plan"]:
        from pyfetch.cli.dry_run import show_plan

        return show_plan(spec, settings, output)
    return run_command(spec, settings, output, task)


def _verify(sources: tuple[str, ...], options: dict[str, Any], hosts: Any) -> int:
    if options["plan"] or options["prune"]:
        raise click.UsageError("--verify fetches nothing: leave out --plan and --prune")
    from pyfetch.cli.output_options import OutputOptions
    from pyfetch.cli.verify import show_verification

    output = OutputOptions(format=options["format"], quiet=options["quiet"])
    return show_verification(settings_from_options(options, hosts), output, sources)


def _place(context: click.Context, sources: tuple[str, ...], options: dict[str, Any]) -> str | None:
    """The path of `-O`, if any; the output directory in `options` is then the one above it."""
    chosen = context.get_parameter_source("output_dir") is ParameterSource.COMMANDLINE
    if not chosen and options["out"] is None:
        return None
    from pyfetch.cli.destination import check_output_dir, place_of_one

    output_dir = options["output_dir"] if chosen else None
    if options["out"] is None:
        check_output_dir(options["output_dir"], sources)
        return None
    place = place_of_one(options["out"], output_dir, sources, discard=options["discard"])
    options["output_dir"], out = place
    return out


def _settings(options: dict[str, Any], hosts: Any) -> Settings:
    """The settings; the password of `-u NAME` is asked for."""
    user = options["user"]
    if user is not None and is_url(user):
        raise click.UsageError("-u takes a name: -u NAME, or -u NAME:PASSWORD")
    if user is not None and ":" not in user:
        options = options | {"user": f"{user}:{_asked_for(user)}"}
    return settings_from_options(options, hosts)


def _asked_for(user: str) -> str:
    """The password of `-u NAME`, which the terminal does not show. Raises `UsageError`."""
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return getpass.getpass(f"Password for {user}: ")
    except (OSError, EOFError):
        raise UsageError(
            f"-u {user} asks for the password on a terminal, and there is none"
            f" (write -u {user}:PASSWORD, or use a netrc file)"
        ) from None


def _standard_input() -> tuple[str, ...]:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError(
            "no URLs: name a file of them (pyfetch urls.txt), give some"
            " (pyfetch https://…), or pipe them in (… | pyfetch); pyfetch -h shows more"
        )
    return ("-",)
