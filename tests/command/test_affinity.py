"""On which CPUs the threads of a run are: on one, but where that is no good.

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

from pyfetch import fetch_all
from pyfetch.affinity import Affinity, Busy, processors
from tests.support.command import COMMAND, InstalledCommand
from tests.support.processes import children_of
from tests.support.server import Handler, LoopbackServer, Page
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
    """The one CPU on which all threads are but for so many, and for the one that watches it."""
    places = where(process)
    if places.pop(ALL, 0) != elsewhere + 1 or len(places) != 1:
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
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    with waiting(installed, server) as run:
        until(lambda: home_of(run.pid) in ALL)  # on a busy machine not always


@several
def test_of_several_processes_those_that_fetch_are_each_on_one(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    with waiting(installed, server, "--processes", "2") as run:
        one, two = children_of(run.pid)
        until(lambda: home_of(one) in ALL)
        until(lambda: home_of(two) in ALL)
        assert set(where(run.pid)) == {ALL}


@several
def test_they_go_apart_while_others_want_that_cpu(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    with waiting(installed, server) as run:
        homes: list[int] = []

        def is_gathered() -> bool:
            home = home_of(run.pid)
            homes.extend([] if home is None else [home])
            return home is not None

        until(is_gathered)
        hog = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"
        with subprocess.Popen([sys.executable, "-c", hog, str(homes[-1])]) as other:
            try:
                until(lambda: set(where(run.pid)) == {ALL})
            finally:
                other.kill()
        until(lambda: home_of(run.pid) in ALL)


@several
def test_what_streams_fast_may_be_anywhere_until_it_has_come(
    installed: InstalledCommand, server: LoopbackServer
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
    with running(installed, "--workers", "1", "--discard", *urls) as run:
        until(lambda: home_of(run.pid, elsewhere=1) in ALL)
        seen.set()
        until(lambda: home_of(run.pid) in ALL)


@several
def test_who_shakes_hands_may_be_anywhere(installed: InstalledCommand) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        running(installed, f"https://127.0.0.1:{silent.getsockname()[1]}/") as run,
    ):
        until(lambda: home_of(run.pid, elsewhere=1) in ALL)


@several
def test_who_hashes_a_file_may_be_anywhere(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    with (installed.directory / "zeros").open("wb") as file:
        file.truncate(1 << 36)  # takes a minute to be read and no room
    with running(installed, f"{server.url}/zeros#sha256={'0' * 64}") as run:
        until(lambda: home_of(run.pid, elsewhere=1) in ALL)


def test_the_threads_of_a_program_that_uses_the_library_stay_where_they_are(
    server: LoopbackServer,
) -> None:
    for _ in fetch_all([f"{server.url}/"], discard=True, retries=0):
        assert set(where(os.getpid())) == {ALL}


def test_the_number_of_cpus_stays_what_it_was() -> None:
    said = inside("""
        from pyfetch.affinity import affinity, processors
        before = processors()
        affinity.gather()
        print(before, processors())
    """)
    assert said == f"{len(ALL)} {len(ALL)}"
    assert processors() == len(ALL)


def test_who_has_left_stays_where_it_is_though_the_others_move() -> None:
    said = inside("""
        import os
        from pyfetch.affinity import affinity
        affinity.gather()
        home, = os.sched_getaffinity(0)
        with affinity.anywhere():
            affinity._scatter()
            affinity._gather(home)
            print(os.sched_getaffinity(0) == affinity.allowed)
        print(os.sched_getaffinity(0) == {home})
        affinity._scatter()
        with affinity.anywhere():
            affinity._gather(home)
            print(os.sched_getaffinity(0) == affinity.allowed)
        print(os.sched_getaffinity(0) == {home})
    """)
    assert said.split() == ["True"] * 4


@several
def test_what_is_computed_elsewhere_is_not_ours_of_the_cpu() -> None:
    said = inside("""
        import threading, time
        from pyfetch.affinity import affinity, _Proc
        affinity.gather()
        proc, home, stop = _Proc(), affinity._home, threading.Event()
        before = affinity._busy(proc, home).ours
        def compute():
            with affinity.anywhere():
                while not stop.is_set():
                    sum(range(1000))
        threads = [threading.Thread(target=compute, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        while time.process_time() < 0.5:
            time.sleep(0.01)
        during = affinity._busy(proc, home).ours
        stop.set()
        for thread in threads:
            thread.join()
        after = affinity._busy(proc, home).ours
        print(time.process_time() > 0.3, during - before < 0.15, after - before < 0.15)
    """)
    assert said.split() == ["True"] * 3


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


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param("pyfetch.affinity._Proc.current", id="where a thread is"),
        pytest.param("pyfetch.affinity._Proc.busy", id="what a CPU does"),
        pytest.param("pyfetch.affinity._Proc.__init__", id="anything in /proc"),
        pytest.param("os.sched_setaffinity", id="to move"),
    ],
)
def test_nothing_is_done_where_the_system_does_not_let_us(
    hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(hidden, refused)
    affinity = Affinity()
    affinity.gather()
    assert not affinity.is_gathered
    with affinity.anywhere():
        assert os.sched_getaffinity(0) == ALL


def test_nothing_is_done_where_the_system_knows_no_such_thing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    affinity = Affinity()
    affinity.gather()
    assert not affinity.is_gathered
    assert processors() == os.cpu_count()


def test_a_command_without_proc_fetches_nevertheless(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"x")
    hide = 'mount -t tmpfs none /proc && exec "$@"'
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", hide, "sh", COMMAND, f"{server.url}/x"],
        cwd=installed.directory, env=installed.environment, check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    if "unshare" in ended.stderr or "mount" in ended.stderr:
        pytest.skip("this machine does not let us hide /proc")
    assert (ended.returncode, ended.stderr.count("\n")) == (0, 1)


def test_where_it_cannot_be_seen_any_more_who_wants_the_cpu_nobody_stays_there() -> None:
    said = inside("""
        import os, time
        import pyfetch.affinity as module
        module.LOOK_EVERY = 0.01
        module.affinity.gather()
        def broken(*_):
            raise OSError
        module._Proc.busy = broken
        time.sleep(0.2)
        print(os.sched_getaffinity(0) == module.affinity.allowed)
    """)
    assert said == "True"
