"""A run that computes is killed at any moment: a rerun computes nothing that was recorded."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from pyfetch.compute.lot_queue import LARGEST_LOT
from tests.support.command import Command, InstalledCommand
from tests.support.processes import is_there
from tests.support.server import LoopbackServer, Page
from tests.support.waiting import until

KILLS = 20
FILES = 240
NUMBERS = range(1, FILES + 1)
CPUS = 2
SEED = 20261126
JOBS = """
import os, time

def quick(path, result):
    with open("computed", "a") as notes:
        notes.write(f"{path.name} {os.getpid()}\\n")
    return int(path.read_text()) ** 2

def square(path, result):
    value = quick(path, result)
    time.sleep(0.01)
    return value
"""
COMMAND = (
    'sh -c \'echo "$1 $$" >> computed; expr $(cat "$2") "*" $(cat "$2") > "squares/$1"\''
    " sh {name} {path}"
)


class Task(NamedTuple):
    """What is done with each file."""

    arguments: tuple[str, ...]
    in_flight: int = 1
    """Files that a process has at most."""
    longest: float = 0.1
    """Seconds after the first file until the kill, at most."""


TASKS = {
    "a function": Task(("--map", "jobs.py:square")),
    "a quick function, in lots": Task(("--map", "jobs.py:quick"), LARGEST_LOT, 0.02),
    "a command, and the files go": Task(("--exec", COMMAND, "--keep", "no")),
}


class Computed:
    """What was computed, by the notes that the tasks have made, and which rows were written."""

    def __init__(self, directory: Path) -> None:
        self._notes = directory / "computed"
        self._rows = directory / "rows"
        self._notes.touch()

    @property
    def notes(self) -> list[tuple[str, int]]:
        """Name of the file and number of the process of each task that was begun."""
        lines = self._notes.read_text().splitlines()
        return [(name, int(process)) for name, process in map(str.split, lines)]

    def recorded(self) -> set[str]:
        """The files whose rows were written, which say that they were computed."""
        whole = self._rows.read_text().rpartition("\n")[0]
        rows = [json.loads(line) for line in whole.splitlines()]
        return {row["url"].rpartition("/")[2] for row in rows if row["error"] is None}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_is_recorded_is_not_computed_again_however_often_the_run_is_killed(
    pyfetch: Command,
    installed: InstalledCommand,
    server: LoopbackServer,
    task: Task,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For each kill, at most the tasks that were at work are repeated; none is left running."""
    randomness = random.Random(SEED + len(task.arguments))
    directory = pyfetch.directory
    server.pages |= {f"/{number}": Page(b"%d" % number) for number in NUMBERS}
    (directory / "urls").write_text("".join(f"{server.url}{path}\n" for path in server.pages))
    (directory / "jobs.py").write_text(JOBS)
    (directory / "squares").mkdir()
    arguments = ("urls", "-o", "data", *task.arguments, "--cpus", str(CPUS), "--format", "jsonl")
    computed = Computed(directory)
    recorded: set[str] = set()
    killed = begun = 0
    for _ in range(KILLS):
        with (directory / "rows").open("wb") as rows:
            run = installed.start(*arguments, "--unordered", "--workers", "4", stdout=rows)
        until(lambda: len(computed.notes) > begun or run.poll() is not None)  # noqa: B023
        threading.Event().wait(randomness.uniform(0, task.longest))
        killed += run.poll() is None
        run.kill()
        run.communicate()
        processes = {process for _, process in computed.notes[begun:]}
        until(lambda: not any(map(is_there, processes)))  # noqa: B023
        again = recorded & {name for name, _ in computed.notes[begun:]}
        assert again == set(), "recorded, and computed again"
        recorded |= computed.recorded()
        begun = len(computed.notes)
    before = time.monotonic()
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    assert [row["index"] for row in ended.results] == [*NUMBERS]
    if "--map" in task.arguments:
        assert [row["value"] for row in ended.results] == [n**2 for n in NUMBERS]
        assert [int((directory / "data" / str(n)).read_text()) for n in NUMBERS] == [*NUMBERS]
    else:
        squares = [int((directory / "squares" / str(n)).read_text()) for n in NUMBERS]
        assert squares == [n**2 for n in NUMBERS]
        assert [path.name for path in (directory / "data").iterdir()] == [".pyfetch"]
    assert recorded & {name for name, _ in computed.notes[begun:]} == set()
    times = Counter(name for name, _ in computed.notes)
    assert len(times) == FILES
    repeated = len(computed.notes) - FILES
    with capsys.disabled():
        print(
            f"\n{killed} of {KILLS} kills in mid-run: {FILES} files, {repeated} tasks repeated;"
            f" the last run took {time.monotonic() - before:.1f} s"
        )
    assert repeated <= CPUS * task.in_flight * killed
    assert recorded, "no kill came late enough"
    assert killed >= KILLS // 2, "it was caught too late too often"
