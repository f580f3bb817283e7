"""Mirrors of one file: the next is asked when one has failed, and two are never mixed."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, Ended, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import LONGEST_WAIT, STOP, until, within

Route = Callable[[Handler], None]
BODY = os.urandom(1000)
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def three() -> Iterator[list[LoopbackServer]]:
    """Three servers, which are three hosts; the last two have the file."""
    with ExitStack() as stack:
        servers = [stack.enter_context(LoopbackServer()) for _ in range(3)]
        for server in servers[1:]:
            server.pages["/x"] = Page(BODY)
        yield servers


@pytest.fixture
def nobody() -> str:
    """An address that refuses connections."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def line_of(servers: list[LoopbackServer], *more: str) -> str:
    return " ".join(["\t".join(f"{server.url}/x" for server in servers), *more]) + "\n"


def fetched(pyfetch: Command, line: str, *arguments: str) -> tuple[dict[str, Any], Ended]:
    ended = pyfetch("-o", "data", "--format", "jsonl", *arguments, stdin=line)
    (result,) = ended.results
    return result, ended


def parts(pyfetch: Command) -> list[Path]:
    return list((pyfetch.directory / "data" / ".pyfetch" / "parts").glob("*"))


def cut(size: int, sent: int, **headers: str) -> Route:
    """A body that is announced with a size and ends before."""

    def route(handler: Handler) -> None:
        handler.head(200, **({"Content_Length": str(size)} | headers))
        handler.send(bytes(sent))
        handler.cut()

    return route


FAILING: dict[str, tuple[Route, int, tuple[str, ...]]] = {
    # What the first mirror does, how often it is asked, and options.
    "404": (lambda h: h.answer(404), 1, ()),
    "503": (lambda h: h.answer(503, Retry_After="0"), 3, ("--retries", "2")),
    "204": (lambda h: h.head(204), 1, ()),
    "a type": (lambda h: h.answer(200, BODY, Content_Type="text/html"), 1, ()),
    "small": (lambda h: h.answer(200, b"x"), 1, ("--min-size", "500")),
    "loop": (lambda h: h.answer(302, Location="/x"), 1, ()),
    "cut": (cut(1000, 10), 3, ("--retries", "2")),
    "silent": (Handler.stall, 1, ("--retries", "0", "--timeout", "0.5")),
}


@pytest.mark.parametrize("kind", FAILING)
def test_the_next_is_asked_when_one_has_failed_for_good(
    pyfetch: Command, three: list[LoopbackServer], kind: str
) -> None:
    first, second, third = three
    route, times, arguments = FAILING[kind]
    first.routes["/x"] = route
    if kind == "a type":
        arguments = ("--expect-type", "application/*")
        second.routes["/x"] = lambda h: h.answer(200, BODY, Content_Type="application/zip")
    result, ended = fetched(pyfetch, line_of(three), *arguments)
    assert (ended.status, result["outcome"], result["error"]) == (0, "fetched", None), ended.err
    assert result["url"] == f"{first.url}/x"
    assert result["final_url"] == f"{second.url}/x"
    assert result["attempts"] == times + 1
    assert result["sha256"] == SHA256
    assert (len(first.asked), len(second.asked), len(third.asked)) == (times, 1, 0)
    assert (pyfetch.directory / "data" / "x").read_bytes() == BODY


def test_the_next_is_asked_when_nobody_is_there(
    pyfetch: Command, three: list[LoopbackServer], nobody: str
) -> None:
    result, _ = fetched(pyfetch, f"{nobody}/x\t{three[1].url}/x", "--retries", "1")
    assert (result["outcome"], result["attempts"]) == ("fetched", 3)
    assert (result["url"], result["final_url"]) == (f"{nobody}/x", f"{three[1].url}/x")


def test_the_next_is_not_asked_when_one_succeeds_or_where_it_would_not_mend_anything(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    _, second, third = three
    result, _ = fetched(pyfetch, line_of([second, third]))
    assert result["attempts"] == 1
    result, _ = fetched(pyfetch, line_of([second, third], "out=y"), "--max-size", "10")
    assert (result["error"], result["attempts"]) == ("too-large", 1)
    (pyfetch.directory / "data" / "directory").mkdir()
    result, _ = fetched(pyfetch, line_of([second, third], "out=directory"))
    assert (result["error"], result["attempts"]) == ("exists", 0)
    assert third.asked == []


def test_where_all_fail_it_is_the_last_one_s_failure(
    pyfetch: Command, three: list[LoopbackServer], nobody: str
) -> None:
    first, second, _ = three
    second.routes["/x"] = lambda h: h.answer(403)
    line = f"{nobody}/x\t{first.url}/x\t{second.url}/x"
    result, ended = fetched(pyfetch, line, "--retries", "0", "--failed-to", "failed")
    assert ended.status == 1
    assert (result["error"], result["status"], result["attempts"]) == ("http", 403, 3)
    assert result["url"] == f"{nobody}/x"
    assert (pyfetch.directory / "failed").read_text().strip() == line
    assert parts(pyfetch) == []


def test_a_wrong_checksum_is_said_and_the_next_is_taken(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, _ = three
    first.pages["/x"] = Page(b"forged")
    result, ended = fetched(pyfetch, line_of(three, f"sha256={SHA256}"))
    assert (result["outcome"], result["final_url"]) == ("fetched", f"{second.url}/x")
    (said,) = [line for line in ended.err.splitlines() if "checksum" in line]
    assert f"{first.url}/x" in said
    assert f"{second.url}/x" in said
    assert (pyfetch.directory / "data" / "x").read_bytes() == BODY
    second.pages["/x"] = three[2].pages["/x"] = Page(b"forged, too")
    result, ended = fetched(pyfetch, line_of(three, f"sha256={SHA256}", "out=y"))
    assert (ended.status, result["error"], result["attempts"]) == (1, "checksum", 3)
    assert not (pyfetch.directory / "data" / "y").exists()


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "counted"])
def test_a_length_that_differs_from_what_another_one_announced_is_said_and_not_taken(
    pyfetch: Command, three: list[LoopbackServer], chunked: bool
) -> None:
    first, second, third = three
    first.routes["/x"] = cut(1000, 100)

    def shorter(handler: Handler) -> None:
        if not chunked:
            handler.answer(200, BODY[:900])
            return
        handler.head(200, Transfer_Encoding="chunked")
        handler.send(b"384\r\n" + BODY[:900] + b"\r\n0\r\n\r\n")

    second.routes["/x"] = shorter
    result, ended = fetched(pyfetch, line_of(three), "--retries", "0")
    assert (result["outcome"], result["size"]) == ("fetched", 1000)
    assert result["final_url"] == f"{third.url}/x"
    assert result["attempts"] == 3
    (said,) = [line for line in ended.err.splitlines() if "wrong-content" in line]
    assert f"mirror {second.url}/x" in said
    assert f"900 bytes, where {first.url}/x says 1000" in said
    # Where there is no third one, nothing is taken.
    result, ended = fetched(pyfetch, line_of([first, second], "out=y"), "--retries", "0")
    assert (result["error"], result["size"]) == ("wrong-content", None)
    assert "where" in result["detail"]
    assert not (pyfetch.directory / "data" / "y").exists()
    assert parts(pyfetch) == []


def test_with_a_checksum_the_lengths_do_not_matter(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    three[0].routes["/x"] = cut(5000, 100)
    result, _ = fetched(pyfetch, line_of(three, f"sha256={SHA256}"), "--retries", "0")
    assert (result["outcome"], result["size"]) == ("fetched", 1000)


def test_the_size_that_a_metalink_says_is_held_to(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, third = three
    first.pages["/x"] = Page(b"too short")
    urls = "".join(f'<url priority="{n}">{server.url}/x</url>' for n, server in enumerate(three, 1))
    metalink = (
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink">'
        f'<file name="d/a"><size>1000</size>{urls}</file>'
        f'<file name="d/b"><size>999</size><url>{second.url}/x</url></file></metalink>'
    )
    ended = pyfetch("-o", "data", "--format", "jsonl", stdin=metalink)
    one, other = ended.results
    assert (one["outcome"], one["path"]) == ("fetched", "data/d/a")
    assert (one["final_url"], one["attempts"]) == (f"{second.url}/x", 2)
    assert (other["error"], other["path"]) == ("wrong-content", None)
    assert "1000 bytes, where the list says 999" in other["detail"]
    assert third.asked == []
    assert [path.name for path in (pyfetch.directory / "data" / "d").iterdir()] == ["a"]


def test_a_part_of_one_is_not_continued_with_bytes_of_another(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, _ = three
    # The same ETag and length, other bytes: nothing but the host tells them apart.
    first.routes["/x"] = cut(1000, 500, ETag='"1"')
    second.pages["/x"] = Page(BODY, etag='"1"')
    result, _ = fetched(pyfetch, line_of([first, second]), "--retries", "0")
    assert (result["outcome"], result["size"]) == ("fetched", 1000)
    assert (pyfetch.directory / "data" / "x").read_bytes() == BODY
    assert result["sha256"] == SHA256
    assert second.sent <= 1500
    assert parts(pyfetch) == []


def test_a_part_of_a_mirror_goes_on_there_in_the_next_try(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, _ = three
    page = second.pages.pop("/x")

    def cut_once(handler: Handler) -> None:
        if "Range" in handler.headers:
            handler.page(page)
            return
        handler.head(200, Content_Length="1000", ETag=str(page.etag))
        handler.send(BODY[:400])
        handler.cut()

    second.routes["/x"] = cut_once
    result, _ = fetched(pyfetch, line_of([first, second]), "--retries", "1")
    assert (result["outcome"], result["status"], result["attempts"]) == ("fetched", 206, 3)
    assert second.asked[1].headers["Range"] == "bytes=400-"
    assert (pyfetch.directory / "data" / "x").read_bytes() == BODY


def test_a_part_of_a_mirror_goes_on_there_in_the_next_run(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, _ = three
    line = line_of([first, second])
    page = second.pages["/x"]

    def begins(handler: Handler) -> None:
        handler.head(200, Content_Length="1000", ETag=str(page.etag))
        handler.send(BODY[:400])
        handler.cut()

    second.routes["/x"] = begins
    assert fetched(pyfetch, line, "--retries", "0")[0]["error"] == "truncated"
    del second.routes["/x"]
    # The first is still without the file, which says nothing of what came from the second.
    result, _ = fetched(pyfetch, line)
    assert (result["outcome"], result["status"]) == ("fetched", 206)
    assert second.asked[-1].headers["Range"] == "bytes=400-"
    assert (pyfetch.directory / "data" / "x").read_bytes() == BODY
    # Where the one that it came from has it no longer, nothing is left of it.
    second.routes["/x"] = begins
    assert fetched(pyfetch, line_of([first, second], "out=y"), "--retries", "0")[0]["error"]
    second.routes["/x"] = lambda h: h.answer(410)
    result, _ = fetched(pyfetch, line_of([first, second], "out=y"))
    assert result["error"] == "http"
    assert parts(pyfetch) == []


def test_what_could_be_a_key_goes_only_to_the_host_that_the_line_begins_with(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, third = three
    second.routes["/x"] = lambda h: h.answer(404)
    secret = first.url.replace("http://", "http://user:hunter2@")
    line = f"{secret}/x\t{second.url}/x\t{third.url}/x header='X-Token: abc' referer=http://r/"
    result, ended = fetched(pyfetch, line, "--header", "X-All: yes")
    assert result["outcome"] == "fetched"
    for server in three:
        (asked,) = server.asked
        token = "abc" if server is first else None
        assert (asked.headers.get("X-Token"), asked.headers["X-All"]) == (token, "yes")
        assert asked.headers["Referer"] == "http://r/"
    assert "Authorization" in first.asked[0].headers
    assert "Authorization" not in second.asked[0].headers
    assert "Authorization" not in third.asked[0].headers
    assert "hunter2" not in ended.out + ended.err
    for file in (pyfetch.directory / "data" / ".pyfetch").rglob("*"):
        assert file.is_dir() or b"hunter2" not in file.read_bytes()


@pytest.mark.parametrize("per_host", [(), ("--per-host", "2")], ids=["free", "per host"])
def test_fifty_files_whose_first_mirror_is_dead_come_from_the_second_one_soon(
    pyfetch: Command, three: list[LoopbackServer], nobody: str, per_host: tuple[str, ...]
) -> None:
    second = three[1]
    for number in range(50):
        second.pages[f"/{number}"] = Page(b"%d" % number)
    lines = "".join(f"{nobody}/{n}\t{second.url}/{n}\n" for n in range(50))
    ended = pyfetch("-o", "data", "--retry-wait", "0.2", *per_host, stdin=lines)
    assert ended.status == 0, ended.out
    assert [row[3] for row in ended.rows] == [f"data/{n}" for n in range(50)]
    assert len(second.asked) == 50
    assert second.most_at_once <= (2 if per_host else 8)


@pytest.mark.slow
def test_max_time_is_for_all_mirrors_together(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, third = three
    first.routes["/x"] = Handler.stall
    second.routes["/x"] = Handler.stall
    began = time.monotonic()
    result, _ = fetched(
        pyfetch, line_of(three), "--timeout", "0.8", "--retries", "0", "--max-time", "1.5"
    )  # fmt: skip
    assert within(3, time.monotonic() - began)
    assert (result["error"], result["attempts"]) == ("timeout", 2)
    assert third.asked == []


def test_ctrl_c_asks_no_further_mirror(
    forked: InstalledCommand, three: list[LoopbackServer]
) -> None:
    first, second, third = three
    second.routes["/x"] = Handler.stall
    (forked.directory / "list").write_text(line_of(three))
    run = forked.start("-o", "data", "--format", "jsonl", "list")
    until(lambda: second.asked != [], "a request")
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=LONGEST_WAIT)
    assert within(STOP, time.monotonic() - began)
    assert run.returncode == 130
    assert b'"error": "cancelled"' in out
    assert len(first.asked) == 1
    assert third.asked == []


def test_a_rerun_refreshes_the_file_from_the_first_that_answers(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, _ = three
    line = line_of([second, first])
    assert fetched(pyfetch, line)[0]["outcome"] == "fetched"
    result, _ = fetched(pyfetch, line)
    assert (result["outcome"], result["final_url"]) == ("unchanged", f"{second.url}/x")
    assert first.asked == []


def test_validators_of_one_are_not_believed_from_another(
    pyfetch: Command, three: list[LoopbackServer]
) -> None:
    first, second, _ = three
    second.pages["/x"] = Page(BODY, etag='"1"')
    line = line_of([first, second])
    assert fetched(pyfetch, line)[0]["final_url"] == f"{second.url}/x"
    # The first is still without it: the second is asked with its own validators.
    result, _ = fetched(pyfetch, line)
    assert (result["outcome"], result["final_url"]) == ("unchanged", f"{second.url}/x")
    # Now it has another file with the same ETag, which is none of the second one's.
    first.pages["/x"] = Page(b"other", etag='"1"')
    result, _ = fetched(pyfetch, line)
    assert (result["outcome"], result["final_url"]) == ("fetched", f"{first.url}/x")
    assert (pyfetch.directory / "data" / "x").read_bytes() == b"other"
