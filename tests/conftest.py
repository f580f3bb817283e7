"""Fixtures of all tests: the command, servers on the loopback, a small disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.server import LoopbackServer


@pytest.fixture
def pyfetch(tmp_path: Path) -> Command:
    """The command, in this process."""
    return Command(tmp_path)


@pytest.fixture
def installed(pyfetch: Command) -> InstalledCommand:
    """The same in a process of its own."""
    return InstalledCommand(pyfetch)


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
