"""Processes that workload the work: what holds for one holds for several."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pyfetch.cluster.process import WorkerProcess
from pyfetch.cluster.workload import split_settings
from pyfetch.cpu_share import cpu_share
from pyfetch.settings import Settings
from pyfetch.storage.directory import OutputDirectory
from tests.support.command import Command, InstalledCommand
from tests.support.processes import (
    catches,
    children_of,
    connected_from,
    in_group,
    is_there,
    suspend,
)
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import STOP, until, within

pytestmark = pytest.mark.slow  # each starts several interpreters

TWO = ("--processes", "2")
LONGEST = 60.0


@pytest.fixture
def hundred(server: LoopbackServer) -> list[str]:
    """The URLs of a hundred files."""
    for number in range(100):
        server.pages[f"/{number}"] = Page(f"file {number}".encode() * 100)
    return [f"{server.url}/{number}" for number in range(100)]


def test_all_come_in_order_each_once_and_a_rerun_knows_them(
    installed: InstalledCommand,
    forked: InstalledCommand,
    server: LoopbackServer,
    hundred: list[str],
) -> None:
    urls = "\n".join([*hundred, "no-url", f"{server.url}/none", hundred[0]])
    ended = installed(*TWO, "-o", "data", stdin=urls)
    assert [row[2] for row in ended.rows] == urls.split("\n")
    assert [row[4] for row in ended.rows] == ["-"] * 100 + ["invalid-url", "http", "-"]
    assert ended.status == 1
    for number in range(100):
        body = (installed.directory / "data" / str(number)).read_bytes()
        assert body == server.pages[f"/{number}"].body
    assert sorted(server.paths()) == sorted([*(f"/{n}" for n in range(100)), "/none", "/0"])
    assert [row[0] for row in ended.rows[-1:]] == ["304"]  # asked with what the first one told
    server.asked.clear()
    again = forked(*TWO, "-o", "data", *hundred)
    assert {row[0] for row in again.rows} == {"304"}
    assert "unchanged 100" in again.err


def test_an_output_directory_that_is_swapped_before_a_process_opens_it_ends_the_run(
    pyfetch: Command, hundred: list[str]
) -> None:
    data = pyfetch.directory / "data"
    begin = WorkerProcess.begin

    def swap_and_begin(process: WorkerProcess, *arguments: Any) -> None:
        if not data.with_name("moved").exists():
            data.rename(data.with_name("moved"))
            (data / ".pyfetch" / "parts").mkdir(parents=True)
        begin(process, *arguments)

    # This process notices, too, but perhaps only when files were written.
    with (
        mock.patch.object(WorkerProcess, "begin", swap_and_begin),
        mock.patch.object(OutputDirectory, "check"),
    ):
        ended = pyfetch(*TWO, "-o", "data", *hundred)
    assert ended.status == 3
    assert "renamed, removed or made anew" in ended.err
    assert sorted(path.name for path in data.rglob("*")) == [".pyfetch", "parts"]


def test_workers_are_the_total(forked: InstalledCommand, server: LoopbackServer) -> None:
    meeting = threading.Barrier(5)

    def meet(handler: Handler) -> None:
        meeting.wait(LONGEST)
        handler.answer(200, b"met")

    for number in range(10):
        server.routes[f"/{number}"] = meet
    urls = [f"{server.url}/{number}" for number in range(10)]
    ended = forked(*TWO, "--workers", "5", "--discard", *urls)
    assert ended.status == 0  # five met, twice …
    assert server.most_at_once == 5  # … and never more


def test_caps_for_a_host_hold_over_all_processes(
    forked: InstalledCommand, server: LoopbackServer, hundred: list[str]
) -> None:
    ended = forked(*TWO, "--per-host", "3", "--workers", "8", "--discard", *hundred)
    assert ended.status == 0
    assert server.most_at_once <= 3


def test_workers_are_divided_and_are_no_more_than_the_whole() -> None:
    parts = split_settings(Settings(workers=9, max_workers=21, processes=4, per_host=3, rate=2.0))
    assert len(parts) == 4
    assert sum(part.most_workers for part in parts) == 9
    assert sum(part.max_workers for part in parts) == 21
    # The coordinator divides the limits for hosts, as it knows who asks which host.
    assert {(part.per_host, part.rate) for part in parts} == {(3, 2.0)}


def test_there_are_no_more_processes_than_workers() -> None:
    assert len(split_settings(Settings(workers=2, processes=8))) == 2


def test_a_failure_that_may_pass_is_tried_again(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    asked = []

    def second_time(handler: Handler) -> None:
        asked.append(1)
        handler.answer(200 if len(asked) > 1 else 500, b"x")

    server.routes["/x"] = second_time
    ended = forked(*TWO, "-v", f"{server.url}/x")
    assert ended.rows[0][0] == "200"
    assert "attempt 1" in ended.err  # what a process logs is shown


def test_a_process_that_is_killed_leaves_its_work_to_another(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    body = os.urandom(400_000)
    go_on = threading.Event()

    def slowly(handler: Handler) -> None:
        handler.head(200, Content_Length=str(len(body)), ETag='"v1"')
        handler.send(body[:100_000])
        handler.wfile.flush()
        go_on.wait(LONGEST)
        handler.send(body[100_000:])

    for number in range(30):
        server.routes[f"/{number}"] = slowly
    urls = "\n".join(f"{server.url}/{number}" for number in range(30))
    (forked.directory / "list").write_text(urls)
    running = forked.start(*TWO, "-o", "data", "list")
    until(lambda: server.at_once == 8)
    first, *_ = processes = children_of(running.pid)
    assert len(processes) == 2
    os.kill(first, signal.SIGKILL)
    go_on.set()
    out, err = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, err
    assert [line.split("\t")[2] for line in out.decode().splitlines()] == urls.split("\n")
    assert b"SIGKILL" in err
    for number in range(30):
        assert (forked.directory / "data" / str(number)).read_bytes() == body


def test_a_url_under_which_processes_end_is_given_up_and_the_others_come(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    """Whatever is the cause: one URL does not take a run down with it."""
    deaths: list[int] = []
    started: Future[subprocess.Popen[bytes]] = Future()

    def kill(handler: Handler) -> None:
        process = connected_from(
            handler.client_address[1], children_of(started.result(LONGEST).pid)
        )
        assert process
        deaths.append(process)
        os.kill(process, signal.SIGKILL)
        handler.stall()

    server.routes["/deadly"] = kill
    server.pages["/x"] = Page(b"x")
    urls = f"{server.url}/x\n{server.url}/deadly\n{server.url}/x?2\n"
    (installed.directory / "list").write_text(urls)
    running = installed.start(*TWO, "--discard", "--workers", "1", "list")
    started.set_result(running)
    out, _ = running.communicate(timeout=LONGEST)
    rows = [line.split("\t") for line in out.decode().splitlines()]
    assert [row[4] for row in rows] == ["-", "worker", "-"]
    assert running.returncode == 1
    assert len(deaths) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all(
    forked: InstalledCommand, server: LoopbackServer, number: signal.Signals
) -> None:
    server.pages["/first"] = Page(b"first")
    server.routes["/stalls"] = Handler.stall
    (forked.directory / "list").write_text(f"{server.url}/first\n" + f"{server.url}/stalls\n" * 20)
    running = forked.start(*TWO, "--unordered", "-o", "data", "list", start_new_session=True)
    assert running.stdout
    assert b"first" in running.stdout.readline()
    until(lambda: server.at_once == 1)  # the others wait for their name
    processes = children_of(running.pid)
    began = time.monotonic()
    os.killpg(running.pid, number)  # as a terminal does
    out, err = running.communicate(timeout=LONGEST)
    assert within(STOP, time.monotonic() - began)
    assert running.returncode == 128 + number
    assert b"cancelled" in out
    assert b"Traceback" not in err
    until(lambda: not any(is_there(process) for process in processes))


def test_processes_end_with_the_run_that_made_them(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    for number in range(8):
        server.routes[f"/{number}"] = Handler.stall
    urls = [f"{server.url}/{number}" for number in range(8)]
    running = forked.start(*TWO, "-o", "data", *urls)
    until(lambda: server.at_once == 8)
    processes = children_of(running.pid)
    running.kill()
    running.communicate(timeout=LONGEST)
    until(lambda: not any(is_there(process) for process in processes))


def test_processes_that_are_suspended_end_with_their_run_too(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    """A process that was stopped in the middle must not put a file of the next run in its place."""
    body = b"x" * 20_000
    halves: list[threading.Event] = [threading.Event(), threading.Event()]

    def in_halves(handler: Handler) -> None:
        number = len(server.asked) - 1
        handler.head(200, Content_Length=str(len(body)))
        handler.send(body[:10_000])
        handler.wfile.flush()
        halves[number].wait(LONGEST)
        handler.send(body[10_000:])

    server.routes["/x"] = in_halves
    first = forked.start(*TWO, "-o", "data", f"{server.url}/x")
    until(lambda: server.at_once == 1)
    children = children_of(first.pid)
    for child in children:
        suspend(child)
    first.kill()
    until(lambda: not any(map(is_there, children)))
    first.communicate(timeout=LONGEST)
    halves[0].set()
    halves[1].set()
    assert forked(*TWO, "-o", "data", f"{server.url}/x").status == 0
    assert (forked.directory / "data" / "x").read_bytes() == body


def test_processes_hold_the_lock_so_that_none_is_left_when_another_run_gets_it(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    """Where the system does not end them with their run, the next one waits for them."""
    process = None
    started: Future[subprocess.Popen[bytes]] = Future()

    def look(handler: Handler) -> None:
        nonlocal process
        process = connected_from(
            handler.client_address[1], children_of(started.result(LONGEST).pid)
        )
        handler.stall()

    server.routes["/x"] = look
    running = forked.start(*TWO, "-o", "data", f"{server.url}/x")
    started.set_result(running)
    until(lambda: process is not None)
    held = {str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()}
    assert str(forked.directory / "data" / ".pyfetch" / "lock") in held
    running.kill()
    running.communicate(timeout=LONGEST)


@pytest.mark.parametrize("option", ["--cookies", "--netrc-file", "--cacert", "--cert"])
def test_a_file_that_cannot_be_used_is_known_before_anything_is_made(
    forked: InstalledCommand, server: LoopbackServer, option: str
) -> None:
    ended = forked(*TWO, option, "/nonexistent", "-o", "data", f"{server.url}/x")
    assert (ended.status, len(ended.err.splitlines())) == (2, 1)
    assert not (forked.directory / "data").exists()


def test_a_signal_while_processes_start_shows_no_traceback(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/x"] = Handler.stall
    """Other moments are with the tests of stress."""
    running = installed.start(*TWO, "--discard", f"{server.url}/x", start_new_session=True)
    until(lambda: children_of(running.pid) != [])
    time.sleep(0.02)
    has_begun = catches(running.pid, signal.SIGINT)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=LONGEST)
    assert b"Traceback" not in err
    # Until the run has handlers of its own, the signal just ends it, which a shell calls 130.
    assert running.returncode in ((130,) if has_begun else (130, -signal.SIGINT))


def test_processes_are_started_ahead_and_those_that_are_not_needed_end(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/x"] = Handler.stall
    running = forked.start(*TWO, "--discard", f"{server.url}/x", start_new_session=True)
    until(lambda: server.at_once == 1)
    children = children_of(running.pid)
    assert len(children) == 2  # though one URL needs one
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=LONGEST)
    assert running.returncode == 143
    until(lambda: not any(map(is_there, children)))


def test_the_command_forks_them_with_what_they_need(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    """They are the same interpreter, and have neither its terminal nor its list open."""
    server.routes["/x"] = Handler.stall
    running = installed.start(*TWO, "--discard", stdin=subprocess.PIPE)
    assert running.stdin
    running.stdin.write(f"{server.url}/x\n".encode())
    running.stdin.flush()
    until(lambda: server.at_once == 1)
    command = Path(f"/proc/{running.pid}/cmdline").read_bytes()
    for child in children_of(running.pid):
        assert Path(f"/proc/{child}/cmdline").read_bytes() == command
        opened = [str(link.readlink()) for link in Path(f"/proc/{child}/fd").iterdir()]
        ours = [str(link.readlink()) for link in Path(f"/proc/{running.pid}/fd").iterdir()]
        assert opened.count("/dev/null") == 1
        shared = {name for name in set(opened) & set(ours) if name.startswith(("pipe", "/"))}
        assert len(shared - {"/dev/null"}) == 2  # its output, and what says that the run has ended
    running.kill()
    running.communicate(timeout=LONGEST)


def test_processes_end_where_the_run_does_not_even_begin(forked: InstalledCommand) -> None:
    running = forked.start(*TWO, "missing-list", start_new_session=True)
    _, err = running.communicate(timeout=LONGEST)
    assert (running.returncode, len(err.splitlines())) == (2, 1)
    until(lambda: in_group(running.pid) == [])


def test_what_a_killed_process_had_fetched_is_not_somebody_else_s(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    """With `--if-exists fail`, a file that this run has put there does not fail its URL."""
    server.pages["/x"] = Page(b"x")
    killed: list[int] = []
    started: Future[subprocess.Popen[bytes]] = Future()

    def kill_when_it_is_there(handler: Handler) -> None:
        if not killed:
            until((forked.directory / "data" / "x").exists)
            # Its result may have been told already: then there is nothing to mend, nor to see.
            killed.extend(children_of(started.result(LONGEST).pid))
            for child in killed:
                os.kill(child, signal.SIGKILL)
        handler.answer(200, b"y")

    server.routes["/y"] = kill_when_it_is_there
    (forked.directory / "list").write_text(f"{server.url}/x\n{server.url}/y\n")
    running = forked.start(*TWO, "--if-exists", "fail", "-o", "data", "list")
    started.set_result(running)
    out, _ = running.communicate(timeout=LONGEST)
    assert [line.split("\t")[4] for line in out.decode().splitlines()] == ["-", "-"]


def test_a_full_disk_stops_the_run(
    forked: InstalledCommand, server: LoopbackServer, small_disk: Path
) -> None:
    for number in range(20):
        server.pages[f"/{number}"] = Page(os.urandom(100_000))
    urls = [f"{server.url}/{number}" for number in range(20)]
    ended = forked(*TWO, "-o", str(small_disk), "--min-free", "500K", *urls)
    assert ended.status == 3
    assert "--min-free" in ended.err
    assert "Traceback" not in ended.err


def test_fail_fast_stops_all_of_them(forked: InstalledCommand, server: LoopbackServer) -> None:
    for number in range(10):
        server.routes[f"/{number}"] = Handler.stall
    urls = [f"{server.url}/none", *(f"{server.url}/{number}" for number in range(10))]
    began = time.monotonic()
    ended = forked(*TWO, "--fail-fast", "--unordered", *urls)
    assert ended.status == 1
    assert ended.rows[0][4] == "http"
    assert within(5, time.monotonic() - began)


def test_a_host_that_must_wait_idles_no_worker_that_another_could_use(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    """The list begins with many URLs of a host that has a cap, so that others stand far behind."""
    with LoopbackServer("127.0.0.2") as other:
        server.routes["/slow"] = Handler.stall
        other.pages["/x"] = Page(b"x")
        other_url = other.url.replace("127.0.0.1", "127.0.0.2")
        urls = [f"{server.url}/slow?{n}" for n in range(500)] + [f"{other_url}/x"]
        (forked.directory / "list").write_text("\n".join(urls))
        running = forked.start(*TWO, "--per-host", "2", "--discard", "list")
        until(lambda: other.connections > 0)
        running.kill()
        running.communicate(timeout=LONGEST)


def test_auto_is_as_many_as_this_process_may_use(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    allowed = cpu_share()
    assert Settings(processes="auto").process_number == allowed.number
    with mock.patch("pyfetch.cpu_share.cpu_share", return_value=allowed._replace(number=7)):
        assert Settings(processes="auto").process_number == 7  # as a control group says, too
    server.pages["/x"] = Page(b"x")
    assert forked("--processes", "auto", f"{server.url}/x").status == 0
    for wrong in ("0", "65", "x", "-1"):
        assert pyfetch("--processes", wrong, f"{server.url}/x").status == 2


def test_a_program_that_uses_the_library_needs_no_guard(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.pages["/x"] = Page(b"hello")
    program = tmp_path / "program.py"
    program.write_text(
        "from pyfetch import fetch_all\n"
        f"for result in fetch_all(['{server.url}/x'] * 3, processes=2, discard=True):\n"
        "    print(result.sha256)\n"
    )
    (tmp_path / "requests.py").write_text("raise SystemExit('what lies here is not imported')\n")
    ended = subprocess.run(
        [sys.executable, "-P", str(program)], cwd=tmp_path, capture_output=True, timeout=LONGEST
    )
    assert ended.stdout.decode().split() == [hashlib.sha256(b"hello").hexdigest()] * 3


def test_the_summary_says_how_often_hosts_were_asked(
    forked: InstalledCommand, server: LoopbackServer, hundred: list[str]
) -> None:
    ended = forked(*TWO, "--rate", "25/s", "--discard", *hundred[:40])
    assert ended.status == 0
    said = next(line for line in ended.err.splitlines() if "asked most" in line)
    name = re.escape(server.url.removeprefix("http://"))
    rate = re.search(rf"{name} ([\d.]+)/s \(40 requests\)", said)
    assert rate
    assert 1 < float(rate[1]) < 26
    lines = forked(*TWO, "--progress", "json", "--discard", *hundred).err.splitlines()
    (host,) = json.loads(lines[-1])["hosts"]
    assert (host["origin"], host["requests"]) == (server.url, 100)
