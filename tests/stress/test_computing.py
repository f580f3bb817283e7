"""What computing costs: time beside the transfers, memory, and CPU of the process of the run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.measuring import PEAK_MEMORY
from tests.support.server import LoopbackServer, Page
from tests.support.waiting import within

FILES = 300
JOBS = """
import time
from pathlib import Path

def burn(path, result):
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass
    return len(path.read_bytes())

def alone(path):
    return burn(path, None)

def nothing(path, result):
    return 1
"""
ALONE = """
import sys
from multiprocessing import get_context
from pathlib import Path
import jobs

if __name__ == "__main__":
    with get_context("spawn").Pool(2) as pool:
        lengths = pool.map(jobs.alone, Path(sys.argv[1]).glob("*-x"), chunksize=1)
    assert len(lengths) == int(sys.argv[2])
"""
TRIES = 3


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_two_cpus_compute_while_the_files_come(
    installed: InstalledCommand,
    server: LoopbackServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Within 1.15 times the larger of both alone; 20 ms of CPU for each file."""
    server.pages |= {f"/{number}-x": Page(bytes(2_000)) for number in range(FILES)}
    (tmp_path / "urls").write_text("".join(f"{server.url}{path}\n" for path in server.pages))
    (tmp_path / "jobs.py").write_text(JOBS)
    (tmp_path / "alone.py").write_text(ALONE)

    def fetch(directory: str, *arguments: str) -> None:
        ended = installed("urls", "-o", directory, *arguments)
        assert ended.status == 0, ended.err

    def compute(directory: str) -> None:
        subprocess.run(
            [sys.executable, "alone.py", directory, str(FILES)],
            cwd=tmp_path, env=installed.environment, check=True,
        )  # fmt: skip

    for number in range(TRIES):
        fetching = seconds(lambda: fetch(f"alone-{number}"))  # noqa: B023
        computing = seconds(lambda: compute(f"alone-{number}"))  # noqa: B023
        both = seconds(lambda: fetch(f"both-{number}", "--map", "jobs.py:burn", "--cpus", "2"))  # noqa: B023
        larger = max(fetching, computing)
        with capsys.disabled():
            print(
                f"\n{FILES} files: fetched in {fetching:.2f} s, computed in {computing:.2f} s, both"
                f" in {both:.2f} s: {both / larger:.2f} times the larger"
            )
        if both < 1.15 * larger:
            return
    assert within(1.15 * larger, both)


PROGRAM = (
    PEAK_MEMORY
    + """
import os, sys, time
sys.path.append(".")
import jobs
from pyfetch import fetch_all

def main(url, number, computes):
    options = {"then": jobs.nothing, "cpus": 1, "keep": False} if computes else {}
    urls = (f"{url}/x?{index}" for index in range(number))
    began = None
    for result in fetch_all(urls, output_dir="data", workers=8, name="{index}", **options):
        assert result.value == (1 if computes else None)
        if result.index == number // 4:
            began, memory, blocks = time.process_time(), peak_memory(), sys.getallocatedblocks()
    used = time.process_time() - began
    taken = number - number // 4
    print(memory, peak_memory(), (sys.getallocatedblocks() - blocks) / taken, 1e6 * used / taken)

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "computes")
"""
)


class Measured(NamedTuple):
    """What a program needs whose results are taken one by one."""

    early: int
    """Memory after a quarter of the files, in KiB."""
    late: int
    """Memory after all of them, in KiB."""
    kept: float
    """Blocks of memory that were taken since, and kept, for each file."""
    cpu: float
    """CPU time of the process of the run for each file, in microseconds."""


def measured(pyfetch: Command, url: str, number: int, what: str = "computes") -> Measured:
    directory = pyfetch.directory / what
    directory.mkdir()
    (directory / "jobs.py").write_text(JOBS)
    (directory / "program.py").write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, "program.py", url, str(number), what],
        cwd=directory, env=pyfetch.environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    early, late, kept, cpu = ended.stdout.split()
    return Measured(int(early), int(late), float(kept), float(cpu))


def test_memory_is_flat_however_many_files_are_computed(
    pyfetch: Command, server: LoopbackServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what it costs the process of the run to have a file computed is told."""
    server.pages["/x"] = Page(b"x")
    server.remember = False
    computing = measured(pyfetch, server.url, 12_000)
    fetching = measured(pyfetch, server.url, 4_000, "fetches")
    with capsys.disabled():
        print(
            f"\n{computing.early:,} KiB of memory after 3,000 files, {computing.late:,} after"
            f" 12,000; CPU for a file: {fetching.cpu:.0f} µs fetched, and"
            f" {computing.cpu - fetching.cpu:.0f} µs more if it is computed"
        )
    assert computing.kept < 0.5
    # The state keeps some of its pages in memory, up to a number that it reaches later.
    assert computing.late - computing.early < 8 * 1024
