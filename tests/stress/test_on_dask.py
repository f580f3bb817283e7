"""Runs on a Dask cluster of real processes, some of which are killed, added and stopped."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import InstalledCommand
from tests.support.dask_commands import DaskCommands, dask_commands
from tests.support.processes import is_there
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

pytestmark = pytest.mark.slow
LONGEST = 60.0
SEEDS = int(os.environ.get("KILLED_AT_SEEDS", "3"))
"""At so many moments a worker, and the process that fetches, are killed."""


@pytest.fixture
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCommands]:
    """A scheduler and two workers of one thread each."""
    with dask_commands(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture
def hundred(server: LoopbackServer) -> list[str]:
    """The URLs of a hundred files, which take 50 ms each."""
    return list(_slow_pages(server, 100, 0.05))


def _slow_pages(server: LoopbackServer, number: int, seconds: float) -> Iterator[str]:
    for each in range(number):
        body = f"file {each} ".encode() * 1000

        def answer(handler: Handler, body: bytes = body) -> None:
            handler.head(200, Content_Length=str(len(body)), ETag='"v1"')
            handler.send(body[:100])
            handler.wfile.flush()
            time.sleep(seconds)
            handler.send(body[100:])

        server.routes[f"/{each}"] = answer
        yield f"{server.url}/{each}"


def _list_of(command: InstalledCommand, urls: list[str]) -> str:
    (command.directory / "list").write_text("\n".join(urls))
    return "list"


def _is_whole(out: bytes | str, directory: Path, urls: list[str]) -> None:
    """Each row once, in order, and each byte right."""
    text = out if isinstance(out, str) else out.decode()
    assert [line.split("\t")[2] for line in text.splitlines()] == urls
    for number in range(len(urls)):
        assert (directory / "data" / str(number)).read_bytes() == f"file {number} ".encode() * 1000


def test_all_come_in_order_each_once_and_a_rerun_knows_them(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands, hundred: list[str]
) -> None:
    ended = forked("--cluster", dask.address, "-o", "data", *hundred)
    assert ended.status == 0
    assert "broke" not in ended.err  # each member is known to have ended
    _is_whole(ended.out, forked.directory, hundred)
    assert sorted(server.paths()) == sorted(f"/{number}" for number in range(100))
    assert not list((forked.directory / "data" / ".pyfetch").glob("probe*"))
    again = forked("--cluster-file", str(dask.file), "-o", "data", "--if-exists", "skip", *hundred)
    assert {row[0] for row in again.rows} == {"-"}


def test_both_workers_fetch_each_with_all_the_workers(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    """`--workers` is what each thread of the cluster runs at once."""
    meeting = threading.Barrier(6)

    def meet(handler: Handler) -> None:
        meeting.wait(LONGEST)
        handler.answer(200, b"met")

    for number in range(6):
        server.routes[f"/{number}"] = meet
    urls = [f"{server.url}/{number}" for number in range(6)]
    ended = forked("--cluster", dask.address, "--workers", "3", "--discard", *urls)
    assert ended.status == 0
    assert server.most_at_once == 6


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("victim", ["worker", "member"])
def test_what_is_killed_leaves_its_work_to_another(
    forked: InstalledCommand,
    server: LoopbackServer,
    dask: DaskCommands,
    victim: str,
    seed: int,
) -> None:
    urls = list(_slow_pages(server, 100, 0.2))  # five seconds for both
    running = forked.start(
        "--cluster", dask.address, "-w", "2", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: len(dask.members()) == 2)
    time.sleep(random.Random(seed).uniform(0, 2))
    member = dask.members()[0]
    os.kill(dask.workers[0].pid if victim == "worker" else member, signal.SIGKILL)
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    _is_whole(out, forked.directory, urls)
    assert not is_there(member)
    # A worker that is there says how the process has ended: nobody waits until its lease is over.
    assert victim == "worker" or b"broke" not in err


def test_a_worker_that_comes_late_gets_work(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    urls = list(_slow_pages(server, 100, 0.3))
    gone = dask.workers.pop()
    gone.kill()
    gone.wait()
    running = forked.start(
        "--cluster", dask.address, "-w", "4", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: server.at_once == 4)
    late = dask.add_worker()
    until(lambda: server.at_once == 8)
    assert late.poll() is None
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    _is_whole(out, forked.directory, urls)


def test_a_worker_that_is_retired_gives_its_work_back(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    urls = list(_slow_pages(server, 60, 0.3))
    running = forked.start(
        "--cluster", dask.address, "-w", "2", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: server.at_once == 4)
    dask.workers[0].terminate()  # it says good-bye to the scheduler
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    _is_whole(out, forked.directory, urls)


def test_the_loss_of_the_scheduler_ends_the_run_and_the_same_command_finishes_it(
    forked: InstalledCommand,
    server: LoopbackServer,
    dask: DaskCommands,
    tmp_path: Path,
) -> None:
    urls = list(_slow_pages(server, 60, 0.3))
    name = _list_of(forked, urls)
    running = forked.start("--cluster-file", str(dask.file), "-w", "2", "-o", "data", name)
    until(lambda: server.at_once == 4)
    members = dask.members()
    dask.scheduler.kill()
    _, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 3
    assert b"scheduler" in err
    assert b"run the same command again" in err
    assert b"Traceback" not in err
    until(lambda: not any(map(is_there, members)))
    with dask_commands(tmp_path) as other:
        ended = forked("--cluster", other.address, "--if-exists", "skip", "-o", "data", name)
    assert ended.status == 0
    _is_whole(ended.out, forked.directory, urls)


def test_members_end_with_the_coordinator_and_its_workers_are_free_again(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    for number in range(8):
        server.routes[f"/{number}"] = Handler.stall
    server.pages["/x"] = Page(b"x")
    urls = [f"{server.url}/{number}" for number in range(8)]
    running = forked.start("--cluster", dask.address, "-w", "4", "-o", "data", *urls)
    until(lambda: server.at_once == 8)
    members = dask.members()
    assert len(members) == 2
    running.kill()
    running.communicate(timeout=LONGEST)
    until(lambda: not any(map(is_there, members)))
    assert forked("--cluster", dask.address, "-o", "data", f"{server.url}/x").status == 0


def test_a_member_ends_when_its_stopped_worker_passes_nothing_on(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    """It cannot know whether the coordinator has given its targets to another."""
    urls = list(_slow_pages(server, 60, 0.3))
    running = forked.start(
        "--cluster", dask.address, "-w", "2", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: server.at_once == 4)
    member = dask.members()[0]
    dask.workers[0].send_signal(signal.SIGSTOP)
    until(lambda: not is_there(member))
    dask.workers[0].send_signal(signal.SIGCONT)
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    _is_whole(out, forked.directory, urls)


def test_ctrl_c_ends_all(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    for number in range(8):
        server.routes[f"/{number}"] = Handler.stall
    urls = [f"{server.url}/{number}" for number in range(8)]
    running = forked.start("--cluster", dask.address, "-w", "4", "-o", "data", *urls)
    until(lambda: server.at_once == 8)
    members = dask.members()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 130
    assert out.count(b"cancelled") == 8
    assert b"Traceback" not in err
    until(lambda: not any(map(is_there, members)))


def test_a_run_whose_command_was_killed_is_finished_by_the_same_command(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    """Nothing of the killed run writes while the next one is at work."""
    urls = list(_slow_pages(server, 100, 0.2))
    command = ("--cluster", dask.address, "-w", "2", "-o", "data", "--if-exists", "skip")
    name = _list_of(forked, urls)
    randomness = random.Random(19)
    for _ in range(3):
        running = forked.start(*command, name)
        until(lambda: len(dask.members()) == 2)
        time.sleep(randomness.uniform(0, 1.5))
        running.kill()
        running.communicate(timeout=LONGEST)
    ended = forked(*command, name)
    assert ended.status == 0
    assert "waiting until the processes of a killed run" in ended.err
    _is_whole(ended.out, forked.directory, urls)
    assert not list((forked.directory / "data" / ".pyfetch" / "parts").glob("*"))


def test_a_process_that_hangs_is_killed_and_its_work_goes_to_others(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    urls = list(_slow_pages(server, 20, 0.3))
    running = forked.start(
        "--cluster", dask.address, "-w", "2", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: server.at_once == 4)
    member = dask.members()[0]
    os.kill(member, signal.SIGSTOP)
    out, err = running.communicate(timeout=3 * LONGEST)
    assert running.returncode == 0, err
    assert not is_there(member)
    _is_whole(out, forked.directory, urls)


def test_a_worker_keeps_nothing_of_the_runs_that_it_had(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    """It may live for months."""
    server.pages["/x"] = Page(b"x")
    other = dask.workers.pop()
    other.kill()
    other.wait()
    worker = Path(f"/proc/{dask.workers[0].pid}")
    kept = []
    for _ in range(4):
        assert forked("--cluster", dask.address, "--discard", f"{server.url}/x").status == 0
        time.sleep(0.5)
        kept.append([len(list((worker / each).iterdir())) for each in ("task", "fd")])
    assert kept[3][0] <= kept[1][0]
    assert kept[3][1] <= kept[1][1]
