"""Runs on a Dask cluster of real processes, some of which are killed, added and stopped."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from distributed import Client

from pyfetch.storage.lock import LEASE
from tests.support.command import InstalledCommand
from tests.support.dask_commands import DaskCommands, dask_commands
from tests.support.processes import children_of, is_there
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

pytestmark = pytest.mark.slow
LONGEST = 60.0
LANES = 4
"""So many runs at once."""


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


def _is_whole(out: bytes | str, directory: Path, urls: list[str], output: str = "data") -> None:
    """Each row once, in order, and each byte right."""
    text = out if isinstance(out, str) else out.decode()
    assert [line.split("\t")[2] for line in text.splitlines()] == urls
    for number in range(len(urls)):
        assert (directory / output / str(number)).read_bytes() == f"file {number} ".encode() * 1000


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


@pytest.mark.parametrize(("victim", "moments"), [("worker", 20), ("member", 8)])
def test_what_is_killed_at_any_moment_leaves_its_work_to_another(
    forked: InstalledCommand,
    server: LoopbackServer,
    tmp_path_factory: pytest.TempPathFactory,
    victim: str,
    moments: int,
) -> None:
    """Four runs at a time, each on a cluster of its own, which gets another worker after each."""
    urls = list(_slow_pages(server, 40, 0.1))  # a second for two workers
    name, starting = _list_of(forked, urls), threading.Lock()

    def kill_at(seeds: range) -> None:
        with starting:
            directory = tmp_path_factory.mktemp("dask")
        with dask_commands(directory) as dask:
            for seed in seeds:
                with starting:
                    running = forked.start(
                        "--cluster", dask.address, "-w", "2", "-o", f"data-{seed}", name
                    )
                _kill_one(dask, victim, random.Random(seed))
                out, err = running.communicate(timeout=LONGEST)
                assert running.returncode == 0, (seed, err)
                _is_whole(out, forked.directory, urls, f"data-{seed}")
                # A worker that is there says how a process has ended: nobody waits for a lease.
                assert victim == "worker" or b"broke" not in err

    with ThreadPoolExecutor(LANES) as lanes:
        list(lanes.map(kill_at, [range(lane, moments, LANES) for lane in range(LANES)]))


def _kill_one(dask: DaskCommands, victim: str, randomness: random.Random) -> None:
    """Kill a worker or a member: a quarter while all starts, the others while files come."""
    if victim == "member" or randomness.random() > 1 / 4:
        until(lambda: bool(dask.members()), "a member")
    time.sleep(randomness.uniform(0, 1.5))
    if victim == "worker":
        worker = dask.workers.pop(0)
        members = children_of(worker.pid)
        worker.kill()
        worker.wait()
        until(lambda: not any(map(is_there, members)))
        dask.add_worker()
        return
    for member in dask.members()[:1]:  # none if the run was over before
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def test_a_worker_that_comes_late_gets_work(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    urls = list(_slow_pages(server, 240, 0.3))
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


@pytest.mark.parametrize("how", ["SIGTERM", "SIGTERM to its nanny", "retire_workers"])
def test_a_worker_that_is_retired_gives_its_work_back(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands, how: str
) -> None:
    """One joins and another leaves in mid-run, as where a cluster adapts."""
    urls = list(_slow_pages(server, 60, 0.3))
    if how == "SIGTERM to its nanny":
        first = dask.workers.pop(0)
        first.kill()
        first.wait()
        dask.add_worker(nanny=True)
        dask.workers.reverse()
    running = forked.start(
        "--cluster", dask.address, "-w", "2", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: server.at_once == 4)
    dask.add_worker()
    if "SIGTERM" in how:
        dask.workers[0].terminate()
    else:
        with Client(dask.address, set_as_default=False) as client:
            client.retire_workers([next(iter(client.nthreads()))])
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    # Without a nanny, a signal ends all connections of a worker at once: then nobody can say so.
    assert b"a process ended (" in err
    assert how == "SIGTERM" or b"a process ended (its Dask worker closes)" in err
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


def test_a_command_that_was_suspended_goes_on_with_new_processes(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands
) -> None:
    """As a laptop is. No URL is to blame that its processes have ended meanwhile."""
    urls = list(_slow_pages(server, 4, LEASE + 3))
    running = forked.start(
        "--cluster", dask.address, "-w", "2", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: server.at_once == 4)
    members = dask.members()
    running.send_signal(signal.SIGSTOP)
    until(lambda: not any(map(is_there, members)))
    running.send_signal(signal.SIGCONT)
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    assert b"a process ended (it heard nothing of the command for too long)" in err
    _is_whole(out, forked.directory, urls)


@pytest.mark.parametrize("what", ["process", "machine"])
def test_what_hangs_is_taken_for_dead_and_its_work_goes_to_others(
    forked: InstalledCommand, server: LoopbackServer, dask: DaskCommands, what: str
) -> None:
    """A machine that goes on later, in the middle of files that others have fetched, harms none."""
    urls = list(_slow_pages(server, 20, 0.3))
    running = forked.start(
        "--cluster", dask.address, "-w", "2", "-o", "data", _list_of(forked, urls)
    )
    until(lambda: server.at_once == 4)
    member = children_of(dask.workers[0].pid)[0]
    os.kill(member, signal.SIGSTOP)
    if what == "machine":
        dask.workers[0].send_signal(signal.SIGSTOP)
    out, err = running.communicate(timeout=3 * LONGEST)
    assert running.returncode == 0, err
    _is_whole(out, forked.directory, urls)
    if what == "machine":
        assert is_there(member)
        dask.workers[0].send_signal(signal.SIGCONT)
        os.kill(member, signal.SIGCONT)
        until(lambda: not is_there(member))
        _is_whole(out, forked.directory, urls)
    assert not is_there(member)
    again = forked("--cluster", dask.address, "-o", "data", "--if-exists", "skip", *urls)
    assert {row[0] for row in again.rows} == {"-"}


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
