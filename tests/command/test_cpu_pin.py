"""On which CPUs the threads of a run are: on one, but for work that needs no interpreter's lock.

On a machine with one CPU there is nothing to be seen of most of it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyfetch import cpu, fetch_all
from tests.support.command import InstalledCommand
from tests.support.processes import children_of
from tests.support.server import Handler, LoopbackServer
from tests.support.waiting import until

ALL = frozenset(os.sched_getaffinity(0))
MUCH = b"x" * (1 << 20)
several = pytest.mark.skipif(len(ALL) < 2, reason="this machine has one CPU")


def where(process: int) -> Counter[frozenset[int]]:
    """How many of its threads may be on which CPUs."""
    found: Counter[frozenset[int]] = Counter()
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            found[frozenset(os.sched_getaffinity(int(thread.name)))] += 1
    return found


def home_of(process: int, elsewhere: int = 0) -> int | None:
    """The one CPU on which all threads are, but for so many that may be on any."""
    places = where(process)
    if places.pop(ALL, 0) != elsewhere or len(places) != 1:
        return None
    ((home, *others),) = places
    return None if others else home


@contextmanager
def running(installed: InstalledCommand, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run that ends with what is done with it."""
    with installed.start(*arguments) as run:
        try:
            yield run
        finally:
            run.kill()


@contextmanager
def waiting(
    installed: InstalledCommand, server: LoopbackServer, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A run of several workers that wait for answers."""
    server.routes["/"] = Handler.stall
    urls = [f"{server.url}/?{n}" for n in range(40)]
    with running(installed, "--workers", "8", *arguments, *urls) as run:
        until(lambda: len(server.asked) == 8)
        yield run


def inside(program: str) -> str:
    """What a program says that is run by itself."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@several
def test_the_threads_of_a_run_are_on_one_cpu(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    with waiting(forked, server) as run:
        until(lambda: home_of(run.pid) in ALL)  # on a busy machine not always


@several
def test_without_the_pin_every_thread_may_be_on_any_cpu(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    with waiting(forked, server, "--no-cpu-pin") as run:
        assert set(where(run.pid)) == {ALL}


@several
def test_of_several_processes_those_that_fetch_are_each_on_another_one(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    with waiting(forked, server, "--processes", "2") as run:
        one, two = children_of(run.pid)
        # The thread that waits for the end of the run was started before, and never computes.
        until(lambda: home_of(one, elsewhere=1) in ALL and home_of(two, elsewhere=1) in ALL)
        assert home_of(one, elsewhere=1) != home_of(two, elsewhere=1)
        assert set(where(run.pid)) == {ALL}


@several
def test_what_streams_fast_may_be_anywhere_until_it_has_come(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    seen = threading.Event()

    def much(handler: Handler) -> None:
        handler.head(200)
        with contextlib.suppress(OSError):
            while not seen.is_set():
                handler.wfile.write(MUCH)
        handler.cut()

    server.routes |= {"/much": much, "/then": Handler.stall}
    urls = f"{server.url}/much", f"{server.url}/then"
    with running(forked, "--workers", "1", "--discard", *urls) as run:
        until(lambda: home_of(run.pid, elsewhere=1) in ALL)
        seen.set()
        until(lambda: home_of(run.pid) in ALL)


@several
def test_who_shakes_hands_may_be_anywhere(forked: InstalledCommand) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        running(forked, f"https://127.0.0.1:{silent.getsockname()[1]}/") as run,
    ):
        until(lambda: home_of(run.pid, elsewhere=1) in ALL)


@several
def test_who_hashes_a_file_may_be_anywhere(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    with (forked.directory / "zeros").open("wb") as file:
        file.truncate(1 << 36)  # takes a minute to be read and no room
    with running(forked, f"{server.url}/zeros#sha256={'0' * 64}") as run:
        until(lambda: home_of(run.pid, elsewhere=1) in ALL)


def test_the_threads_of_a_program_that_uses_the_library_stay_where_they_are(
    server: LoopbackServer,
) -> None:
    for _ in fetch_all([f"{server.url}/"], discard=True, retries=0):
        assert set(where(os.getpid())) == {ALL}


def test_the_number_of_cpus_stays_what_it_was() -> None:
    said = inside("""
        from pyfetch import cpu
        before = cpu.available()
        cpu.pin(0)
        print(before, cpu.available())
    """)
    assert said == f"{len(ALL)} {len(ALL)}"
    assert cpu.available() == len(ALL)


@several
def test_threads_that_are_started_later_are_on_the_same_cpu() -> None:
    said = inside("""
        import os, threading
        from pyfetch import cpu
        cpu.pin(1)
        places = []
        thread = threading.Thread(target=lambda: places.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
        print(places == [os.sched_getaffinity(0)], len(places[0]))
        with cpu.anywhere():
            print(len(os.sched_getaffinity(0)) > 1)
        print(places == [os.sched_getaffinity(0)])
    """)
    assert said.split() == ["True", "1", "True", "True"]


@pytest.mark.parametrize(
    "refusing",
    [
        pytest.param(
            "def refused(*_): raise PermissionError\nos.sched_setaffinity = refused", id="a sandbox"
        ),
        pytest.param("del os.sched_setaffinity", id="macOS"),
        pytest.param("sys._is_gil_enabled = lambda: False", id="free threading"),
    ],
)
def test_nothing_is_pinned_where_that_is_refused_or_unknown_or_of_no_use(refusing: str) -> None:
    said = inside(
        f"import os, sys\nfrom pyfetch import cpu\nbefore = os.sched_getaffinity(0)\n{refusing}\n"
        "cpu.pin(0)\n"
        "with cpu.anywhere():\n    print(os.sched_getaffinity(0) == before)\n"
        "print(os.sched_getaffinity(0) == before, cpu.available() == len(before))"
    )
    assert said.split() == ["True"] * 3
