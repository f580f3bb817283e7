"""`--exec` and `--map` with `--processes`: what holds for one process holds for several."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pyfetch import fetch_all
from tests.support.command import InstalledCommand
from tests.support.jobs import COUNTED, SLOW, SLOW_TASKS, Job, begun
from tests.support.mapped import text
from tests.support.processes import children_of, is_there
from tests.support.server import LoopbackServer
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # each starts processes
TWO = ("--processes", "2", "--workers", "8")
LONGEST = 60.0


@pytest.fixture
def job(forked: InstalledCommand, server: LoopbackServer) -> Job:
    return Job(forked, server)


def rows_of(job: Job, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    """The rows of a run, without the time that they took."""
    rows = job.run(*arguments, status=status).results
    for row in rows:
        del row["elapsed"], row["timing"]
    return rows


def test_values_come_in_order_and_a_rerun_knows_them(job: Job) -> None:
    job.has(*range(1, 61))
    ended = job.run(*TWO, "--map", "jobs.py:square", "--cpus", "2")
    assert [result["value"] for result in ended.results] == [n**2 for n in range(1, 61)]
    assert Counter(job.computed()) == Counter(map(str, range(1, 61)))
    assert "computed 60 in 2 processes (as --cpus says); " in ended.err
    again = job.run(*TWO, "--map", "jobs.py:square")
    assert [result["value"] for result in again.results] == [n**2 for n in range(1, 61)]
    assert job.computed() == []
    assert "computed 0 (60 known from before)" in again.err


def test_what_one_process_has_computed_several_know_and_the_other_way_round(job: Job) -> None:
    job.has(*range(1, 21))
    job.run("--map", "jobs.py:square")
    assert len(job.computed()) == 20
    job.run(*TWO, "--map", "jobs.py:square")
    assert job.computed() == []
    job.run(*TWO, "--map", "jobs.py:square", "--exec-version", "2")
    assert len(job.computed()) == 20
    job.run("--map", "jobs.py:square", "--exec-version", "2")
    assert job.computed() == []


@pytest.mark.parametrize(
    "also",
    [
        ("--map", "jobs.py:does"),
        ("--map", "jobs.py:does", "--keep", "no"),
        ("--map", "jobs.py:does", "--exec-retries", "1", "--exec-timeout", "0.3"),
    ],
)
def test_rows_are_those_of_a_run_without_processes(
    forked: InstalledCommand, server: LoopbackServer, also: tuple[str, ...]
) -> None:
    """Also of files that their task has changed or removed, and of tasks that fail or hang."""
    tasks = [
        "does_nothing", "fails", "changes", "removes", "crashes", "is_nan", "exits", "does_nothing",
    ]  # fmt: skip
    tasks += ["hangs"] * ("--exec-timeout" in also)
    one, several = Job(forked, server), Job(forked, server)
    one.has(*tasks)
    for _ in range(2):  # the second run is a rerun
        expected = rows_of(one, *also, "-o", "one", status=1)
        counted = Counter(one.computed())
        rows = rows_of(several, *TWO, *also, "-o", "several", status=1)
        for row in rows:
            if row["path"]:
                row["path"] = row["path"].replace("several", "one")
        assert rows == expected
        assert Counter(several.computed()) == counted
        files = [
            sorted(file.name for file in (forked.directory / name).iterdir() if file.is_file())
            for name in ("one", "several")
        ]
        assert files[0] == files[1]


def test_a_command_for_each_file_which_then_goes(job: Job) -> None:
    job.has(*range(1, 31))
    for computed in (30, 0):
        job.run(*TWO, "--exec", COUNTED, "--keep", "no")
        assert len(job.computed()) == computed
        assert job.files() == []


def test_a_function_that_does_not_import_ends_the_run_before_anything_is_fetched(
    job: Job, server: LoopbackServer
) -> None:
    job.has(1, 2)
    job.jobs.write_text("import no_such_module\ndef square(path, result): pass\n")
    ended = job.run(*TWO, "--map", "jobs.py:square", status=2)
    assert "jobs.py does not import: ModuleNotFoundError" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert server.asked == []


def test_no_more_files_are_computed_at_once_than_cpus_says(job: Job) -> None:
    """So there are fewer processes that fetch, too."""
    job.has(*range(1, 13))
    ended = job.run(*TWO, "--map", "jobs.py:process", "--cpus", "1")
    assert len({result["value"] for result in ended.results}) == 1
    assert "in 1 process (as --cpus says)" in ended.err


def test_idle_processes_get_files_though_one_worker_has_fetched_what_it_may(job: Job) -> None:
    job.has(*range(1, 13))
    two = ("--processes", "2", "--workers", "2", "--cpus", "4", "-o", "other")
    ended = job.run(*two, "--map", "jobs.py:in_four_processes")
    assert len({result["value"] for result in ended.results}) == 4


def test_a_program_may_compute_over_processes(server: LoopbackServer, tmp_path: Path) -> None:
    job = Job.__new__(Job)  # its list is not wanted
    job.server, job.listed = server, tmp_path / "urls"
    urls = job.has("a", "b", "c")
    results = fetch_all(urls, output_dir=tmp_path / "data", processes=2, then=text)
    assert [result.value for result in results] == ["a", "b", "c"]


@pytest.mark.parametrize("task", SLOW_TASKS)
def test_the_task_of_a_process_that_is_killed_is_done_by_another(
    job: Job, task: tuple[str, str]
) -> None:
    """Nothing of it is left by then, and nothing is there twice."""
    (job.directory / "slow.py").write_text(SLOW)
    job.has(*range(1, 9))
    running = job.pyfetch.start(*job.arguments(*TWO, *task, "--cpus", "2"))  # type: ignore[union-attr]
    until(lambda: len(begun(job.directory)) == 2)
    victim, *_ = members = children_of(running.pid)
    assert len(members) == 2
    before = begun(job.directory)
    theirs = children_of(victim)
    for one in theirs:
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            theirs += children_of(one)
    ended = [process for _, process in before if process in theirs]
    assert len(ended) == 1
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(begun(job.directory)) > 2)
    assert not is_there(ended[0])
    assert not any(map(is_there, theirs))
    (job.directory / "go on").touch()
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["index"] for row in rows] == [*range(1, 9)]
    if task[0] == "--map":
        assert [row["value"] for row in rows] == [*map(str, range(1, 9))]
    lost = {name for name, process in before if process == ended[0]}
    counts = Counter(name for name, _ in begun(job.directory))
    assert counts == Counter(map(str, range(1, 9))) + Counter(lost)
    again = job.run(*TWO, *task)
    assert "computed 0 (8 known from before)" in again.err


@pytest.mark.parametrize("task", SLOW_TASKS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_run_that_is_ended_while_it_computes(
    job: Job, task: tuple[str, str], number: signal.Signals
) -> None:
    (job.directory / "slow.py").write_text(SLOW)
    job.has(*range(1, 9))
    running = job.pyfetch.start(*job.arguments(*TWO, *task, "--cpus", "2"))  # type: ignore[union-attr]
    until(lambda: len(begun(job.directory)) == 2)
    everybody = children_of(running.pid)
    for one in everybody:
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            everybody += children_of(one)
    running.send_signal(number)
    out, err = running.communicate(timeout=LONGEST)
    assert b"Traceback" not in err
    until(lambda: not any(map(is_there, everybody)))
    if number == signal.SIGINT:
        assert running.returncode == 130
        rows = [json.loads(line) for line in out.splitlines()]
        assert {row["error"] for row in rows} == {"cancelled"}
    (job.directory / "go on").touch()
    again = job.run(*TWO, *task)
    assert "computed 8 in " in again.err
