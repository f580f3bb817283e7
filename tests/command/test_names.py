"""Where files go: as templates and lists say, never outside, never over one another."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.measuring import bytes_in
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

MODIFIED = 1_700_000_000


def serve(server: LoopbackServer, *paths: str) -> list[str]:
    """Pages whose bodies are their own paths; returns their URLs."""
    for path in paths:
        server.pages[path.partition("?")[0]] = Page(path.partition("?")[0].encode())
    return [f"{server.url}{path}" for path in paths]


def files(directory: Path) -> dict[str, bytes]:
    """What is below a directory, but for what is pyfetch's own."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".pyfetch" not in path.relative_to(directory).parts
    }


def paths_of(pyfetch: Command, *arguments: str, stdin: str | bytes = b"") -> list[str | None]:
    """The paths of the results of a run into data/, below that."""
    ended = pyfetch("-o", "data", "--format", "jsonl", *arguments, stdin=stdin)
    assert ended.status in (0, 1), ended.err
    return [
        None if result["path"] is None else result["path"].removeprefix("data/")
        for result in ended.results
    ]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "expected"),
        [
            ("{index}", "1"),
            ("{index:05}{ext}", "00001.tar.gz"),
            ("{scheme}/{host}/{dir}/{name}", "http/HOST/a b/c/x.tar.gz"),
            ("{dir}/{index}-{stem}", "a b/c/1-x"),
            ("{stem}.{query}{ext}", "x.v=1_2.tar.gz"),
            ("{hash}/{{{name}}}", "HASH/{x.tar.gz}"),
            ("fixed/{dir}", "fixed/a b/c"),
        ],
    )
    def test_each_field_is_in_the_path(
        self, pyfetch: Command, server: LoopbackServer, template: str, expected: str
    ) -> None:
        serve(server, "/a%20b//c/x.tar.gz")
        url = f"{server.url}/a%20b//c/x.tar.gz?v=1%2F2"
        expected = expected.replace("HOST", f"127.0.0.1_{server.server_port}")
        expected = expected.replace("HASH", digest(url)[:16])
        ended = pyfetch("-o", "data", "--format", "jsonl", "--name", template, url)
        assert [result["path"] for result in ended.results] == [f"data/{expected}"]
        assert files(pyfetch.directory / "data") == {expected: b"/a%20b//c/x.tar.gz"}

    def test_directories_that_are_none_leave_no_gap(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        urls = serve(server, "/x", "/", "/a/b/")
        found = paths_of(pyfetch, "--name", "{dir}/{query}/{name}", *urls)
        assert found == ["x", "index.html", "a/b/index.html"]

    @pytest.mark.parametrize(
        "template",
        [
            "", "{nothing}", "{name", "{name!r}", "{index:x}", "{name.__class__}", "{}",
            "/etc/{name}", "a/../{name}", "a//{name}", ".pyfetch/{name}", "con/{name}",
            "{dir}{name}", "a\x1b/{name}", "a\u202e/{name}",
        ],
    )  # fmt: skip
    def test_one_that_cannot_be_safe_is_a_usage_error_of_one_line(
        self, pyfetch: Command, server: LoopbackServer, template: str
    ) -> None:
        ended = pyfetch("-o", "data", "--name", template, f"{server.url}/x")
        assert (ended.status, ended.out, server.asked) == (2, "", [])
        (line,) = [line for line in ended.err.splitlines() if "template" in line]
        assert line.isprintable()
        assert files(pyfetch.directory) == {}

    def test_a_rerun_finds_each_file_where_it_put_it_and_asks_with_validators(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        urls = serve(server, "/a/x", "/b/x", "/b/x?2", "/c")
        arguments = ("--name", "{host}/{dir}/{name}", *urls)
        lines = f"{server.url}/c out=deep/er/c.txt\n"
        first = paths_of(pyfetch, *arguments), paths_of(pyfetch, stdin=lines)
        assert len(set(first[0])) == 4
        server.asked.clear()
        sent = server.sent
        assert (paths_of(pyfetch, *arguments), paths_of(pyfetch, stdin=lines)) == first
        assert first[1] == ["deep/er/c.txt"]
        assert all(asked.headers.get("If-None-Match") for asked in server.asked)
        assert (len(server.asked), server.sent) == (5, sent)


MADE_SAFE = {
    "./x": "x",
    "a//b/.": "a/b/NAME",
    r"a\b": "a/b",
    "C:x": "C_x",
    ".pyfetch/state.sqlite3": "_pyfetch/state.sqlite3",
    ".PYFETCH/./lock": "_PYFETCH/lock",
    "a/.pyfetch": "a/_pyfetch",
    ".../x": "___/x",
    "con/aux.txt": "_con/_aux.txt",
    "a\u202egpj.exe": "a_gpj.exe",
    "a\x1b[2J": "a_[2J",
    "dots. ./x. ": "dots___/x_",
    "e\u0301/x": "\u00e9/x",
    "~/x": "~/x",
    "$HOME": "$HOME",
    "%2e%2e/x": "%2e%2e/x",
}

LEADS_OUT = ["/etc/passwd", "../x", "a/../../x", r"..\x", r"a\..\b", "C:/x", r"\\server\x", ".."]


class TestPlacesInTheList:
    def test_they_become_safe_paths_inside(self, pyfetch: Command, server: LoopbackServer) -> None:
        urls = serve(server, *(f"/{number}" for number in range(len(MADE_SAFE))))
        expected = {}
        for number, (url, (place, path)) in enumerate(zip(urls, MADE_SAFE.items(), strict=True)):
            path = path.replace("NAME", str(number))
            expected[f"data/{number}/{path}"] = f"/{number}".encode()
            line = f"{url} out='{number}/{place}'"
            # In a directory of its own, so that no two are in each other's way.
            assert paths_of(pyfetch, stdin=line) == [f"{number}/{path}"], place
        assert files(pyfetch.directory) == expected

    @pytest.mark.parametrize("key", ["out", "dir"])
    def test_one_that_leads_out_is_a_failed_result_that_names_its_line(
        self, pyfetch: Command, server: LoopbackServer, key: str
    ) -> None:
        lines = "".join(f"{server.url}/x {key}='{place}'\n" for place in LEADS_OUT)
        (good,) = serve(server, "/good")
        ended = pyfetch("-o", "data", "--format", "jsonl", stdin=f"{lines}{good} {key}=d")
        *bad, last = ended.results
        assert [result["error"] for result in bad] == ["invalid-url"] * len(LEADS_OUT)
        for number, result in enumerate(bad, 1):
            assert f"line {number}" in result["detail"]
        place = "d" if key == "out" else "d/good"
        assert last["path"] == f"data/{place}"
        assert files(pyfetch.directory) == {f"data/{place}": b"/good"}
        assert server.paths() == ["/good"]

    def test_what_is_too_long_is_cut_and_two_that_are_stay_two(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        urls = serve(server, "/a", "/b", "/c", "/d")
        long = "é" * 200
        deep = "/".join("d" * 200 for _ in range(9))
        places = [f"{long}1.txt", f"{long}2.txt", f"{deep}/1/x.txt", f"{deep}/2/x.txt"]
        lines = "".join(f"{url} out={place}\n" for url, place in zip(urls, places, strict=True))
        found = paths_of(pyfetch, stdin=lines)
        assert len(set(found)) == 4
        for path, expected in zip(found, ("/a", "/b", "/c", "/d"), strict=True):
            assert path is not None
            assert path.endswith(".txt")
            assert len(path.encode()) <= 1024
            assert max(len(part.encode()) for part in path.split("/")) <= 255
            assert (pyfetch.directory / "data" / path).read_bytes() == expected.encode()
        server.asked.clear()
        assert paths_of(pyfetch, stdin=lines) == found
        assert all(asked.headers.get("If-None-Match") for asked in server.asked)

    def test_a_hundred_directories_are_made(self, pyfetch: Command, server: LoopbackServer) -> None:
        (url,) = serve(server, "/x")
        place = "/".join(f"d{number}" for number in range(100)) + "/x"
        assert paths_of(pyfetch, stdin=f"{url} out={place}") == [place]
        assert files(pyfetch.directory / "data") == {place: b"/x"}


ALIKE = {
    "the same": ("d/x", "d/x"),
    "in another case": ("d/x.txt", "D/X.TXT"),
    "in another form of Unicode": ("caf\u00e9", "cafe\u0301"),
    "made safe": ("a:b", "a?b"),
    "sharp s": ("stra\u00dfe", "STRASSE"),
}


class TestTwoThatWantOnePath:
    @pytest.mark.parametrize("state", [[], ["--no-state"]], ids=["state", "no state"])
    def test_the_first_gets_it_and_both_are_there(
        self, pyfetch: Command, server: LoopbackServer, state: list[str]
    ) -> None:
        for number, (name, (one, other)) in enumerate(ALIKE.items()):
            first, second = serve(server, f"/{number}/a", f"/{number}/b")
            lines = f"{first} out='{one}'\n{second} out='{other}'\n"
            output = f"{number}"
            ended = pyfetch("-o", output, "--format", "jsonl", *state, stdin=lines)
            found = [result["path"] for result in ended.results]
            bodies = [(pyfetch.directory / path).read_bytes() for path in found]
            assert bodies == [f"/{number}/a".encode(), f"/{number}/b".encode()], name
            assert found[0].casefold() != found[1].casefold(), name
            assert len(files(pyfetch.directory / output)) == 2

    def test_the_first_keeps_it_in_the_next_run(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        first, second = serve(server, "/a/x", "/b/x")
        (one,) = paths_of(pyfetch, stdin=f"{first} out=d/x")
        (other,) = paths_of(pyfetch, stdin=f"{second} out=D/X")
        assert one == "d/x"
        assert other not in (None, "d/x", "D/X")
        assert paths_of(pyfetch, stdin=f"{second} out=D/X\n{first} out=d/x\n") == [other, one]
        assert files(pyfetch.directory / "data") == {"d/x": b"/a/x", str(other): b"/b/x"}

    @pytest.mark.parametrize("runs", ["in one run", "over two runs"])
    @pytest.mark.parametrize("order", ["the file first", "the directory first"])
    @pytest.mark.parametrize("case", ["d", "D"], ids=["the same case", "another case"])
    def test_a_file_where_another_needs_a_directory_goes_beside_it(
        self, pyfetch: Command, server: LoopbackServer, runs: str, order: str, case: str
    ) -> None:
        file, below = serve(server, "/file", "/below")
        lines = [f"{file} out={case}\n", f"{below} out=d/e/x\n"]
        if order == "the directory first":
            lines.reverse()
        if runs == "in one run":
            found = paths_of(pyfetch, stdin="".join(lines))
        else:
            found = [path for line in lines for path in paths_of(pyfetch, stdin=line)]
        there = files(pyfetch.directory / "data")
        assert sorted(there.values()) == [b"/below", b"/file"]
        assert set(found) == set(there)
        assert found[0] == (case if order == "the file first" else "d/e/x")
        # Each finds its own again, in any order.
        again = paths_of(pyfetch, stdin="".join(reversed(lines)))
        assert again == found[::-1]
        assert files(pyfetch.directory / "data") == there

    def test_all_below_a_directory_that_is_a_file_go_to_the_same_other_one(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        urls = serve(server, "/a", "/a/b", "/a/c", "/a/d/e")
        found = paths_of(pyfetch, "--name", "{dir}/{name}", *urls)
        directories = {path.partition("/")[0] for path in found[1:] if path}
        assert len(directories) == 1
        assert directories != {"a"}
        assert sorted(files(pyfetch.directory / "data").values()) == sorted(
            path.encode() for path in ("/a", "/a/b", "/a/c", "/a/d/e")
        )


class TestFilesThatAreThere:
    NAME = ("--name", "{dir}/{name}")

    @pytest.mark.parametrize(
        ("policy", "outcome", "path", "asked", "older"),
        [
            ("refresh", "unchanged", "a/b/x.txt", 1, b"/a/b/x.txt"),
            ("skip", "skipped", "a/b/x.txt", 0, b"/a/b/x.txt"),
            ("fail", "failed", None, 0, b"/a/b/x.txt"),
            ("replace", "fetched", "a/b/x.txt", 1, b"newer"),
            ("rename", "fetched", "a/b/x-1.txt", 1, b"/a/b/x.txt"),
        ],
    )
    def test_if_exists_is_for_nested_paths_too(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        policy: str,
        outcome: str,
        path: str | None,
        asked: int,
        older: bytes,
    ) -> None:
        (url,) = serve(server, "/a/b/x.txt")
        assert paths_of(pyfetch, *self.NAME, url) == ["a/b/x.txt"]
        if policy != "refresh":
            server.pages["/a/b/x.txt"] = Page(b"newer")
        server.asked.clear()
        ended = pyfetch(
            "-o", "data", "--format", "jsonl", "--if-exists", policy, *self.NAME, url
        )  # fmt: skip
        (result,) = ended.results
        assert (result["outcome"], result["path"]) == (outcome, path and f"data/{path}")
        assert len(server.asked) == asked
        there = files(pyfetch.directory / "data")
        assert there["a/b/x.txt"] == older
        assert there.get("a/b/x-1.txt") == (b"newer" if policy == "rename" else None)
        if policy == "fail":
            assert result["error"] == "exists"

    @pytest.mark.parametrize("policy", ["refresh", "skip", "fail", "replace", "rename"])
    def test_a_link_that_leads_out_in_place_of_a_directory_is_not_followed(
        self, pyfetch: Command, server: LoopbackServer, policy: str
    ) -> None:
        elsewhere = pyfetch.directory / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "x").write_bytes(b"secret")
        data = pyfetch.directory / "data"
        data.mkdir()
        (data / "d").symlink_to("../elsewhere")
        (data / "e").mkdir()
        (data / "e" / "f").symlink_to(elsewhere)
        checksum = f"sha256={hashlib.sha256(b'secret').hexdigest()}"
        urls = serve(server, "/1", "/2", "/3", "/4")
        places = ("out=d/x", "out=e/f/y", "out=d/new/z", f"out=e/f/x {checksum}")
        lines = "".join(f"{url} {place}\n" for url, place in zip(urls, places, strict=True))
        ended = pyfetch(
            "-o", "data", "--format", "jsonl", "--if-exists", policy, stdin=lines
        )  # fmt: skip
        assert [result["error"] for result in ended.results] == ["disk"] * 4
        assert all(result["size"] is None for result in ended.results)
        assert "leads out" in ended.results[0]["detail"]
        assert server.asked == []
        assert files(elsewhere) == {"x": b"secret"}

    def test_a_link_that_stays_inside_is_followed(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        data = pyfetch.directory / "data"
        (data / "real").mkdir(parents=True)
        (data / "d").symlink_to("real")
        (url,) = serve(server, "/x")
        for outcome in ("fetched", "unchanged"):
            ended = pyfetch("-o", "data", "--format", "jsonl", stdin=f"{url} out=d/x")
            assert [result["outcome"] for result in ended.results] == [outcome]
        assert (data / "real" / "x").read_bytes() == b"/x"
        assert (data / "d").is_symlink()

    def test_an_output_directory_may_be_a_link_itself(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        (pyfetch.directory / "real").mkdir()
        (pyfetch.directory / "data").symlink_to("real")
        (url,) = serve(server, "/x")
        assert paths_of(pyfetch, stdin=f"{url} out=a/b/x") == ["a/b/x"]
        assert files(pyfetch.directory / "real") == {"a/b/x": b"/x"}

    def test_a_link_in_the_place_of_a_file_goes_and_what_it_leads_to_stays(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        (pyfetch.directory / "mine").write_bytes(b"mine")
        data = pyfetch.directory / "data" / "d"
        data.mkdir(parents=True)
        (data / "x").symlink_to("../../mine")
        (data / "y").symlink_to("/nonexistent/place")
        x, y = serve(server, "/x", "/y")
        assert paths_of(pyfetch, stdin=f"{x} out=d/x\n{y} out=d/y\n") == ["d/x", "d/y"]
        assert (pyfetch.directory / "mine").read_bytes() == b"mine"
        assert not (data / "x").is_symlink()
        assert not (data / "y").is_symlink()
        assert ((data / "x").read_bytes(), (data / "y").read_bytes()) == (b"/x", b"/y")

    @pytest.mark.parametrize("policy", ["refresh", "skip", "fail", "replace"])
    def test_what_is_no_regular_file_is_never_replaced(
        self, pyfetch: Command, server: LoopbackServer, policy: str
    ) -> None:
        place = pyfetch.directory / "data" / "d"
        place.mkdir(parents=True)
        (place / "directory").mkdir()
        os.mkfifo(place / "fifo")
        (place / "device").symlink_to("/dev/null")
        names = ["directory", "fifo", "device"]
        urls = serve(server, *(f"/{name}" for name in names))
        lines = "".join(f"{url} out=d/{name}\n" for url, name in zip(urls, names, strict=True))
        ended = pyfetch("-o", "data", "--format", "jsonl", "--if-exists", policy, stdin=lines)
        assert [result["error"] for result in ended.results] == ["exists"] * 3
        assert server.asked == []
        assert (place / "directory").is_dir()
        assert (place / "fifo").is_fifo()
        assert (place / "device").is_symlink()

    def test_a_file_of_somebody_else_in_the_place_of_a_directory_stays(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        data = pyfetch.directory / "data"
        data.mkdir()
        (data / "d").write_bytes(b"mine")
        first, second = serve(server, "/x", "/y")
        ended = pyfetch(
            "-o", "data", "--format", "jsonl", stdin=f"{first} out=d/x\n{second} out=y\n"
        )  # fmt: skip
        assert [result["error"] for result in ended.results] == ["exists", None]
        assert "no directory" in ended.results[0]["detail"]
        assert files(data) == {"d": b"mine", "y": b"/y"}
        assert server.paths() == ["/y"]


class Held:
    """A page whose second half comes when it is told to."""

    def __init__(self, body: bytes = b"firstafter") -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self._body = body

    def __call__(self, handler: Handler) -> None:
        half = len(self._body) // 2
        handler.head(200, Content_Length=str(len(self._body)), ETag='"1"')
        handler.send(self._body[:half])
        handler.wfile.flush()
        self.begun.set()
        self.go_on.wait(20)
        handler.send(self._body[half:])


def while_the_body_comes(
    forked: InstalledCommand, server: LoopbackServer, line: str, change: Callable[[], None]
) -> tuple[int, list[str]]:
    """Run it, change something while the body of /held is coming. Status and the row."""
    held = Held()
    server.routes["/held"] = held
    run = forked.start("-o", "data", stdin=subprocess.PIPE)
    assert run.stdin
    run.stdin.write(line.encode())
    run.stdin.close()
    run.stdin = None
    assert held.begun.wait(20)
    change()
    held.go_on.set()
    out, _ = run.communicate(timeout=20)
    return run.returncode, out.decode().rstrip("\n").split("\t")


@pytest.mark.parametrize("there_before", [False, True], ids=["not there", "there"])
def test_a_link_that_is_put_there_while_the_body_comes_leads_nowhere(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer, there_before: bool
) -> None:
    elsewhere = pyfetch.directory / "elsewhere"
    elsewhere.mkdir()
    place = pyfetch.directory / "data" / "d"
    if there_before:
        place.mkdir(parents=True)

    def change() -> None:
        if there_before:
            place.rmdir()
        place.symlink_to(elsewhere)

    status, row = while_the_body_comes(forked, server, f"{server.url}/held out=d/x", change)
    assert (status, row[4]) == (1, "disk")
    assert list(elsewhere.iterdir()) == []


def test_a_file_or_a_directory_that_comes_into_being_meanwhile_stays(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    data = pyfetch.directory / "data"

    def make_a_directory() -> None:
        (data / "d" / "x" / "y").mkdir(parents=True)

    def make_a_file() -> None:
        (data / "e").write_bytes(b"mine")

    line = f"{server.url}/held out=d/x"
    status, row = while_the_body_comes(forked, server, line, make_a_directory)
    assert (status, row[3]) == (1, "-")
    assert (data / "d" / "x" / "y").is_dir()
    line = f"{server.url}/held out=e/x"
    status, row = while_the_body_comes(forked, server, line, make_a_file)
    assert (status, row[4]) == (1, "exists")
    assert (data / "e").read_bytes() == b"mine"


def test_a_directory_that_goes_meanwhile_is_made_again(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    place = pyfetch.directory / "data" / "d" / "e"
    place.mkdir(parents=True)

    def change() -> None:
        place.rmdir()
        place.parent.rmdir()

    status, row = while_the_body_comes(forked, server, f"{server.url}/held out=d/e/x", change)
    assert (status, row[3]) == (0, "data/d/e/x")
    assert (place / "x").read_bytes() == b"firstafter"


def test_without_state_nothing_is_left_but_files_and_they_are_kept_apart(
    pyfetch: Command, server: LoopbackServer
) -> None:
    urls = serve(server, "/a/x", "/b/x", "/x/y", "/x")
    found = paths_of(pyfetch, "--no-state", "--fsync", *urls)
    assert found[0] == "x"
    assert len(set(found)) == 4
    data = pyfetch.directory / "data"
    assert sorted(files(data).values()) == [b"/a/x", b"/b/x", b"/x", b"/x/y"]
    assert not (data / ".pyfetch").exists()
    # By their times alone, where the names are the same as before.
    again = pyfetch("-o", "data", "--no-state", "--format", "jsonl", *urls)
    assert [result["path"] for result in again.results] == [f"data/{path}" for path in found]


def test_a_killed_run_goes_on_at_a_nested_path_and_finds_the_names_it_gave(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    body = os.urandom(400_000)
    held = Held(body)
    server.routes["/b/x"] = held
    server.pages["/a/x"] = Page(b"first")
    lines = f"{server.url}/a/x out=d/e/x\n{server.url}/b/x out=d/e/x\n"
    (forked.directory / "list").write_text(lines)
    run = forked.start("-o", "data", "list")
    assert held.begun.wait(20)
    parts = forked.directory / "data" / ".pyfetch" / "parts"
    first = forked.directory / "data" / "d" / "e" / "x"
    until(lambda: first.exists() and bytes_in(parts, "*.part") == 200_000, "a file and a part")
    run.kill()
    run.communicate()
    held.go_on.set()
    del server.routes["/b/x"]
    server.pages["/b/x"] = Page(body, etag='"1"')
    server.asked.clear()
    found = paths_of(pyfetch, "list")
    asked = {asked.path: asked.headers for asked in server.asked}
    assert asked["/b/x"]["Range"] == "bytes=200000-"
    there = files(forked.directory / "data")
    assert [there[str(path)] for path in found] == [b"first", body]
    assert found[0] == "d/e/x"
    assert len(there) == 2
    assert list(parts.glob("*")) == []


OURS = [
    "/.pyfetch", "/.PYFETCH", "/%2epyfetch", "/.pyfetch%2fstate.sqlite3", "/%2e%2e%2fx",
    "/%2e%2e%5cx", "/.pyfetch/lock", "/a/.pyfetch/parts/x.part", "/.pyfetch%00",
]  # fmt: skip


class Everywhere(dict[str, Callable[[Handler], None]]):
    """The same answer to whatever is asked."""

    def __contains__(self, path: object) -> bool:
        return True

    def __missing__(self, path: str) -> Callable[[Handler], None]:
        return lambda h: h.answer(200, b"hostile")


@pytest.mark.parametrize("template", ["{name}", "{dir}/{name}", "{stem}{ext}/{name}", "{query}"])
def test_a_url_s_own_name_never_reaches_what_is_ours(
    pyfetch: Command, server: LoopbackServer, template: str
) -> None:
    server.routes = Everywhere()
    urls = [f"{server.url}{path}?.pyfetch/state.sqlite3" for path in OURS]
    ended = pyfetch("-o", "data", "--name", template, *urls)
    assert ended.status == 0, ended.err
    there = files(pyfetch.directory)
    assert list(there.values()) == [b"hostile"] * len(OURS)
    assert all(path.startswith("data/") for path in there)
    assert not any(part.startswith(".") for path in there for part in path.split("/"))
    own = pyfetch.directory / "data" / ".pyfetch"
    assert (own / "state.sqlite3").read_bytes().startswith(b"SQLite format 3")
    assert {path.name for path in own.iterdir()} <= {"state.sqlite3", "parts", "lock"}
