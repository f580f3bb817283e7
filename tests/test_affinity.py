"""On which CPUs the threads of a run are: on one, but where that is no good."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyfetch import fetch_all
from pyfetch.affinity import Affinity, Busy, processors
from tests.conftest import Command
from tests.server import Handler, LoopbackServer
from tests.test_processes import children_of, in_time

ALL = os.sched_getaffinity(0)
MUCH = b"x" * (1 << 20)


def where(process: int) -> set[frozenset[int]]:
    """What its threads may be on, however many of them share that."""
    found = set()
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            found.add(frozenset(os.sched_getaffinity(int(thread.name))))
    return found


def is_gathered(process: int) -> bool:
    """Whether all of its threads are on one CPU, the same."""
    places = where(process)
    return len(places) == 1 and len(next(iter(places))) == 1


@contextmanager
def waiting(
    pyfetch: Command, server: LoopbackServer, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A run of several workers that wait for answers."""
    server.routes["/"] = Handler.stall
    urls = [f"{server.url}/?{n}" for n in range(40)]
    with pyfetch.start("--workers", "8", *arguments, *urls) as run:
        in_time(lambda: len(server.asked) == 8)
        try:
            yield run
        finally:
            run.kill()


def inside(program: str) -> str:
    """What a program says that is run by itself."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_threads_of_a_run_are_on_one_cpu(pyfetch: Command, server: LoopbackServer) -> None:
    with waiting(pyfetch, server) as run:
        in_time(lambda: is_gathered(run.pid))  # on a busy machine not always
        assert frozenset.union(*where(run.pid)) <= ALL


def test_of_several_processes_those_that_fetch_are_each_on_one(
    pyfetch: Command, server: LoopbackServer
) -> None:
    with waiting(pyfetch, server, "--processes", "2") as run:
        assert where(run.pid) == {frozenset(ALL)}
        one, two = children_of(run.pid)
        in_time(lambda: is_gathered(one))
        in_time(lambda: is_gathered(two))


def test_they_go_apart_while_others_want_that_cpu(pyfetch: Command, server: LoopbackServer) -> None:
    with waiting(pyfetch, server) as run:
        in_time(lambda: is_gathered(run.pid))
        home = frozenset.union(*where(run.pid))
        hog = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"
        with subprocess.Popen([sys.executable, "-c", hog, str(*home)]) as other:
            try:
                in_time(lambda: where(run.pid) == {frozenset(ALL)})
            finally:
                other.kill()
        in_time(lambda: is_gathered(run.pid))


def test_what_streams_fast_may_be_anywhere(pyfetch: Command, server: LoopbackServer) -> None:
    def endless(handler: Handler) -> None:
        handler.head(200)
        with contextlib.suppress(OSError):
            while not server.over.is_set():
                handler.wfile.write(MUCH)

    server.routes["/much"] = endless
    with pyfetch.start(f"{server.url}/much", "--discard") as run:
        try:
            in_time(lambda: frozenset(ALL) in where(run.pid))
        finally:
            run.kill()


def test_the_threads_of_a_program_that_uses_the_library_stay_where_they_are(
    server: LoopbackServer,
) -> None:
    for _ in fetch_all([f"{server.url}/"], discard=True, retries=0):
        assert where(os.getpid()) == {frozenset(ALL)}


def test_the_number_of_cpus_stays_what_it_was(server: LoopbackServer) -> None:
    said = inside("""
        from pyfetch.affinity import affinity, processors
        before = processors()
        affinity.gather()
        print(before, processors())
    """)
    assert said == f"{len(ALL)} {len(ALL)}"
    assert processors() == len(ALL)


def test_a_thread_leaves_and_comes_back_alone() -> None:
    said = inside("""
        import os, threading, time
        from pyfetch.affinity import affinity
        thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
        thread.start()
        affinity.gather()
        other = thread.native_id
        home = os.sched_getaffinity(0)
        with affinity.anywhere():
            print(os.sched_getaffinity(0) == affinity.allowed, os.sched_getaffinity(other) == home)
        print(os.sched_getaffinity(0) == home, len(home))
    """)
    assert said.split() == ["True", "True", "True", "1"]


@pytest.mark.parametrize(
    ("all_", "ours", "crowded"),
    [
        pytest.param(1.0, 1.0, False, id="all of it was ours"),
        pytest.param(0.0, 0.0, False, id="nobody wanted it"),
        pytest.param(1.0, 0.5, True, id="half of it was others'"),
        pytest.param(1.0, 2.0, False, id="some of us were elsewhere"),
        pytest.param(0.2, 0.0, False, id="others took little"),
    ],
)
def test_a_cpu_is_crowded_by_what_others_take(all_: float, ours: float, *, crowded: bool) -> None:
    before = Busy(100.0, 50.0, 20.0)
    assert Busy(101.0, 50.0 + all_, 20.0 + ours).crowded_since(before) is crowded


def test_nothing_is_done_where_the_system_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: object) -> None:
        raise PermissionError

    moved: list[object] = []
    monkeypatch.setattr("pyfetch.affinity._busy", unreadable)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, where: moved.append(where))
    affinity = Affinity()
    affinity.gather()
    assert all(place == ALL for place in moved)
    moved.clear()
    affinity.leave()
    affinity.come_back()
    monkeypatch.delattr(os, "sched_getaffinity")
    Affinity().gather()
    assert not moved
