"""What the tests share: the loopback server and the installed command."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import LoopbackServer

COMMAND = str(Path(sysconfig.get_path("scripts"), "pyfetch"))
LONGEST = 30.0
"""Seconds after which a command in a test has hung."""


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

PEAK_MEMORY = """
def peak_memory():
    # Of this program alone: `ru_maxrss` counts what was there before it began, too.
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
"""
"""For a program that a test runs: the most memory that it had so far, in KiB."""


def bytes_in(directory: Path, pattern: str) -> int:
    """How many bytes these files have. One that a run has just given its name has none here."""
    total = 0
    for file in directory.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


class Command:
    """The installed `pyfetch`, run in a directory of the test's own."""

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

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Ended:
        """Run it to its end. Without waits between attempts, unless the arguments say more."""
        ended = subprocess.run(
            [COMMAND, "--retry-wait", "0", *arguments],
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
        launched = [sys.executable, "-c", _LAUNCHER, str(told), COMMAND, "--retry-wait", "0"]
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
        return subprocess.Popen(
            [COMMAND, "--retry-wait", "0", *arguments],
            cwd=self.directory,
            env=self.environment,
            **(pipes | options),
        )


@pytest.fixture
def pyfetch(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def other() -> Iterator[LoopbackServer]:
    """Another port of the same host."""
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "small-disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)
