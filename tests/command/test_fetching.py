"""Whole files or none: the command against a server that does right, and wrong."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import stat
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.server import JUST_BEFORE_NOW, Handler, LoopbackServer, Page, redirect
from tests.support.waiting import within

BODY = os.urandom(300_000)
KEYS = [
    "index", "url", "outcome", "final_url", "status", "size", "path", "error", "detail",
    "attempts", "elapsed", "content_type", "content_encoding", "coded_size", "etag",
    "last_modified", "sha256", "input", "backup", "change", "resumed", "kept", "timing",
    "http_version", "value",
]  # fmt: skip


def reset(handler: Handler) -> None:
    """End the connection with a reset, not an orderly end."""
    handler.wfile.flush()
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True


def files_in(directory: Path) -> list[str]:
    """All files below a directory, but for the state."""
    return sorted(
        str(found.relative_to(directory))
        for found in directory.rglob("*")
        if found.is_file() and found.name != "state.sqlite3"
    )


def test_bodies_are_saved_byte_by_byte_with_their_modification_time(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a/one.bin"] = Page(BODY)
    server.pages["/two.txt"] = Page(b"two", modified=None)
    ended = pyfetch("-o", "data", f"{server.url}/a/one.bin", f"{server.url}/two.txt")
    assert ended.status == 0
    assert ended.rows == [
        ["200", "300000", f"{server.url}/a/one.bin", "data/one.bin", "-", "-"],
        ["200", "3", f"{server.url}/two.txt", "data/two.txt", "-", "-"],
    ]
    data = pyfetch.directory / "data"
    assert (data / "one.bin").read_bytes() == BODY
    assert (data / "one.bin").stat().st_mtime == JUST_BEFORE_NOW
    assert files_in(data) == ["one.bin", "two.txt"]


def test_json_lines_have_every_key_and_tell_all(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"hello", etag='"v1"')
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert list(result) == KEYS
    assert result.pop("elapsed") > 0
    assert result.pop("timing")["attempts"][0]["status"] == 200
    assert result == {
        "index": 1, "url": f"{server.url}/x", "final_url": f"{server.url}/x",
        "outcome": "fetched", "status": 200, "size": 5, "path": "x", "error": None,
        "detail": None, "attempts": 1, "content_type": None, "content_encoding": None,
        "coded_size": None,
        "etag": '"v1"',
        "last_modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "sha256": hashlib.sha256(b"hello").hexdigest(), "input": None, "backup": None,
        "change": "new", "resumed": 0, "kept": 0, "http_version": "1.1",
        "value": None,
    }  # fmt: skip


def test_discard_counts_every_byte_and_keeps_nothing(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(BODY)
    ended = pyfetch("--discard", "-o", "data", f"{server.url}/x")
    assert ended.rows == [["200", "300000", f"{server.url}/x", "-", "-", "-"]]
    assert files_in(pyfetch.directory) == []
    assert not (pyfetch.directory / "data").exists()


def test_an_empty_body_is_an_empty_file(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"")
    assert pyfetch(f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == b""


def test_what_is_saved_is_what_the_server_has_not_what_it_decodes_to(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x.gz"] = lambda h: h.answer(200, b"no gzip at all", Content_Encoding="gzip")
    assert pyfetch(f"{server.url}/x.gz").status == 0
    assert (pyfetch.directory / "x.gz").read_bytes() == b"no gzip at all"
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("processes", "coding"), [("1", "gzip"), ("1", "br, gzip"), ("1", "X-Gzip"), ("2", "gzip")]
)
def test_a_body_that_is_coded_unasked_is_said_once_and_in_its_result(
    request: pytest.FixtureRequest, server: LoopbackServer, coding: str, processes: str
) -> None:
    """It is saved as it came: its name and its media type do not tell that."""
    run = request.getfixturevalue("forked" if processes == "2" else "pyfetch")
    for number in range(8):
        server.routes[f"/{number}.json"] = lambda h: h.answer(200, b"?", Content_Encoding=coding)
    urls = [f"{server.url}/{number}.json" for number in range(8)]
    ended = run("--format", "jsonl", "--processes", processes, *urls)
    assert {one["content_encoding"] for one in ended.results} == {coding}
    assert ended.err.count(f"Content-Encoding: {coding}") == 1
    assert (run.directory / "0.json").read_bytes() == b"?"


def test_a_body_in_no_coding_and_that_of_an_error_are_no_news(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.answer(200, b"x", Content_Encoding="Identity")
    server.routes["/y"] = lambda h: h.answer(404, b"?", Content_Encoding="gzip")
    server.routes["/z"] = lambda h: h.answer(200, b"?", Content_Encoding="gzip")
    ended = pyfetch("--format", "jsonl", f"{server.url}/x", f"{server.url}/y")
    assert [one["content_encoding"] for one in ended.results] == ["Identity", "gzip"]
    assert "Content-Encoding" not in ended.err
    # Nor is one that the user has asked for, for all URLs or for one.
    asked = pyfetch("--discard", "-H", "accept-encoding: gzip", f"{server.url}/z")
    line = f"{server.url}/z header='Accept-Encoding: gzip'"
    assert "Content-Encoding" not in asked.err + pyfetch("--discard", stdin=line).err


def test_headers_are_added_to_each_request(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"x")
    pyfetch("-H", "X-One: 1", "-H", "User-Agent: me", f"{server.url}/x", f"{server.url}/x?2")
    assert [(a.headers["X-One"], a.headers["User-Agent"]) for a in server.asked] == [
        ("1", "me")
    ] * 2


def test_results_come_in_input_order_though_the_first_is_slow(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def after_the_others(handler: Handler) -> None:
        server.over.wait(0.2)
        while len(server.asked) < 20:
            server.over.wait(0.01)
        handler.answer(200, b"slow")

    server.routes["/0"] = after_the_others
    urls = [f"{server.url}/{i}" for i in range(20)]
    for i in range(1, 20):
        server.pages[f"/{i}"] = Page(b"fast")
    ended = pyfetch("--discard", stdin="\n".join(urls))
    assert [row[2] for row in ended.rows] == urls
    unordered = pyfetch("--discard", "--unordered", stdin="\n".join(urls))
    assert sorted(row[2] for row in unordered.rows) == sorted(urls)


def test_no_more_than_the_workers_are_at_it_at_once(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def slow(handler: Handler) -> None:
        server.over.wait(0.05)
        handler.answer(200, b"x")

    for i in range(20):
        server.routes[f"/{i}"] = slow
    pyfetch("--discard", "-w", "5", stdin="\n".join(f"{server.url}/{i}" for i in range(20)))
    assert server.most_at_once == 5


def test_two_urls_that_want_one_name_both_get_theirs(
    pyfetch: Command, server: LoopbackServer
) -> None:
    for place in "abc":
        server.pages[f"/{place}/file.txt"] = Page(place.encode())
    urls = [f"{server.url}/{place}/file.txt" for place in "abc"]
    first = pyfetch("-o", "d", *urls)
    paths = [row[3] for row in first.rows]
    assert paths[0] == "d/file.txt"
    assert len(set(paths)) == 3
    for place, path in zip("abc", paths, strict=True):
        assert (pyfetch.directory / path).read_text() == place
    assert [row[3] for row in pyfetch("-o", "d", *urls).rows] == paths


def test_names_that_differ_only_in_case_are_one_name(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages |= {"/File": Page(b"upper"), "/file": Page(b"lower")}
    rows = pyfetch(f"{server.url}/File", f"{server.url}/file").rows
    assert len({row[3].casefold() for row in rows}) == 2


def test_the_same_url_twice_is_fetched_one_after_the_other(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def slow(handler: Handler) -> None:
        server.over.wait(0.1)
        handler.answer(200, BODY)

    server.routes["/x"] = slow
    ended = pyfetch(f"{server.url}/x", f"{server.url}/x")
    assert [row[0] for row in ended.rows] == ["200", "200"]
    assert server.most_at_once == 1
    assert (pyfetch.directory / "x").read_bytes() == BODY


def short_length(handler: Handler) -> None:
    handler.head(200, Content_Length=str(len(BODY) + 1))
    handler.send(BODY)
    handler.cut()


def chunked_without_end(handler: Handler) -> None:
    handler.head(200, Transfer_Encoding="chunked")
    handler.send(b"%x\r\n%b\r\n" % (len(BODY), BODY))
    handler.cut()


def chunked_cut_in_a_chunk(handler: Handler) -> None:
    handler.head(200, Transfer_Encoding="chunked")
    handler.send(b"%x\r\n%b" % (len(BODY), BODY[:1000]))
    handler.cut()


def reset_in_the_body(handler: Handler) -> None:
    handler.head(200, Content_Length=str(len(BODY)))
    handler.send(BODY[:1000])
    reset(handler)


def reset_in_the_head(handler: Handler) -> None:
    handler.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    reset(handler)
    os.close(handler.connection.detach())  # the server would begin with an orderly end


def stalled_body(handler: Handler) -> None:
    handler.head(200, Content_Length=str(len(BODY)))
    handler.send(BODY[:1000])
    handler.stall()


def stalled_head(handler: Handler) -> None:
    handler.stall()


def not_http(handler: Handler) -> None:
    handler.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.cut()


def no_answer(handler: Handler) -> None:
    handler.cut()


def odd_length(handler: Handler) -> None:
    handler.head(200, Content_Length="-1")
    handler.send(BODY)
    handler.cut()


def other_coding(handler: Handler) -> None:
    handler.head(200, Transfer_Encoding="gzip, chunked")
    handler.send(b"3\r\nabc\r\n0\r\n\r\n")
    handler.cut()


def unasked_range(handler: Handler) -> None:
    handler.answer(206, BODY[:1000], Content_Range=f"bytes 0-999/{len(BODY)}")


def unasked_not_modified(handler: Handler) -> None:
    handler.head(304)


WRONG: dict[str, tuple[Callable[[Handler], None], str]] = {
    "short length": (short_length, "truncated"),
    "chunked without its end": (chunked_without_end, "truncated"),
    "cut in a chunk": (chunked_cut_in_a_chunk, "truncated"),
    "reset": (reset_in_the_body, "truncated"),
    "reset in the head": (reset_in_the_head, "connect"),
    "stalled body": (stalled_body, "timeout"),
    "stalled head": (stalled_head, "timeout"),
    "not HTTP": (not_http, "connect"),
    "no answer": (no_answer, "connect"),
    "odd length": (odd_length, "wrong-content"),
    "other coding": (other_coding, "wrong-content"),
    "range that was not asked for": (unasked_range, "wrong-content"),
    "304 that was not asked for": (unasked_not_modified, "wrong-content"),
    "404": (lambda h: h.answer(404, BODY), "http"),
    "500": (lambda h: h.answer(500, b"sorry"), "http"),
    "long error": (lambda h: h.answer(418, b"", Content_Length="100000000"), "http"),
}


def test_a_body_that_is_not_whole_leaves_no_file_and_the_older_one_as_it_was(
    pyfetch: Command, server: LoopbackServer
) -> None:
    stalled: list[str] = []
    others: list[str] = []
    for number, (wrong, error) in enumerate(WRONG.values()):
        server.routes |= {f"/new{number}": wrong, f"/old{number}": wrong}
        (pyfetch.directory / f"old{number}").write_bytes(b"as it was")
        urls = stalled if error == "timeout" else others
        urls += [f"{server.url}/new{number}", f"{server.url}/old{number}"]
    server.pages["/good"] = Page(b"good")
    arguments = ("--retries", "1", "-w", "32")
    # A busy machine may take half a second for an answer: only those that never come are timed.
    bad = pyfetch(*arguments, "--timeout", "0.5", *stalled).rows
    ended = pyfetch(*arguments, *others, f"{server.url}/good")
    assert ended.status == 1
    *more, good = ended.rows
    found = {row[2]: row[4] for row in [*bad, *more]}
    assert found == {
        f"{server.url}/{name}{number}": error
        for number, (_, error) in enumerate(WRONG.values())
        for name in ("new", "old")
    }
    assert good[3:] == ["good", "-", "-"]
    assert {row[3] for row in [*bad, *more]} == {"-"}
    old = [f"old{number}" for number in range(len(WRONG))]
    assert files_in(pyfetch.directory) == sorted(["good", *old])
    assert {(pyfetch.directory / name).read_bytes() for name in old} == {b"as it was"}


def test_a_body_that_ends_with_its_connection_is_whole(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def until_the_end(handler: Handler) -> None:
        handler.head(200, Connection="close")
        handler.send(BODY)

    def chunked(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        for start in range(0, len(BODY), 70_000):
            chunk = BODY[start : start + 70_000]
            handler.send(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk))
        handler.send(b"0\r\nSome-Trailer: x\r\n\r\n")

    server.routes |= {"/closed": until_the_end, "/chunked": chunked}
    assert pyfetch(f"{server.url}/closed", f"{server.url}/chunked").status == 0
    assert (pyfetch.directory / "closed").read_bytes() == BODY
    assert (pyfetch.directory / "chunked").read_bytes() == BODY


def test_max_size_refuses_by_header_and_by_count(pyfetch: Command, server: LoopbackServer) -> None:
    def endless(handler: Handler) -> None:
        handler.head(200, Connection="close")
        while True:
            handler.send(BODY)

    server.pages |= {"/large": Page(BODY), "/fits": Page(BODY[:1000])}
    server.routes["/endless"] = endless
    urls = [f"{server.url}/{name}" for name in ("large", "endless", "fits")]
    ended = pyfetch("--max-size", "1000", *urls)
    assert [row[4] for row in ended.rows] == ["too-large", "too-large", "-"]
    assert files_in(pyfetch.directory) == ["fits"]
    assert len(server.asked) == 3


def test_max_time_ends_a_body_that_drips(pyfetch: Command, server: LoopbackServer) -> None:
    def drip(handler: Handler) -> None:
        handler.head(200, Content_Length="1000")
        while not server.over.wait(0.02):
            handler.send(b"x")
            handler.wfile.flush()

    server.routes["/drip"] = drip
    (result,) = pyfetch("--max-time", "0.3", "--format", "jsonl", f"{server.url}/drip").results
    assert result["error"] == "timeout"
    assert "0.3 s" in result["detail"]
    assert result["elapsed"] >= 0.3
    assert within(2, result["elapsed"])
    assert files_in(pyfetch.directory) == []


class TestIfExists:
    def test_skip_asks_nothing(self, pyfetch: Command, server: LoopbackServer) -> None:
        (pyfetch.directory / "x").write_bytes(b"mine")
        (result,) = pyfetch("--if-exists", "skip", "--format", "jsonl", f"{server.url}/x").results
        assert (result["outcome"], result["size"], result["path"]) == ("skipped", 4, "x")
        assert server.asked == []

    def test_replace_takes_the_place_in_one_step(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages["/x"] = Page(b"new")
        old = pyfetch.directory / "x"
        old.write_bytes(b"older")
        with old.open("rb") as held:
            assert pyfetch("--if-exists", "replace", f"{server.url}/x").status == 0
            assert held.read() == b"older"
        assert old.read_bytes() == b"new"

    def test_rename_keeps_both(self, pyfetch: Command, server: LoopbackServer) -> None:
        server.pages["/x.txt"] = Page(b"new")
        (pyfetch.directory / "x.txt").write_bytes(b"old")
        rows = [pyfetch("--if-exists", "rename", f"{server.url}/x.txt").rows[0] for _ in range(2)]
        assert [row[3] for row in rows] == ["x-1.txt", "x-2.txt"]
        assert (pyfetch.directory / "x.txt").read_bytes() == b"old"
        assert (pyfetch.directory / "x-2.txt").read_bytes() == b"new"

    def test_rename_keeps_all_of_a_url_that_stands_several_times(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.pages |= {"/x": Page(b"x"), "/a/x-1": Page(b"another")}
        urls = [f"{server.url}/x"] * 3 + [f"{server.url}/a/x-1"]
        ended = pyfetch("--if-exists", "rename", *urls)
        assert ended.status == 0
        assert len({row[3] for row in ended.rows}) == 4
        assert (pyfetch.directory / ended.rows[3][3]).read_bytes() == b"another"

    def test_fail_fails_that_url_only(self, pyfetch: Command, server: LoopbackServer) -> None:
        server.pages |= {"/x": Page(b"new"), "/y": Page(b"y")}
        (pyfetch.directory / "x").write_bytes(b"old")
        ended = pyfetch("--if-exists", "fail", f"{server.url}/x", f"{server.url}/y")
        assert [row[4] for row in ended.rows] == ["exists", "-"]
        assert (pyfetch.directory / "x").read_bytes() == b"old"
        assert server.paths() == ["/y"]

    @pytest.mark.parametrize("policy", ["fail", "rename", "skip"])
    def test_a_file_that_comes_into_being_meanwhile_is_not_overwritten(
        self, pyfetch: Command, server: LoopbackServer, policy: str
    ) -> None:
        def meanwhile(handler: Handler) -> None:
            (pyfetch.directory / "x").write_bytes(b"theirs")
            handler.answer(200, b"ours")

        server.routes["/x"] = meanwhile
        ended = pyfetch("--if-exists", policy, f"{server.url}/x")
        assert ended.rows[0][4] == "exists"
        assert (pyfetch.directory / "x").read_bytes() == b"theirs"
        assert files_in(pyfetch.directory) == ["x"]


def test_a_directory_or_a_fifo_is_never_replaced(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages |= {"/dir": Page(b"x"), "/fifo": Page(b"x")}
    (pyfetch.directory / "dir").mkdir()
    os.mkfifo(pyfetch.directory / "fifo")
    ended = pyfetch(f"{server.url}/dir", f"{server.url}/fifo")
    assert [row[4] for row in ended.rows] == ["exists", "exists"]
    assert stat.S_ISFIFO((pyfetch.directory / "fifo").stat().st_mode)
    assert server.asked == []


def test_a_symbolic_link_is_replaced_not_followed(
    pyfetch: Command, server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "precious"
    outside.write_bytes(b"precious")
    (pyfetch.directory / "x").symlink_to(outside)
    server.pages["/x"] = Page(b"new")
    assert pyfetch(f"{server.url}/x").status == 0
    assert outside.read_bytes() == b"precious"
    assert not (pyfetch.directory / "x").is_symlink()


LEADING_OUT = [
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%2e%2e",
    "/..",
    "/.",
    "/a/..%5c..%5cx",
    "/%00",
    "/.pyfetch",
    "/.bashrc",
    "/%2fetc%2fpasswd",
    "/con",
    "/" + "x" * 300,
    "/%E2%80%AEx",
    "/-rf",
    "/~root",
    "/..;/x",
    "//x",
    "/x/",
    "/C:%5Cx",
]


def test_nothing_from_a_url_leads_outside_the_output_directory(
    pyfetch: Command, server: LoopbackServer
) -> None:
    class Everywhere(dict[str, Callable[[Handler], None]]):
        def __contains__(self, _: object) -> bool:
            return True

        def __missing__(self, path: str) -> Callable[[Handler], None]:
            return lambda h: h.answer(200, path.encode())

    server.routes = Everywhere()
    ended = pyfetch("-o", "in/data", *(server.url + path for path in LEADING_OUT))
    assert ended.status == 0
    found = files_in(pyfetch.directory)
    assert len(found) == len(LEADING_OUT)
    for name in found:
        assert Path(name).parent == Path("in/data")
        assert not Path(name).name.startswith(".")


def test_cookies_live_for_one_chain_of_redirects(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/in"] = lambda h: h.answer(302, b"x", Location="/y", Set_Cookie="a=1; Path=/")
    server.pages["/y"] = Page(b"y")
    pyfetch("-w", "1", f"{server.url}/in", f"{server.url}/y")
    assert [asked.headers.get("Cookie") for asked in server.asked] == [None, "a=1", None]


class TestRedirects:
    def test_the_end_of_the_chain_is_saved_under_the_first_name(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.routes["/a"] = lambda h: h.answer(301, b"moved", Location="/b?c=d")
        server.pages["/b"] = Page(b"b")
        (result,) = pyfetch("--format", "jsonl", f"{server.url}/a").results
        assert result["final_url"] == f"{server.url}/b?c=d"
        assert (pyfetch.directory / "a").read_bytes() == b"b"

    @pytest.mark.parametrize(
        ("location", "error"),
        [
            ("/loop", "too-many-redirects"),
            ("file:///etc/passwd", "unsupported-scheme"),
            ("ftp://127.0.0.1/x", "unsupported-scheme"),
            ("https://", "invalid-url"),
            ("http://[::1", "invalid-url"),
            ("http://127.0.0.1:99999/", "invalid-url"),
        ],
    )
    def test_one_that_leads_nowhere_is_a_failure(
        self, pyfetch: Command, server: LoopbackServer, location: str, error: str
    ) -> None:
        server.routes["/loop"] = lambda h: h.answer(302, b"x", Location=location)
        ended = pyfetch("--format", "jsonl", f"{server.url}/loop")
        assert ended.status == 1
        assert ended.results[0]["error"] == error
        assert len(server.asked) == 1

    def test_so_many_are_followed_and_no_more(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        for number in range(20):
            server.routes[f"/{number}"] = partial(redirect, to=f"/{number + 1}")
        (result,) = pyfetch("--format", "jsonl", f"{server.url}/0").results
        assert (result["error"], len(server.asked)) == ("too-many-redirects", 11)
        (result,) = pyfetch("--max-redirects", "3", "--format", "jsonl", f"{server.url}/0").results
        assert (result["error"], len(server.asked)) == ("too-many-redirects", 15)
        assert "3 redirects" in result["detail"]

    def test_a_loop_is_noticed_however_long(self, pyfetch: Command, server: LoopbackServer) -> None:
        for number in range(4):
            server.routes[f"/{number}"] = partial(redirect, to=f"/{(number + 1) % 4}")
        (result,) = pyfetch("--format", "jsonl", f"{server.url}/0").results
        assert (result["error"], len(server.asked)) == ("too-many-redirects", 4)
        assert "loop" in result["detail"]

    def test_what_asks_again_with_the_cookie_that_it_set_is_no_loop(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        def once(handler: Handler) -> None:
            if handler.headers.get("Cookie") == "seen=1":
                handler.answer(200, b"welcome")
            else:
                handler.answer(302, Location="/x", Set_Cookie="seen=1")

        server.routes["/x"] = once
        assert pyfetch(f"{server.url}/x").status == 0

    def test_an_endless_body_on_a_redirect_is_not_read(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        def endless(handler: Handler) -> None:
            handler.head(302, Location="/b", Transfer_Encoding="chunked")
            while True:
                handler.send(b"%x\r\n%b\r\n" % (len(BODY), BODY))

        server.routes["/a"] = endless
        server.pages["/b"] = Page(b"b")
        assert pyfetch(f"{server.url}/a").status == 0
        assert (pyfetch.directory / "a").read_bytes() == b"b"

    def test_authorization_stays_with_its_origin(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        with LoopbackServer() as other:
            server.routes["/a"] = lambda h: h.answer(302, Location=f"{other.url}/b")
            server.routes["/c"] = lambda h: h.answer(302, Location="/d")
            server.pages["/d"] = other.pages["/b"] = Page(b"b")
            header = ("-H", "Authorization: Bearer secret")
            assert pyfetch(*header, f"{server.url}/a", f"{server.url}/c").status == 0
            assert [a.headers.get("Authorization") for a in server.asked] == ["Bearer secret"] * 3
            assert [a.headers.get("Authorization") for a in other.asked] == [None]


def test_connections_are_kept_and_a_small_error_body_does_not_end_one(
    pyfetch: Command, server: LoopbackServer
) -> None:
    peers = set()

    def noted(handler: Handler) -> None:
        peers.add(handler.client_address)
        handler.answer(404 if handler.path == "/3" else 200, b"x" * 100)

    for i in range(10):
        server.routes[f"/{i}"] = noted
    pyfetch("--discard", "-w", "1", *(f"{server.url}/{i}" for i in range(10)))
    assert len(server.asked) == 10
    assert len(peers) == 1


def test_what_the_environment_says_of_a_host_is_kept_to(
    pyfetch: Command, server: LoopbackServer, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    pyfetch.environment |= {"NETRC": str(tmp_path / "netrc"), "http_proxy": server.url}
    server.pages["/x"] = Page(b"x")
    server.routes["http://example.test/y"] = lambda h: h.answer(200, b"by proxy")
    ended = pyfetch("-w", "1", "http://example.test/y")
    assert ended.status == 0
    assert "Authorization" not in server.asked[0].headers
    pyfetch.environment["no_proxy"] = "127.0.0.1"
    assert pyfetch(f"{server.url}/x").status == 0
    assert server.asked[1].headers["Authorization"].startswith("Basic ")
    other = f"http://you:other@127.0.0.1:{server.server_port}/x"
    assert pyfetch(other).status == 0
    assert server.asked[2].headers["Authorization"] != server.asked[1].headers["Authorization"]


def test_an_answer_without_a_body_costs_no_connection(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """As most are in a rerun: 304; and redirects, errors and empty files."""
    server.pages |= {f"/{n}": Page(b"x") for n in range(30)} | {"/empty": Page(b"")}
    server.routes["/none"] = lambda h: h.answer(404)
    server.routes["/moved"] = partial(redirect, to="/0")
    paths = [*(f"/{n}" for n in range(30)), *["/empty", "/none", "/moved"] * 5]
    urls = [f"{server.url}{path}" for path in paths]
    pyfetch("-o", "data", "--workers", "2", *urls)
    assert server.connections <= 2
    server.connections = 0
    again = pyfetch("-o", "data", "--workers", "2", *urls)
    assert {row[0] for row in again.rows[:30]} == {"304"}
    assert server.connections <= 2


def test_each_key_of_a_result_is_explained() -> None:
    pages = Path(__file__).parents[2] / "docs" / "results.md"
    explained = set(re.findall(r"`(\w+)`", pages.read_text()))
    assert explained >= set(KEYS)
