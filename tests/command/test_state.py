"""The state: who owns which name, and what happens when it cannot be used."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from pyfetch.errors import StoppedError
from pyfetch.facts import FileFacts, Known
from pyfetch.storage.state import VERSION, State
from tests.support.command import Command, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import LONGEST_WAIT, until


def free() -> bool:
    return True


def test_a_name_belongs_to_the_url_that_came_first_also_in_the_next_run(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    assert state.claim("x", "http://a/x", free)
    assert state.claim("x", "http://a/x", free)
    assert not state.claim("x", "http://b/x", free)
    assert not state.claim("X", "http://b/x", free)
    state.commit()
    state.close()
    assert State(tmp_path / "s").claim("x", "http://b/x", free) is None


def test_names_that_were_looked_up_together_are_whose_they_became_since(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    state.claim("old", "http://a/old", free)
    state.commit()
    state.expect(["old", "new", "other", "New"])
    assert state.claim("old", "http://b/old", free) is None
    new = state.claim("new", "http://a/new", free)
    assert new == Known(None, placed_by_us=True, seen_free=True)
    assert state.claim("New", "http://b/new", free) is None
    state.expect(["other", "another"])
    assert state.claim("other", "http://a/other", free)
    state.commit()
    assert state.claim("other", "http://b/other", free) is None
    assert state.claim("another", "http://a/another", free) is not None
    state.close()


def test_facts_are_known_once_they_are_committed_and_not_before(tmp_path: Path) -> None:
    def known() -> Known | None:
        state = State(tmp_path / "s")
        found = state.claim("x", "http://a/x", lambda: False)
        state.close()
        return found

    facts = FileFacts(3, 1_700_000_000_000_000_001, '"e"', "then", "ab" * 32)
    state = State(tmp_path / "s")
    assert state.claim("x", "http://a/x", lambda: False) == Known(None, placed_by_us=False)
    state.commit()
    state.record("x", 200, facts)
    assert known() == Known(None, placed_by_us=False)
    state.commit()
    assert known() == Known(facts, placed_by_us=False)


def test_two_urls_never_overwrite_each_other_over_several_runs(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages |= {"/a/x": Page(b"a"), "/b/x": Page(b"b")}
    a, b = f"{server.url}/a/x", f"{server.url}/b/x"
    assert pyfetch(a).rows[0][3] == "x"
    other = pyfetch(b).rows[0][3]
    assert other != "x"
    # In any order, each finds its own.
    assert [row[3] for row in pyfetch(b, a).rows] == [other, "x"]
    assert (pyfetch.directory / "x").read_bytes() == b"a"
    assert (pyfetch.directory / other).read_bytes() == b"b"


def test_credentials_do_not_get_into_the_state(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"x" * 100)
    pyfetch(f"http://user:hunter2@127.0.0.1:{server.server_port}/x")
    for file in (pyfetch.directory / ".pyfetch").rglob("*"):
        assert file.is_dir() or b"hunter2" not in file.read_bytes()


@pytest.mark.parametrize("damage", ["garbage", "pages", "newer"])
@pytest.mark.slow
def test_a_state_that_cannot_be_used_is_said_so_and_never_dropped(
    pyfetch: Command, server: LoopbackServer, damage: str
) -> None:
    server.pages |= {f"/f{i}": Page(b"x") for i in range(300)}
    urls = "\n".join(f"{server.url}/f{i}" for i in range(300))
    assert pyfetch(stdin=urls).status == 0
    file = pyfetch.directory / ".pyfetch" / "state.sqlite3"
    content = file.read_bytes()
    match damage:
        case "garbage":
            file.write_bytes(b"no database at all" * 1000)
        case "pages":
            file.write_bytes(content[:4096] + bytes(len(content) - 4096))
        case "newer":
            database = sqlite3.connect(file)
            database.execute(f"PRAGMA user_version = {VERSION + 1}")
            database.close()
    damaged = file.read_bytes()
    server.asked.clear()
    ended = pyfetch(stdin=urls)
    assert ended.status == 3
    (error,) = [line for line in ended.err.splitlines() if "state.sqlite3" in line]
    assert ("newer pyfetch" if damage == "newer" else "damaged") in error
    assert "move" in error
    assert file.read_bytes() == damaged
    assert server.asked == []


def test_a_state_that_is_empty_is_begun(tmp_path: Path) -> None:
    (tmp_path / "s").touch()
    state = State(tmp_path / "s")
    assert state.claim("x", "http://a/x", free)
    state.close()


def test_a_state_in_a_directory_that_is_gone_is_an_error_that_stops_the_run(
    tmp_path: Path,
) -> None:
    with pytest.raises(StoppedError, match="state"):
        State(tmp_path / "gone" / "s")


def test_the_lock_of_a_run_names_its_process(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.stall()
    first = forked.start(f"{server.url}/x")
    until(lambda: server.asked != [], "a request")
    second = pyfetch(f"{server.url}/y")
    assert second.status == 3
    (error,) = second.err.splitlines()
    assert f"process {first.pid}" in error
    assert "--wait-lock" in error
    assert second.out == ""
    assert [asked.path for asked in server.asked] == ["/x"]
    first.kill()
    first.communicate()
    # A dead run's lock blocks nobody.
    server.pages["/y"] = Page(b"y")
    assert pyfetch(f"{server.url}/y").status == 0


@pytest.mark.slow
def test_wait_lock_waits_for_the_run_before_it(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.stall()
    server.pages["/y"] = Page(b"y")
    first = forked.start("--timeout", "60", f"{server.url}/x")
    until(lambda: server.asked != [], "a request")
    second = forked.start("--wait-lock", "20", f"{server.url}/y")
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.7)
    first.terminate()
    assert second.wait(LONGEST_WAIT) == 0
    assert first.wait(LONGEST_WAIT) == 143
    for run in (first, second):
        run.communicate()
    short = forked.start(f"{server.url}/x")
    until(lambda: len(server.asked) == 3, "its request")
    assert pyfetch("--wait-lock", "0.3", f"{server.url}/y").status == 3
    short.kill()
    short.communicate()


@pytest.mark.slow
def test_a_run_that_waits_goes_on_when_the_one_before_it_has_tidied_up(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    release = threading.Event()

    def held(handler: Handler) -> None:
        release.wait(20)
        handler.answer(200, b"x")

    server.routes["/x"] = held
    server.pages["/y"] = Page(b"y")
    first = forked.start("--no-state", f"{server.url}/x")
    until(lambda: server.asked != [], "a request")
    second = forked.start("--no-state", "--wait-lock", "20", f"{server.url}/y")
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.6)
    release.set()
    for run in (first, second):
        _, err = run.communicate(timeout=20)
        assert run.returncode == 0, err
    assert sorted(path.name for path in forked.directory.iterdir()) == ["x", "y"]


def test_runs_in_two_directories_do_not_wait_for_each_other(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.stall()
    server.pages["/y"] = Page(b"y")
    first = forked.start("-o", "one", f"{server.url}/x")
    until(lambda: server.asked != [], "a request")
    assert pyfetch("-o", "two", f"{server.url}/y").status == 0
    first.kill()
    first.communicate()


def test_two_runs_at_once_without_state_are_one_too_many(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.stall()
    first = forked.start("--no-state", f"{server.url}/x")
    until(lambda: server.asked != [], "a request")
    assert pyfetch("--no-state", f"{server.url}/y").status == 3
    first.kill()
    first.communicate()


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


@pytest.mark.slow
def test_a_file_that_may_not_be_so_large_is_a_failure_and_the_rest_goes_on(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages |= {"/large": Page(b"l" * 100_000), "/small": Page(b"s")}
    run = installed.start(
        "--no-state", "-w", "1", f"{server.url}/large", f"{server.url}/small",
        preexec_fn=limit_file_size,
    )  # fmt: skip
    out, _ = run.communicate(timeout=20)
    assert run.returncode == 1
    assert [line.split(b"\t")[4] for line in out.splitlines()] == [b"disk", b"-"]
    assert not (installed.directory / "large").exists()
