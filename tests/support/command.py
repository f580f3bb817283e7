"""The command `pyfetch`: run in this process, or as what was installed, in a process of its own."""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, NoReturn, cast
from unittest import mock

COMMAND = str(Path(sysconfig.get_path("scripts"), "pyfetch"))
LONGEST = 60.0
"""Seconds after which a command in a test has hung."""
PIPE_HOLDS = 4096
"""Bytes that any system takes into a pipe before one of them is read (POSIX asks for 512)."""
WITHOUT_WAITS = ("--retry-wait", "0")
"""Given to each command of a test: no waits between attempts, unless its arguments say more."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """Its results, as fields of TSV."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def results(self) -> list[dict[str, Any]]:
        """Its results, as objects of JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """The command in a directory and an environment of the test's own, run in this process.

    What it is asked to do it does as the installed command: the function that is called is the
    one that is installed. Left out is what would change this process for good: which signals
    it handles, on which CPU it runs, and how it ends.
    """

    engine: ClassVar[str | None] = None
    """What fetches, if the tests are to say so (`pytest --engine`)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYFETCH_")
            and not name.lower().endswith("_proxy")
            # An installed command has its bytecode; it is not compiled for each run.
            and name != "PYTHONDONTWRITEBYTECODE"
        }
        self.environment["XDG_CONFIG_HOME"] = str(directory / ".config")
        if self.engine:
            self.environment["PYFETCH_ENGINE"] = self.engine

    @property
    def configuration(self) -> Path:
        """The file that it is configured by, if a test writes one."""
        return self.directory / ".config" / "pyfetch" / "config.toml"

    def configure(self, text: str, mode: int = 0o600) -> None:
        """Write that file."""
        self.configuration.parent.mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(text)
        self.configuration.chmod(mode)

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Ended:
        """Run it to its end."""
        written = stdin.encode() if isinstance(stdin, str) else stdin
        out, err = io.BytesIO(), io.BytesIO()
        with (
            _streams(out, err),
            _standard_input(written),
            contextlib.chdir(self.directory),
            _environment(self.environment),
            mock.patch.object(sys, "argv", ["pyfetch", *WITHOUT_WAITS, *arguments]),
            _process_unchanged(),
            _deadline(),
        ):
            status = _status_of_main()
        return Ended(status, out.getvalue().decode(), err.getvalue().decode())


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what has coverage measured, which takes modules and time."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


class InstalledCommand:
    """The installed command, in a process of its own.

    For what needs one: signals, pipes, terminals, memory, what is loaded, several at once.
    """

    def __init__(self, pyfetch: Command) -> None:
        self.directory = pyfetch.directory
        self.environment = pyfetch.environment
        """That of the same command in this process: what changes there changes here."""

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Ended:
        """Run it to its end."""
        ended = subprocess.run(
            [COMMAND, *WITHOUT_WAITS, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=self.directory,
            env=self.environment,
            timeout=LONGEST,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def peak_memory(self, *arguments: str, stdin: bytes = b"") -> tuple[Ended, int]:
        """Run it to its end; how it ended, and the most memory that it had, in KiB."""
        told = self.directory / "peak-memory"
        launched = [sys.executable, "-c", _LAUNCHER, str(told), COMMAND, *WITHOUT_WAITS]
        ended = subprocess.run(
            [*launched, *arguments], input=stdin, capture_output=True, cwd=self.directory,
            env=self.environment, timeout=2 * LONGEST, check=False,
        )  # fmt: skip
        peak = int(told.read_text())
        told.unlink()
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode()), peak

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start it and leave it running; the test ends it."""
        pipes: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return self.popen(*arguments, **(pipes | options))

    def program(self, code: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a program that uses the library, with the streams of this process, or others."""
        given: dict[str, Any] = {"cwd": self.directory, "env": self.environment} | options
        return subprocess.Popen([sys.executable, "-c", code], **given)

    def popen(
        self,
        *arguments: str,
        terminal: str = "",
        closed: tuple[int, ...] = (),
        pipeline: str = "",
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """The same with the streams of this process, or others.

        `terminal`: one to obey. `closed`: numbers of standard streams that are closed. `pipeline`:
        what the shell runs behind it.
        """
        # Not as a preexec_fn: those are not safe beside the threads of the tests' servers.
        launcher = [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, terminal] if terminal else []
        if closed:
            closing = " ".join(f"{number}>&-" for number in closed)
            launcher = [*launcher, "sh", "-c", f'exec "$@" {closing}', "sh"]
        if pipeline:
            launcher = [*launcher, "/bin/sh", "-c", f'"$@" | {pipeline}', "sh"]
        given: dict[str, Any] = {"cwd": self.directory, "env": self.environment} | options
        return subprocess.Popen([*launcher, COMMAND, *WITHOUT_WAITS, *arguments], **given)


# Makes the terminal the controlling one, whose Ctrl-C is a signal, and becomes the command.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
terminal = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
os.close(terminal)
os.execv(sys.argv[2], sys.argv[2:])
"""

# A process counts the memory that its parent had when it was forked, too: a test's own, if
# that is the parent.
_LAUNCHER = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
with open(sys.argv[1], "w") as told:
    told.write(str(peak))
sys.exit(status)
"""


@functools.cache
def _installed_function() -> Callable[[], Any]:
    """What is installed as `pyfetch`."""
    (installed,) = entry_points(group="console_scripts", name="pyfetch")
    return cast(Callable[[], Any], installed.load())


def _status_of_main() -> int:
    """Call it. Returns the exit status, as `sys.exit` counts it."""
    try:
        status = _installed_function()()
    except SystemExit as ended:
        status = ended.code
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")
        return 1
    return int(status or 0)


@contextlib.contextmanager
def _streams(out: io.BytesIO, err: io.BytesIO) -> Iterator[None]:
    """Take what is written to standard output and standard error."""
    texts = [io.TextIOWrapper(stream, encoding="utf-8") for stream in (out, err)]
    try:
        with mock.patch.multiple(sys, stdout=texts[0], stderr=texts[1]):
            yield
    finally:
        for text in texts:
            text.flush()
            text.detach()  # else it closes the bytes, which are still to be read


@contextlib.contextmanager
def _standard_input(data: bytes) -> Iterator[None]:
    """Let standard input be a pipe with this in it, for who reads its descriptor, too."""
    reading, writing = os.pipe()
    before = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=write, daemon=True)
    if len(data) <= PIPE_HOLDS:
        write()
    else:
        writer.start()
    try:
        with (
            os.fdopen(0, encoding="utf-8", closefd=False) as stdin,
            mock.patch.object(sys, "stdin", stdin),
        ):
            yield
    finally:
        os.dup2(before, 0)  # the pipe has no reader any more
        os.close(before)
        if writer.ident:
            writer.join()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    _change_environment(variables)
    try:
        yield
    finally:
        _change_environment(before)


def _change_environment(variables: Mapping[str, str]) -> None:
    """Let these be the variables; the most of them are the same in each test."""
    now = dict(os.environ)
    for name in now.keys() - variables.keys():
        del os.environ[name]
    for name, value in variables.items() - now.items():
        os.environ[name] = value


@contextlib.contextmanager
def _process_unchanged() -> Iterator[None]:
    """Keep the command from what only a process of its own may do to itself."""

    def refuse(*_: object) -> NoReturn:
        raise PermissionError("this process runs the tests, too")

    def nothing(*_: object) -> None:
        """In place of a mock, which takes a millisecond to make."""

    collected = gc.isenabled()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with (
        mock.patch("pyfetch.cli.signals.Interruption.__enter__", lambda entered: entered),
        mock.patch("pyfetch.cli.signals.Interruption.__exit__", nothing),
        mock.patch.object(os, "sched_setaffinity", refuse, create=True),
        mock.patch.object(gc, "freeze", nothing),
    ):
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            if collected:
                gc.enable()


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    """Fail where the command hangs."""

    def hung(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"the command has not ended within {LONGEST:g} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
