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
    _occupy_closed_streams()
    # Without Click, the version is there in a third of the time.
    if sys.argv[1:] in (["-V"], ["--version"]):
        if sys.stdout:
            sys.stdout.write(f"pyfetch {__version__}\n")
        return
    use_utf_8_for_names()
    import signal

    # Imports make no garbage. To look for it takes a sixth of the time that one URL takes.
    gc.disable()
    # Until a run has its own handlers, Ctrl-C just ends the process, without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a terminal or locale has no character for is no reason to stop.
            encoding = os.environ.get(_TERMINAL) or None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    status = _status()
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    # The interpreter would look through all objects once more, which takes as long again.
    gc.freeze()
    sys.exit(status)


def _occupy_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise a file or a connection of the run would get its number, and all that libraries and
    the processes that we start write to standard error would go there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(number, True)


def use_utf_8_for_names() -> None:
    """Start again in UTF-8 mode where the locale cannot write every file name.

    To the system a name is bytes: a file has the same ones in every locale, as with curl and
    wget. Text for the terminal stays in the locale's encoding.
    """
    if sys.getfilesystemencoding().lower() != "utf-8" and "PYTHONUTF8" not in os.environ:
        environment = {**os.environ, "PYTHONUTF8": "1", _TERMINAL: _encoding_of_terminal()}
        os.execve(sys.executable, sys.orig_argv, environment)  # noqa: S606 - ourselves


_TERMINAL = "PYFETCH_TERMINAL_ENCODING"


def _encoding_of_terminal() -> str:
    stream = sys.stdout or sys.stderr
    return stream.encoding if stream else ""


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
        from pyfetch.cli.wrong_use import sentence

        click.echo(f"pyfetch: {sentence(error)}", err=True)
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
