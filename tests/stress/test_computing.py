"""What computing costs: time beside the transfers, memory, and CPU of the process of the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.measuring import PEAK_MEMORY
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

FILES = 300
AHEAD = FILES // 2
"""Files that come before the first one is computed, at most; the others come meanwhile."""
WORK = 0.02
"""Seconds of CPU that a file takes."""
JOBS = f"""
import os, time

def burn(path, result):
    began = time.monotonic()
    until = time.process_time() + {WORK}
    while time.process_time() < until:
        pass
    with open("tasks", "a") as tasks:
        tasks.write(f"{{os.getpid():9}} {{began:19.6f}} {{time.monotonic():19.6f}}\\n")
    return len(path.read_bytes())

def nothing(path, result):
    return 1
"""
LINE = 50
"""Bytes that a task notes."""
TRIES = 3


def time_at_work(tasks: Path) -> float:
    """The part of the time of both processes in which they were at work, by what tasks noted."""
    noted = [line.split() for line in tasks.read_text().splitlines()]
    assert len({process for process, _, _ in noted}) == 2
    began, ended = ([float(task[column]) for task in noted] for column in (1, 2))
    return (sum(ended) - sum(began)) / (2 * (max(ended) - min(began)))


@pytest.mark.alone
def test_two_cpus_compute_while_the_files_come(
    installed: InstalledCommand,
    server: LoopbackServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It takes less than 1.15 times as long as computing alone: else, both are at work."""
    tasks = tmp_path / "tasks"

    def once_others_are_computed(handler: Handler) -> None:
        due = len(server.asked) - AHEAD
        until(lambda: due <= 0 or tasks.stat().st_size >= due * LINE, "tasks")
        handler.answer(200, bytes(2_000))

    server.routes = {f"/{number}-x": once_others_are_computed for number in range(FILES)}
    (tmp_path / "urls").write_text("".join(f"{server.url}{path}\n" for path in server.routes))
    (tmp_path / "jobs.py").write_text(JOBS)

    def run(number: int) -> float:
        tasks.write_bytes(b"")
        server.asked.clear()
        ended = installed("urls", "-o", f"{number}", "--map", "jobs.py:burn", "--cpus", "2")
        assert ended.status == 0, ended.err
        at_work = time_at_work(tasks)
        with capsys.disabled():
            print(f"\n{FILES} files: two CPUs are at work for {at_work:.0%} of the time")
        return at_work

    assert any(run(number) > 1 / 1.15 for number in range(TRIES))


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
