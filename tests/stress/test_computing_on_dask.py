"""`--exec` and `--map` on the workers of a Dask cluster; one is killed, or lacks something."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.support.command import InstalledCommand
from tests.support.dask_commands import DaskCommands, with_other_start
from tests.support.jobs import COUNTED, SLOW, SLOW_TASKS, Job, begun
from tests.support.processes import children_of, is_there
from tests.support.server import LoopbackServer
from tests.support.waiting import until

pytestmark = pytest.mark.slow
LONGEST = 60.0


@pytest.fixture
def job(forked: InstalledCommand, server: LoopbackServer) -> Job:
    return Job(forked, server)


def _below(process: int) -> list[int]:
    """All processes that this one has started, and those that these have started."""
    found = children_of(process)
    for one in found:
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            found += children_of(one)
    return found


@pytest.mark.parametrize("task", SLOW_TASKS)
def test_the_task_of_a_worker_that_is_killed_is_done_by_another(
    job: Job, empty: DaskCommands, task: tuple[str, str]
) -> None:
    """Nothing of it is left by then, and nothing is there twice; a rerun knows all."""
    for _ in range(2):
        empty.add_worker()
    (job.directory / "slow.py").write_text(SLOW)
    job.has(*range(1, 9))
    arguments = ("--cluster", empty.address, "--workers", "4", "--cpus", "1", *task)
    running = job.pyfetch.start(*job.arguments(*arguments))  # type: ignore[union-attr]
    until(lambda: len(begun(job.directory)) == 2)
    victim = empty.workers[0]
    theirs = _below(victim.pid)
    lost = [name for name, process in begun(job.directory) if process in theirs]
    assert len(lost) == 1
    os.kill(victim.pid, signal.SIGKILL)
    until(lambda: not any(map(is_there, theirs)))
    (job.directory / "go on").touch()
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["index"] for row in rows] == [*range(1, 9)]
    if task[0] == "--map":
        assert [row["value"] for row in rows] == [*map(str, range(1, 9))]
    counts = Counter(name for name, _ in begun(job.directory))
    assert counts == Counter(map(str, range(1, 9))) + Counter(lost)
    again = job.run(*arguments[2:4], *task)
    assert "computed 0 (8 known from before)" in again.err


@pytest.mark.parametrize("task", [("--map", "jobs.py:square"), ("--exec", COUNTED)])
@pytest.mark.parametrize("has_one", [True, False])
def test_files_that_do_not_stay_need_no_shared_folder(
    job: Job, empty: DaskCommands, tmp_path: Path, has_one: bool, task: tuple[str, str]
) -> None:
    """The worker has another directory of that name, or none; its own goes with the run."""
    other = tmp_path / "other"
    other.mkdir()
    if has_one:
        (other / "data" / ".pyfetch").mkdir(parents=True)
    code = f"import os; move = os.chdir; os.chdir = lambda _: move({str(other)!r})"
    empty.add_worker(environment=with_other_start(tmp_path / "start", code))
    job.has(*range(1, 6))
    on_cluster = ("--cluster", empty.address, *task, "--keep", "no")
    rows = job.run(*on_cluster).results
    assert [row["path"] for row in rows] == [None] * 5
    if task[0] == "--map":
        assert [row["value"] for row in rows] == [1, 4, 9, 16, 25]
    assert sorted((other / "computed").read_text().split()) == [*"12345"]
    assert job.files() == []
    assert [file.name for file in other.rglob("*") if file.is_file()] == ["computed"]
    assert not list(empty.file.parent.rglob("pyfetch-*"))
    again = job.run(*on_cluster)
    assert "computed 0 (5 known from before)" in again.err
    assert ("goes with it" in again.err) == (task[0] == "--exec")
    kept = job.run(*on_cluster[:-2], status=3)
    assert "--output-dir" in kept.err


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            ("--map", "jobs.py:square"),
            "jobs.py does not import: ModuleNotFoundError: import of wave",
        ),
        (("--map", "installed:f"), "is not the same as where the run was started"),
        (("--exec", "only-here {path}"), "there is no program 'only-here' in PATH"),
    ],
)
def test_a_worker_that_lacks_what_computes_is_left_out_before_anything_is_fetched(
    installed: InstalledCommand, server: LoopbackServer, empty: DaskCommands, tmp_path: Path,
    task: tuple[str, str], said: str,
) -> None:  # fmt: skip
    """A sentence says what it lacks; another worker does the work."""
    job = Job(installed, server)
    code = "import sys; sys.modules['wave'] = None"
    other = with_other_start(tmp_path / "there", code)
    (tmp_path / "there" / "installed.py").write_text("def f(path, result): return 'another'")
    here = tmp_path / "here"
    here.mkdir()
    (here / "installed.py").write_text("def f(path, result): return 'one'")
    program = here / "only-here"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    environment = {"PYTHONPATH": str(here), "PATH": f"{here}:{os.environ['PATH']}"}
    installed.environment |= environment
    job.jobs.write_text(f"import wave\n{job.jobs.read_text()}")
    job.has(2, 3)
    empty.add_worker(environment=other)
    ended = job.run("--cluster", empty.address, *task, status=3)
    assert said in ended.err
    assert server.asked == []
    empty.add_worker(environment=environment)
    until(lambda: installed(*job.arguments("--cluster", empty.address, *task)).status == 0)
