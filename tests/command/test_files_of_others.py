"""Nothing of the user's is lost, and nothing is written in place of what came meanwhile."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.server import JUST_BEFORE_NOW, Handler, LoopbackServer, Page, redirect
from tests.support.waiting import until

BODY = b"from the server"
MINE = b"a week of my own work"


def files(directory: Path) -> dict[str, bytes]:
    """What is below a directory, but for what is pyfetch's own."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".pyfetch" not in path.relative_to(directory).parts
    }


@pytest.fixture
def data(pyfetch: Command) -> Path:
    path = pyfetch.directory / "data"
    path.mkdir()
    return path


@pytest.fixture
def url(server: LoopbackServer) -> str:
    server.pages["/README.md"] = Page(BODY)
    return f"{server.url}/README.md"


def results(pyfetch: Command, *arguments: str, stdin: str = "") -> list[dict[str, Any]]:
    return pyfetch("-o", "data", "--format", "jsonl", *arguments, stdin=stdin).results


def planned(pyfetch: Command, *arguments: str, stdin: str = "") -> list[str]:
    return [one["action"] for one in results(pyfetch, "--plan", *arguments, stdin=stdin)]


class TestBackups:
    def test_a_file_that_pyfetch_does_not_know_is_kept_and_that_is_said(
        self, pyfetch: Command, data: Path, url: str
    ) -> None:
        (data / "README.md").write_bytes(MINE)
        assert planned(pyfetch, url) == ["backup"]
        ended = pyfetch("-o", "data", "--format", "jsonl", url)
        assert files(data) == {"README.md": BODY, "README.md.~1~": MINE}
        (result,) = ended.results
        assert (result["outcome"], result["backup"]) == ("fetched", "data/README.md.~1~")
        assert "kept as data/README.md.~1~" in ended.err
        assert planned(pyfetch, url) == ["refresh"]

    def test_a_file_that_was_changed_since_is_kept_each_time(
        self, pyfetch: Command, data: Path, url: str
    ) -> None:
        results(pyfetch, url)
        for number in (1, 2):
            (data / "README.md").write_bytes(MINE)
            os.utime(data / "README.md", (1_600_000_000 + number,) * 2)
            assert planned(pyfetch, url) == ["backup"]
            (result,) = results(pyfetch, url)
            assert result["backup"] == f"data/README.md.~{number}~"
        assert len(files(data)) == 3

    def test_a_file_as_pyfetch_left_it_is_replaced_without_one(
        self, pyfetch: Command, data: Path, server: LoopbackServer, url: str
    ) -> None:
        for body in (b"one", b"two", b"three"):
            server.pages["/README.md"] = Page(body)
            (result,) = results(pyfetch, url)
            assert (result["outcome"], result["backup"]) == ("fetched", None)
        assert files(data) == {"README.md": b"three"}

    def test_equal_bytes_are_unchanged_and_known_from_then_on(
        self, pyfetch: Command, data: Path, server: LoopbackServer, url: str
    ) -> None:
        (data / "README.md").write_bytes(BODY)
        (result,) = results(pyfetch, url)
        assert (result["outcome"], result["status"]) == ("unchanged", 200)
        assert result["sha256"] == hashlib.sha256(BODY).hexdigest()
        (again,) = results(pyfetch, url)
        assert (again["outcome"], again["status"]) == ("unchanged", 304)
        assert files(data) == {"README.md": BODY}

    def test_removing_what_pyfetch_knows_and_running_again_goes_on_working(
        self, pyfetch: Command, data: Path, server: LoopbackServer
    ) -> None:
        server.pages |= {f"/{name}": Page(name.encode()) for name in "abc"}
        urls = [f"{server.url}/{name}" for name in "abc"]
        results(pyfetch, *urls)
        shutil.rmtree(data / ".pyfetch")
        server.pages["/b"] = Page(b"newer")
        found = results(pyfetch, *urls)
        assert [one["outcome"] for one in found] == ["unchanged", "fetched", "unchanged"]
        assert files(data) == {"a": b"a", "b": b"newer", "b.~1~": b"b", "c": b"c"}
        assert {one["outcome"] for one in results(pyfetch, *urls)} == {"unchanged"}

    def test_replace_replaces_outright(self, pyfetch: Command, data: Path, url: str) -> None:
        (data / "README.md").write_bytes(MINE)
        assert planned(pyfetch, "--if-exists", "replace", url) == ["replace"]
        (result,) = results(pyfetch, "--if-exists", "replace", url)
        assert (result["outcome"], result["backup"]) == ("fetched", None)
        assert files(data) == {"README.md": BODY}

    @pytest.mark.parametrize("policy", ["refresh", "skip"])
    def test_a_file_without_the_demanded_checksum_is_kept(
        self, pyfetch: Command, data: Path, url: str, policy: str
    ) -> None:
        (data / "README.md").write_bytes(MINE)
        line = f"{url} sha256={hashlib.sha256(BODY).hexdigest()}"
        (result,) = results(pyfetch, "--if-exists", policy, stdin=line)
        assert result["backup"] == "data/README.md.~1~"
        assert files(data) == {"README.md": BODY, "README.md.~1~": MINE}

    def test_after_a_redirect_and_over_a_part_it_is_the_same(
        self, pyfetch: Command, data: Path, server: LoopbackServer, url: str
    ) -> None:
        server.routes["/moved"] = lambda handler: redirect(handler, "/README.md")
        (data / "moved").write_bytes(MINE)
        results(pyfetch, f"{server.url}/moved")

        def half(handler: Handler) -> None:
            handler.head(200, Content_Length=str(len(BODY)), ETag=server.pages["/x"].etag or "")
            handler.send(BODY[:5])
            handler.cut()

        server.pages["/x"] = Page(BODY)
        server.routes["/x"] = half
        (data / "x").write_bytes(MINE)
        results(pyfetch, "--retries", "0", f"{server.url}/x")
        assert (data / "x").read_bytes() == MINE
        del server.routes["/x"]
        (result,) = results(pyfetch, f"{server.url}/x")
        assert result["status"] == 206
        assert files(data) == {"moved": BODY, "moved.~1~": MINE, "x": BODY, "x.~1~": MINE}

    @pytest.mark.parametrize(
        ("time", "kept"), [(JUST_BEFORE_NOW - 7, False), (JUST_BEFORE_NOW + 0.25, True)]
    )
    def test_without_state_a_file_with_a_time_that_pyfetch_sets_is_not_kept(
        self, pyfetch: Command, data: Path, url: str, time: float, kept: bool
    ) -> None:
        (data / "README.md").write_bytes(MINE)
        os.utime(data / "README.md", (time, time))
        assert planned(pyfetch, "--no-state", url) == ["backup" if kept else "refresh"]
        (result,) = results(pyfetch, "--no-state", url)
        assert bool(result["backup"]) is kept
        assert len(files(data)) == 1 + kept


class TestNamesFromServers:
    @pytest.fixture
    def url(self, server: LoopbackServer) -> str:
        server.routes["/x"] = lambda handler: handler.answer(
            200, BODY, Content_Disposition='attachment; filename="report.pdf"', ETag='"1"'
        )
        return f"{server.url}/x"

    @pytest.mark.parametrize("policy", ["refresh", "replace"])
    @pytest.mark.parametrize("state", [(), ("--no-state",)], ids=["state", "no state"])
    def test_a_file_of_the_user_s_keeps_the_name(
        self, pyfetch: Command, data: Path, url: str, policy: str, state: tuple[str, ...]
    ) -> None:
        (data / "report.pdf").write_bytes(MINE)
        os.utime(data / "report.pdf", (JUST_BEFORE_NOW, JUST_BEFORE_NOW))
        arguments = ("--content-disposition", "--if-exists", policy, *state, url)
        (result,) = results(pyfetch, *arguments)
        path = result["path"].removeprefix("data/")
        assert path.startswith("report-")
        assert files(data) == {"report.pdf": MINE, path: BODY}

    def test_equal_bytes_are_adopted_under_that_name(
        self, pyfetch: Command, data: Path, url: str
    ) -> None:
        """So removing `.pyfetch` and running again makes no copies."""
        results(pyfetch, "--content-disposition", url)
        shutil.rmtree(data / ".pyfetch")
        (result,) = results(pyfetch, "--content-disposition", url)
        assert (result["outcome"], result["path"]) == ("unchanged", "data/report.pdf")
        assert files(data) == {"report.pdf": BODY}

    def test_the_file_of_another_url_of_an_earlier_run_keeps_the_name(
        self, pyfetch: Command, data: Path, server: LoopbackServer, url: str
    ) -> None:
        server.pages["/report.pdf"] = Page(MINE)
        results(pyfetch, f"{server.url}/report.pdf")
        for policy in ("refresh", "replace"):
            (result,) = results(pyfetch, "--content-disposition", "--if-exists", policy, url)
            assert result["path"] != "data/report.pdf"
        assert files(data)["report.pdf"] == MINE

    def test_a_name_that_begins_with_a_dash_gets_an_underscore(
        self, pyfetch: Command, data: Path, server: LoopbackServer
    ) -> None:
        server.routes["/x"] = lambda handler: handler.answer(
            200, BODY, Content_Disposition="attachment; filename=-rf"
        )
        server.pages |= {"/--help": Page(b"help"), "/y": Page(b"y")}
        results(pyfetch, "--content-disposition", f"{server.url}/x", f"{server.url}/--help")
        results(pyfetch, stdin=f"{server.url}/y out=-d/-f")
        assert set(files(data)) == {"_-rf", "_--help", "_-d/_-f"}


COMES: dict[str, Callable[[Path], object]] = {
    "a fifo": os.mkfifo,
    "a directory": Path.mkdir,
    "a link": lambda file: file.symlink_to("/etc/passwd"),
}


def while_the_body_comes(change: Callable[[], object]) -> Callable[[Handler], None]:
    def route(handler: Handler) -> None:
        handler.head(200, Content_Length=str(len(BODY)))
        handler.send(BODY[:4])
        handler.wfile.flush()
        change()
        handler.send(BODY[4:])

    return route


@pytest.mark.parametrize("policy", ["refresh", "replace", "skip", "fail"])
@pytest.mark.parametrize("come", COMES.values(), ids=COMES)
def test_what_is_no_file_and_comes_meanwhile_stays(
    pyfetch: Command,
    data: Path,
    server: LoopbackServer,
    come: Callable[[Path], object],
    policy: str,
) -> None:
    server.routes["/x"] = while_the_body_comes(lambda: come(data / "x"))
    (result,) = results(pyfetch, "--if-exists", policy, f"{server.url}/x")
    assert (result["outcome"], result["error"]) == ("failed", "exists")
    assert not (data / "x").is_file() or (data / "x").is_symlink()


def test_a_file_that_comes_meanwhile_is_kept(
    pyfetch: Command, data: Path, server: LoopbackServer
) -> None:
    server.routes["/x"] = while_the_body_comes(lambda: (data / "x").write_bytes(MINE))
    results(pyfetch, f"{server.url}/x")
    assert files(data) == {"x": BODY, "x.~1~": MINE}


@pytest.mark.parametrize("what", ["data", "data/.pyfetch"])
@pytest.mark.parametrize("how", ["renamed", "removed", "made anew"])
def test_a_directory_that_is_changed_under_the_run_stops_it(
    pyfetch: Command,
    data: Path,
    server: LoopbackServer,
    what: str,
    how: str,
) -> None:
    place = pyfetch.directory / what

    def change() -> None:
        if how == "removed":
            shutil.rmtree(place)
        else:
            place.rename(pyfetch.directory / "moved")
        if how == "made anew":
            (place / "parts").mkdir(parents=True)

    server.routes["/x"] = while_the_body_comes(change)
    ended = pyfetch("-o", "data", "--retries", "0", f"{server.url}/x")
    assert ended.status == 3
    assert "renamed, removed or made anew" in ended.err
    assert "Traceback" not in ended.err
    assert not (data / "x").exists()


def test_two_runs_in_directories_that_lie_within_one_another_do_not_write_one_file(
    pyfetch: Command, forked: InstalledCommand, data: Path, server: LoopbackServer
) -> None:
    """The outer one leaves the directory of the inner one alone as long as that is at work."""
    goes_on = threading.Event()

    def wait(handler: Handler) -> None:
        goes_on.wait(30)
        handler.answer(200, b"of the inner run")

    server.routes["/slow"] = wait
    server.pages["/b/inner/x"] = Page(b"of the outer run")
    server.pages["/b/x"] = Page(BODY)
    outer = ("-o", str(data), "--name", "{dir}/{name}", "--format", "jsonl")
    urls = (f"{server.url}/b/inner/x", f"{server.url}/b/x")
    inner = forked.start("-o", str(data / "b" / "inner"), f"{server.url}/slow?x", "--name", "x")
    try:
        until(lambda: "/slow?x" in server.paths())
        inside, beside = pyfetch(*outer, *urls).results
        assert inside["error"] == "exists"
        assert "is the output directory of another run, which is at work" in inside["detail"]
        assert beside["outcome"] == "fetched"
    finally:
        goes_on.set()
        inner.communicate(timeout=30)
    assert files(data) == {"b/x": BODY, "b/inner/x": b"of the inner run"}
    inside, _ = pyfetch(*outer, *urls).results
    assert inside["backup"] == str(data / "b/inner/x.~1~"), "it is not the outer run's file"
    assert files(data / "b/inner") == {"x": b"of the outer run", "x.~1~": b"of the inner run"}


@pytest.mark.slow
def test_over_processes_it_is_the_same(
    forked: InstalledCommand, data: Path, server: LoopbackServer, url: str
) -> None:
    (data / "README.md").write_bytes(MINE)
    server.routes["/x"] = while_the_body_comes(lambda: data.rename(data.parent / "moved"))
    processes = ("-o", "data", "--processes", "2", "--retries", "0")
    ended = forked(*processes, url)
    assert "kept as data/README.md.~1~" in ended.err
    assert files(data) == {"README.md": BODY, "README.md.~1~": MINE}
    assert forked("-o", "data", "--cleanup").out == "data/README.md.~1~\n"
    ended = forked(*processes, f"{server.url}/x")
    assert ended.status == 3
    assert "renamed, removed or made anew" in ended.err


def test_a_link_within_leads_two_urls_to_two_files(
    pyfetch: Command, data: Path, server: LoopbackServer
) -> None:
    server.pages |= {f"/{number}": Page(b"%d" % number) for number in range(4)}
    (data / "real/deep").mkdir(parents=True)
    (data / "link").symlink_to("real")
    (data / "real/up").symlink_to("..")
    (data / "own").symlink_to(".pyfetch")
    places = ("real/deep/x", "link/deep/x", "real/up/link/deep/x", "own/state.sqlite3")
    lines = "".join(f"{server.url}/{n} out={place}\n" for n, place in enumerate(places))
    found = results(pyfetch, stdin=lines)
    assert [one["error"] for one in found] == [None, None, None, "exists"]
    assert sorted(files(data).values()) == [b"0", b"1", b"2"]
    again = results(pyfetch, stdin=lines)
    assert [one["path"] for one in again] == [one["path"] for one in found]
    assert [one["outcome"] for one in again[:3]] == ["unchanged"] * 3


class TestEntriesWithAPlace:
    @pytest.fixture
    def versions(self, server: LoopbackServer) -> list[str]:
        """URLs of one file that come and go, as signed ones do."""
        for number in (1, 2, 3):
            server.pages[f"/v{number}"] = Page(b"version %d" % number, etag='"same"')
        return [f"{server.url}/v{number}" for number in (1, 2, 3)]

    @pytest.mark.parametrize("policy", ["refresh", "skip", "replace"])
    def test_another_url_for_the_same_place_is_that_file_fetched_anew(
        self, pyfetch: Command, data: Path, versions: list[str], policy: str
    ) -> None:
        for number, url in enumerate(versions, 1):
            line = f"{url} out=d/file"
            if number > 1:
                assert planned(pyfetch, "--if-exists", policy, stdin=line) == ["replace"]
            (result,) = results(pyfetch, "--if-exists", policy, stdin=line)
            assert (result["outcome"], result["path"]) == ("fetched", "data/d/file")
            assert files(data) == {"d/file": b"version %d" % number}

    def test_after_a_failure_it_is_still_fetched_anew_under_skip(
        self, pyfetch: Command, data: Path, server: LoopbackServer, versions: list[str]
    ) -> None:
        results(pyfetch, stdin=f"{versions[0]} out=file")
        skip = ("--if-exists", "skip", "--retries", "0")
        page = server.pages.pop("/v2")
        assert results(pyfetch, *skip, stdin=f"{versions[1]} out=file")[0]["error"] == "http"
        assert files(data) == {"file": b"version 1"}
        server.pages["/v2"] = page
        for outcome in ("fetched", "skipped"):
            (result,) = results(pyfetch, *skip, stdin=f"{versions[1]} out=file")
            assert result["outcome"] == outcome
        assert files(data) == {"file": b"version 2"}

    def test_a_change_of_the_user_s_is_kept_as_always(
        self, pyfetch: Command, data: Path, versions: list[str]
    ) -> None:
        results(pyfetch, stdin=f"{versions[0]} out=file")
        (data / "file").write_bytes(MINE)
        assert planned(pyfetch, stdin=f"{versions[1]} out=file") == ["backup"]
        results(pyfetch, stdin=f"{versions[1]} out=file")
        assert files(data) == {"file": b"version 2", "file.~1~": MINE}

    def test_two_entries_of_one_list_are_kept_apart_in_each_run_and_order(
        self, pyfetch: Command, data: Path, versions: list[str]
    ) -> None:
        lines = [f"{url} out=file\n" for url in versions[:2]]
        first = [one["path"] for one in results(pyfetch, stdin="".join(lines))]
        assert first[0] == "data/file"
        assert len(set(first)) == 2
        for order in (1, -1):
            again = results(pyfetch, stdin="".join(lines[::order]))
            assert [one["path"] for one in again] == first[::order]
            assert {one["outcome"] for one in again} == {"unchanged"}

    @pytest.mark.parametrize("arguments", [("--name", "{index}"), ()], ids=["{index}", "dir="])
    def test_a_place_that_the_list_does_not_name_belongs_to_the_url(
        self, pyfetch: Command, data: Path, server: LoopbackServer, arguments: tuple[str, ...]
    ) -> None:
        """Lists get shorter, and the second entry becomes the first."""
        server.pages |= {"/a/x": Page(b"a"), "/b/x": Page(b"b")}
        place = "" if arguments else " dir=d"
        (one,) = results(pyfetch, *arguments, stdin=f"{server.url}/a/x{place}")
        (other,) = results(pyfetch, *arguments, stdin=f"{server.url}/b/x{place}")
        assert one["path"] != other["path"]
        assert sorted(files(data).values()) == [b"a", b"b"]


class TestCleanup:
    def test_it_lists_and_removes_parts_and_backups_and_nothing_else(
        self, pyfetch: Command, data: Path, server: LoopbackServer, url: str
    ) -> None:
        (data / "README.md").write_bytes(MINE)
        (data / "mine.~1~").write_bytes(MINE)
        results(pyfetch, url)

        def half(handler: Handler) -> None:
            handler.head(200, Content_Length="100", ETag='"1"')
            handler.send(b"half")
            handler.cut()

        server.routes["/x"] = half
        results(pyfetch, "--retries", "0", f"{server.url}/x")
        ended = pyfetch("-o", "data", "--cleanup")
        assert (ended.status, ended.err) == (0, "pyfetch: removed 3 files\n")
        *parts, backup = ended.out.splitlines()
        assert backup == "data/README.md.~1~"
        assert [part.rpartition(".")[2] for part in parts] == ["json", "part"]
        assert files(data) == {"README.md": BODY, "mine.~1~": MINE}
        assert pyfetch("-o", "data", "--cleanup").out == ""
        (result,) = results(pyfetch, url)
        assert result["outcome"] == "unchanged"

    def test_a_path_in_the_state_that_is_not_safe_is_not_removed(
        self, pyfetch: Command, data: Path, url: str
    ) -> None:
        results(pyfetch, url)
        (pyfetch.directory / "mine").write_bytes(MINE)
        database = sqlite3.connect(data / ".pyfetch/state.sqlite3")
        paths = [("../mine",), (str(pyfetch.directory / "mine"),), (".pyfetch/state.sqlite3",)]
        database.executemany("INSERT INTO backup VALUES (?)", paths)
        database.commit()
        database.close()
        assert pyfetch("-o", "data", "--cleanup").out == ""
        assert (pyfetch.directory / "mine").read_bytes() == MINE
        assert results(pyfetch, url)[0]["outcome"] == "unchanged"

    @pytest.mark.parametrize("arguments", [("http://h/x",), ("--plan",)])
    def test_it_fetches_nothing(self, pyfetch: Command, arguments: tuple[str, ...]) -> None:
        assert pyfetch("--cleanup", *arguments).status == 2


def test_many_copies_cost_few_looks_each(
    pyfetch: Command, data: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "README.md").touch()
    for number in range(1, 1001):
        (data / f"README-{number}.md").touch()
    looks = 0
    lexists = os.path.lexists

    def counted(path: str) -> bool:
        nonlocal looks
        looks += 1
        return lexists(path)

    monkeypatch.setattr(os.path, "lexists", counted)
    (result,) = results(pyfetch, "--if-exists", "rename", url)
    assert result["path"] == "data/README-1001.md"
    assert looks < 40
