"""The entry point: runs the command, shows its errors, and ends with its exit status."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from typing import TextIO

from pyfetch import __version__


def main() -> None:
    """Run the command and exit with its status."""
    # Without Click, the version is there in a third of the time.
    if sys.argv[1:] in (["-V"], ["--version"]):
        sys.stdout.write(f"pyfetch {__version__}\n")
        return
    import signal

    # Imports make no garbage. To look for it takes a sixth of the time that one URL takes.
    gc.disable()
    # Until a run has its own handlers, Ctrl-C just ends the process, without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a terminal or locale has no character for is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    status = _status()
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    # The interpreter would look through all objects once more, which takes as long again.
    gc.freeze()
    sys.exit(status)


def imports_done() -> None:
    """Let garbage be collected again, where `main` has stopped that for the imports."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _status() -> int:
    import click

    from pyfetch.cli.command import command
    from pyfetch.errors import RunError

    try:
        status: int = command(prog_name="pyfetch", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except RunError as error:
        click.echo(f"pyfetch: {error}", err=True)
        return error.exit_status
    return status


def _flush(stream: TextIO | None) -> None:
    """Write out what is left. Where nobody reads it, drop it: the interpreter would complain."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
