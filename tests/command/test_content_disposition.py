"""`--content-disposition`: files get the names that servers give, and stay where they are."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.measuring import bytes_in
from tests.support.server import Handler, LoopbackServer, Page

Route = Callable[[Handler], None]


def named(field: str, body: bytes = b"content", etag: str = '"1"') -> Route:
    """A page with this field: conditions and ranges are understood."""

    def route(handler: Handler) -> None:
        headers = {"Content_Disposition": field, "ETag": etag}
        if handler.headers.get("If-None-Match") == etag:
            handler.head(304, **headers)
            return
        wanted = handler.headers.get("Range")
        if wanted and handler.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            handler.answer(206, body[start:], **headers)
            return
        handler.answer(200, body, **headers)

    return route


def fetched(pyfetch: Command, *arguments: str, stdin: str = "") -> list[dict[str, Any]]:
    ended = pyfetch(
        "-o", "data", "--format", "jsonl", "--content-disposition", *arguments, stdin=stdin
    )  # fmt: skip
    assert ended.status in (0, 1), ended.err
    return ended.results


def paths(results: list[dict[str, Any]]) -> list[str]:
    return [str(result["path"]).removeprefix("data/") for result in results]


def files(directory: Path) -> dict[str, bytes]:
    """What is below a directory, but for what is pyfetch's own."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".pyfetch" not in path.relative_to(directory).parts
    }


def validators(server: LoopbackServer) -> list[str | None]:
    return [asked.headers.get("If-None-Match") for asked in server.asked]


LONG = "n" * 300 + ".txt"
GIVEN = {
    'attachment; filename="report.pdf"': "report.pdf",
    "attachment; filename=plain.txt": "plain.txt",
    "attachment; filename*=UTF-8''na%C3%AFve%20plan.txt": "na\u00efve plan.txt",
    "attachment; filename=\"old.txt\"; filename*=UTF-8''new.txt": "new.txt",
    'INLINE; FileName="inline.txt"': "inline.txt",
    'attachment; filename="../../etc/passwd"': "passwd",
    'attachment; filename="/etc/shadow"': "shadow",
    "attachment; filename*=UTF-8''..%2F..%2Fescape.txt": "escape.txt",
    r'attachment; filename="C:\\windows\\system.ini"': "system.ini",
    'attachment; filename=".bashrc"': "_bashrc",
    'attachment; filename=".pyfetch/lock"': "lock",
    'attachment; filename=".pyfetch"': "_pyfetch",
    "attachment; filename*=UTF-8''evil%E2%80%AEgpj.exe": "evil_gpj.exe",
    "attachment; filename*=UTF-8''a%0Ab%1B%5Bc.txt": "a_b_[c.txt",
    'attachment; filename="con.txt"': "_con.txt",
    f'attachment; filename="{LONG}"': "n" * 251 + ".txt",
    # These give no name, so the URL's holds.
    'attachment; filename=""': "URL",
    'attachment; filename=".."': "URL",
    'attachment; filename="."': "URL",
    'attachment; filename="dir/"': "URL",
    "attachment": "URL",
    'attachment; filename="unclosed': "URL",
}


def test_a_file_has_the_name_that_the_server_gives_made_safe_and_below_the_directory(
    pyfetch: Command, server: LoopbackServer
) -> None:
    expected = {}
    for number, (field, name) in enumerate(GIVEN.items()):
        server.routes[f"/d/{number}"] = named(field, b"%d" % number)
        expected[name.replace("URL", str(number))] = b"%d" % number
    urls = [f"{server.url}/d/{number}" for number in range(len(GIVEN))]
    results = fetched(pyfetch, *urls)
    assert dict(zip(GIVEN, paths(results), strict=True)) == dict(zip(GIVEN, expected, strict=True))
    assert files(pyfetch.directory / "data") == expected
    assert set(pyfetch.directory.iterdir()) == {pyfetch.directory / "data"}
    # A second run asks about each at its real place, a third one still does.
    for _ in range(2):
        server.asked.clear()
        again = fetched(pyfetch, *urls)
        assert {result["outcome"] for result in again} == {"unchanged"}
        assert paths(again) == list(expected)
        assert validators(server) == ['"1"'] * len(GIVEN)
    assert files(pyfetch.directory / "data") == expected


def test_a_name_that_is_only_dots_is_none_that_hides(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = named('attachment; filename="..."')
    (path,) = paths(fetched(pyfetch, f"{server.url}/x"))
    assert path == "___"
    assert files(pyfetch.directory) == {"data/___": b"content"}


def test_without_the_option_the_field_means_nothing(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = named("attachment; filename=y")
    for _ in range(2):
        assert pyfetch("-o", "data", f"{server.url}/x").rows[0][3] == "data/x"
    assert files(pyfetch.directory / "data") == {"x": b"content"}
    assert validators(server) == [None, '"1"']


def test_what_the_list_says_wins_and_a_directory_of_the_list_keeps_the_name(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = named("attachment; filename=y")
    server.routes["/z"] = named("attachment; filename=w")
    lines = f"{server.url}/x out=d/mine\n{server.url}/z dir=d\n"
    for outcome in ("fetched", "unchanged"):
        results = fetched(pyfetch, stdin=lines)
        assert paths(results) == ["d/mine", "d/w"]
        assert {result["outcome"] for result in results} == {outcome}
    assert set(files(pyfetch.directory / "data")) == {"d/mine", "d/w"}


def test_in_a_template_the_name_is_the_server_s(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/a/x"] = named("attachment; filename=report.tar.gz")
    template = "{dir}/{index:03}/{stem}-new{ext}"
    for outcome in ("fetched", "unchanged"):
        results = fetched(pyfetch, "--name", template, f"{server.url}/a/x")
        assert paths(results) == ["a/001/report-new.tar.gz"]
        assert results[0]["outcome"] == outcome
    assert set(files(pyfetch.directory / "data")) == {"a/001/report-new.tar.gz"}


@pytest.mark.parametrize("state", [[], ["--no-state"]], ids=["state", "no state"])
@pytest.mark.parametrize("other", ["same.txt", "SAME.txt"], ids=["the same", "another case"])
def test_two_urls_that_get_one_name_are_both_kept(
    pyfetch: Command, server: LoopbackServer, state: list[str], other: str
) -> None:
    server.routes["/1"] = named("attachment; filename=same.txt", b"one")
    server.routes["/2"] = named(f"attachment; filename={other}", b"two")
    server.pages["/same.txt"] = Page(b"three")
    urls = [f"{server.url}/1", f"{server.url}/2", f"{server.url}/same.txt"]
    results = fetched(pyfetch, *state, *urls)
    found = paths(results)
    there = files(pyfetch.directory / "data")
    assert [there[path] for path in found] == [b"one", b"two", b"three"]
    assert len({path.casefold() for path in found}) == 3
    assert len(there) == 3
    if not state:
        for _ in range(2):
            server.asked.clear()
            again = fetched(pyfetch, *reversed(urls))
            assert paths(again) == found[::-1]
            assert {result["outcome"] for result in again} == {"unchanged"}
            assert all(validators(server))


class TestRerun:
    @pytest.fixture
    def url(self, pyfetch: Command, server: LoopbackServer) -> str:
        """A URL whose file was fetched to `given.txt`."""
        server.routes["/x"] = named("attachment; filename=given.txt", b"older")
        url = f"{server.url}/x"
        assert paths(fetched(pyfetch, url)) == ["given.txt"]
        server.asked.clear()
        return url

    def test_a_file_that_is_there_is_not_asked_for_with_skip_and_not_replaced_with_fail(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        (skipped,) = fetched(pyfetch, "--if-exists", "skip", url)
        assert (skipped["outcome"], skipped["path"]) == ("skipped", "data/given.txt")
        (failed,) = fetched(pyfetch, "--if-exists", "fail", url)
        assert (failed["outcome"], failed["error"]) == ("failed", "exists")
        assert server.asked == []
        assert files(pyfetch.directory / "data") == {"given.txt": b"older"}

    def test_replace_fetches_it_anew_to_the_same_place(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        server.routes["/x"] = named("attachment; filename=given.txt", b"newer", '"2"')
        (result,) = fetched(pyfetch, "--if-exists", "replace", url)
        assert (result["outcome"], result["path"]) == ("fetched", "data/given.txt")
        assert files(pyfetch.directory / "data") == {"given.txt": b"newer"}
        assert validators(server) == [None]

    def test_rename_keeps_all(self, pyfetch: Command, server: LoopbackServer, url: str) -> None:
        found = []
        for body in (b"second", b"third"):
            server.routes["/x"] = named("attachment; filename=given.txt", body)
            found += paths(fetched(pyfetch, "--if-exists", "rename", url))
        assert found == ["given-1.txt", "given-2.txt"]
        assert files(pyfetch.directory / "data") == {
            "given.txt": b"older", "given-1.txt": b"second", "given-2.txt": b"third",
        }  # fmt: skip

    def test_a_name_that_changes_leaves_the_older_file_and_the_new_one_is_asked_for_from_then_on(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        server.routes["/x"] = named("attachment; filename=other.txt", b"newer", '"2"')
        (result,) = fetched(pyfetch, url)
        assert (result["outcome"], result["path"]) == ("fetched", "data/other.txt")
        expected = {"given.txt": b"older", "other.txt": b"newer"}
        assert files(pyfetch.directory / "data") == expected
        (again,) = fetched(pyfetch, url)
        assert (again["outcome"], again["path"]) == ("unchanged", "data/other.txt")
        assert validators(server) == ['"1"', '"2"']
        assert files(pyfetch.directory / "data") == expected

    def test_a_name_that_comes_back_is_found_again(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        for number, name in enumerate(("other.txt", "given.txt", "other.txt"), 2):
            server.routes["/x"] = named(
                f"attachment; filename={name}", b"%d" % number, f'"{number}"'
            )
            for outcome in ("fetched", "unchanged"):
                (result,) = fetched(pyfetch, url)
                assert (result["outcome"], result["path"]) == (outcome, f"data/{name}")
        assert files(pyfetch.directory / "data") == {"given.txt": b"3", "other.txt": b"4"}

    def test_a_field_that_goes_leaves_the_file_where_it_is(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        server.pages["/x"] = Page(b"newer", etag='"2"')
        del server.routes["/x"]
        (result,) = fetched(pyfetch, url)
        (again,) = fetched(pyfetch, url)
        assert result["outcome"] == "fetched"
        assert again["outcome"] == "unchanged"
        assert result["path"] == again["path"]
        there = files(pyfetch.directory / "data")
        assert there[str(again["path"]).removeprefix("data/")] == b"newer"

    def test_a_file_that_was_altered_on_disk_stays_and_the_new_one_goes_beside_it(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        (pyfetch.directory / "data" / "given.txt").write_bytes(b"mine!")
        (result,) = fetched(pyfetch, url)
        path = result["path"].removeprefix("data/")
        assert result["outcome"] == "fetched"
        assert path != "given.txt"
        assert files(pyfetch.directory / "data") == {"given.txt": b"mine!", path: b"older"}
        assert validators(server) == [None]
        (again,) = fetched(pyfetch, url)
        assert (again["outcome"], again["path"]) == ("unchanged", f"data/{path}")

    def test_with_a_checksum_that_it_has_it_is_not_asked_for(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        line = f"{url} sha256={hashlib.sha256(b'older').hexdigest()}"
        (result,) = fetched(pyfetch, stdin=line)
        assert (result["outcome"], result["path"]) == ("unchanged", "data/given.txt")
        assert server.asked == []

    def test_a_link_that_leads_out_is_not_followed_and_stays(
        self, pyfetch: Command, server: LoopbackServer, url: str
    ) -> None:
        (pyfetch.directory / "secret").write_bytes(b"secret")
        file = pyfetch.directory / "data" / "given.txt"
        file.unlink()
        file.symlink_to("../secret")
        (result,) = fetched(pyfetch, url)
        assert result["outcome"] == "fetched"
        assert result["path"] != "data/given.txt"
        assert (pyfetch.directory / "secret").read_bytes() == b"secret"
        assert file.is_symlink()


def test_without_state_a_file_is_skipped_when_its_name_is_known_before_its_body_comes(
    pyfetch: Command, server: LoopbackServer
) -> None:
    went_on = threading.Event()

    def route(handler: Handler) -> None:
        handler.head(200, Content_Length="10", Content_Disposition="attachment; filename=given")
        handler.wfile.flush()
        # Nothing of the body comes before the test is over.
        went_on.wait(20)

    server.routes["/x"] = route
    data = pyfetch.directory / "data"
    data.mkdir()
    (data / "given").write_bytes(b"mine")
    skip = ("--no-state", "--if-exists", "skip", f"{server.url}/x")
    (result,) = fetched(pyfetch, *skip)
    assert (result["outcome"], result["path"], result["size"]) == ("skipped", "data/given", 4)
    (result,) = fetched(pyfetch, "--no-state", "--if-exists", "fail", f"{server.url}/x")
    assert (result["outcome"], result["error"]) == ("failed", "exists")
    went_on.set()
    assert files(data) == {"given": b"mine"}
    assert not (data / ".pyfetch").exists()


def test_a_directory_in_the_place_of_the_given_name_is_not_replaced(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = named("attachment; filename=given")
    (pyfetch.directory / "data" / "given").mkdir(parents=True)
    (result,) = fetched(pyfetch, f"{server.url}/x")
    assert result["error"] == "exists"
    assert result["attempts"] == 1
    parts = pyfetch.directory / "data" / ".pyfetch" / "parts"
    assert list(parts.glob("*")) == []


def test_of_redirects_the_last_answer_s_field_counts(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.answer(
        302, Location="/y", Content_Disposition="attachment; filename=redirect.txt"
    )  # fmt: skip
    server.routes["/y"] = named("attachment; filename=final.txt")
    server.routes["/gone"] = lambda h: h.answer(
        404, b"no", Content_Disposition="attachment; filename=error.txt"
    )  # fmt: skip
    for outcome in ("fetched", "unchanged"):
        results = fetched(pyfetch, f"{server.url}/x", f"{server.url}/gone")
        assert results[0]["path"] == "data/final.txt"
        assert [result["outcome"] for result in results] == [outcome, "failed"]
    assert files(pyfetch.directory / "data") == {"final.txt": b"content"}


def test_a_part_that_is_continued_after_a_kill_gets_the_given_name_in_the_end(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    body = os.urandom(400_000)

    def stalls(handler: Handler) -> None:
        handler.head(
            200, Content_Length="400000", ETag='"1"',
            Content_Disposition="attachment; filename=given.bin",
        )  # fmt: skip
        handler.send(body[:200_000])
        handler.stall()

    server.routes["/x"] = stalls
    run = forked.start("-o", "data", "--content-disposition", f"{server.url}/x")
    parts = forked.directory / "data" / ".pyfetch" / "parts"
    while bytes_in(parts, "*.part") < 200_000:
        assert run.poll() is None
    run.kill()
    run.communicate()
    assert files(forked.directory / "data") == {}
    server.routes["/x"] = named("attachment; filename=given.bin", body)
    (result,) = fetched(pyfetch, f"{server.url}/x")
    assert (result["status"], result["path"]) == (206, "data/given.bin")
    assert server.asked[-1].headers["Range"] == "bytes=200000-"
    assert files(forked.directory / "data") == {"given.bin": body}
    (again,) = fetched(pyfetch, f"{server.url}/x")
    assert (again["outcome"], again["path"]) == ("unchanged", "data/given.bin")


def test_a_name_that_was_given_belongs_to_its_url_in_runs_without_the_option_too(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = named("attachment; filename=y", b"of x")
    server.pages["/y"] = Page(b"of y")
    assert paths(fetched(pyfetch, f"{server.url}/x")) == ["y"]
    path = pyfetch("-o", "data", f"{server.url}/y").rows[0][3].removeprefix("data/")
    assert path != "y"
    assert files(pyfetch.directory / "data") == {"y": b"of x", path: b"of y"}
