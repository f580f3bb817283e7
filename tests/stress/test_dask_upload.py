"""Workers of Dask in a virtual environment that lacks pyfetch, or has another version of it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from distributed import Client

from tests.support.command import InstalledCommand
from tests.support.dask_commands import DaskCommands

pytestmark = pytest.mark.slow
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"


def environment_without(directory: Path, *names: str) -> Path:
    """Make a virtual environment with all that this one has but these; return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    packages = packages_of(directory)
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not any(name in entry.name for name in names):
            (packages / entry.name).symlink_to(entry)
    return directory / "bin" / "python"


def packages_of(directory: Path) -> Path:
    """Where a virtual environment has its packages."""
    (packages,) = (directory / "lib").glob("python*/site-packages")
    return packages


def add_distribution(packages: Path, name: str, version: str) -> None:
    """Let a distribution be installed that has nothing in it."""
    place = packages / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(METADATA.format(name, version))


def _imported(address: str) -> bool:
    """Whether a Dask worker itself has imported pyfetch."""
    with Client(address, set_as_default=False) as client:
        (has,) = client.run(lambda: "pyfetch" in __import__("sys").modules).values()
    return bool(has)


def test_a_worker_that_lacks_pyfetch_is_sent_it(
    forked: InstalledCommand, empty: DaskCommands, ten: list[str], tmp_path: Path
) -> None:
    """Only the processes that fetch import it: the Dask worker stays as it was."""
    python = environment_without(tmp_path / "other", "pyfetch")
    assert subprocess.run([python, "-Pc", "import pyfetch"], capture_output=True).returncode == 1
    empty.add_worker(2, python=python)
    ended = forked("--cluster", empty.address, "-o", "data", *ten)
    assert (ended.status, ended.out) == (3, "")
    assert "has pyfetch none and not " in ended.err
    assert "--cluster-upload" in ended.err
    for status in ("200", "304"):
        ended = forked("--cluster", empty.address, "--cluster-upload", "-o", "data", *ten)
        assert ended.status == 0, ended.err
        assert [(row[0], row[2]) for row in ended.rows] == [(status, url) for url in ten]
    for number in range(10):
        assert (forked.directory / "data" / str(number)).read_bytes() == f"file {number}".encode()
    assert not _imported(empty.address)


def test_the_version_that_is_sent_runs_beside_another_one(
    forked: InstalledCommand, empty: DaskCommands, ten: list[str], tmp_path: Path
) -> None:
    python = environment_without(tmp_path / "other", "pyfetch")
    packages = packages_of(tmp_path / "other")
    (packages / "pyfetch").mkdir()
    (packages / "pyfetch" / "__init__.py").write_text("raise SystemError('an old one')\n")
    add_distribution(packages, "pyfetch-batch", "0.0.1")
    empty.add_worker(python=python)
    ended = forked("--cluster", empty.address, "--discard", *ten)
    assert ended.status == 3
    assert "has pyfetch 0.0.1 and not " in ended.err
    ended = forked("--cluster", empty.address, "--cluster-upload", "--discard", "-v", *ten)
    assert (ended.status, len(ended.rows)) == (0, 10), ended.err
    assert ended.err.count("which is sent pyfetch") == 1
    assert "processes that fetched: 1\n" in ended.err


def test_what_pyfetch_needs_there_is_named(
    forked: InstalledCommand, empty: DaskCommands, ten: list[str], tmp_path: Path
) -> None:
    python = environment_without(tmp_path / "other", "pyfetch", "publicsuffix", "requests-")
    add_distribution(packages_of(tmp_path / "other"), "requests", "2.20.0")
    empty.add_worker(python=python)
    ended = forked("--cluster", empty.address, "--cluster-upload", "-o", "data", *ten)
    assert (ended.status, ended.out) == (3, "")
    assert "lacks what pyfetch needs (pip install 'publicsuffixlist>=" in ended.err
    assert "'requests<3,>=2.32.3'" in ended.err
    assert "urllib3" not in ended.err
