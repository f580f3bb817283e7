"""Answers that are not what HTTP allows: each is a failure that says so, never a file."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.support.certificates import authorities_in, context_with, speak_tls
from tests.support.command import Command, InstalledCommand
from tests.support.engines import for_engine
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.unreachable import dropping_packets
from tests.support.waiting import within


def raw(answer: bytes) -> Callable[[Handler], None]:
    """A route that sends just these bytes and ends the connection."""

    def route(handler: Handler) -> None:
        handler.send(answer)
        handler.cut()

    return route


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

BROKEN: dict[str, tuple[bytes, str]] = {
    "cut in a field": (OK + b"Content-Type: text/plain\r\nContent-Le", "truncated"),
    "cut behind a field": (OK + b"Content-Type: text/plain\r\n", "truncated"),
    "cut behind the status": (OK, "truncated"),
    "cut in the last line": (OK + b"Content-Length: 5\r\n\r", "truncated"),
    "two carriage returns": (OK + b"\r\r\nContent-Length: 5\r\n\r\nhello", "wrong-content"),
    "no space behind the version": (b"HTTP/1.1200 OK\r\n\r\nabc", "connect"),
    "another protocol": (b"http/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "connect"),
    "HTTP/2 as text": (b"HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nhello", "connect"),
    "no field": (OK + b"garbage\r\nContent-Length: 100\r\n\r\nabc", "wrong-content"),
    "space before the colon": (OK + b"Content-Length : 100\r\n\r\nabc", "truncated"),
    "control in a length": (OK + b"Content-Length: 1\x012\r\n\r\nabc", "wrong-content"),
    "NUL in a trailer": (CHUNKED + b"5\r\nhello\r\n0\r\nX: a\0b\r\n\r\n", "truncated"),
    "NUL behind a size": (CHUNKED + b"5;\0\r\nhello\r\n0\r\n\r\n", "truncated"),
    "trailer without end": (CHUNKED + b"5\r\nhello\r\n0\r\n" + b"X" * 70_000, "truncated"),
    "another space before chunked": (
        OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "wrong-content"
    ),
    "NUL in a name": (OK + b"X\0y: a\r\nContent-Length: 100\r\n\r\nabc", "wrong-content"),
    "two lengths": (OK + b"Content-Length: 3\r\nContent-Length: 8\r\n\r\nabc", "wrong-content"),
    "long length": (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\na", "wrong-content"),
    "too many fields": (OK + b"X: y\r\n" * 2000 + b"\r\nabc", "wrong-content"),
    "too long a head": (OK + b"X: " + b"y" * 2_000_000 + b"\r\n\r\nabc", "wrong-content"),
    "too many 1xx": (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + OK + b"\r\nabc", "wrong-content"),
    "chunk size 1_0": (CHUNKED + b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n", "truncated"),
    "chunk size +5": (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", "truncated"),
    "chunk size 0x5": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", "truncated"),
    "chunk size -5": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", "truncated"),
    "huge chunk size": (CHUNKED + b"f" * 30 + b"\r\nhello\r\n0\r\n\r\n", "truncated"),
    "no end of a chunk": (CHUNKED + b"5\r\nhelloXX0\r\n\r\n", "truncated"),
    "cut in a size": (CHUNKED + b"5\r\nhello\r\n0", "truncated"),
    "cut in a padded size": (CHUNKED + b"5\r\nhello\r\n00", "truncated"),
    "cut behind a size": (CHUNKED + b"5\r\nhello\r\n0\r", "truncated"),
    "cut before the last line": (CHUNKED + b"5\r\nhello\r\n0\r\n", "truncated"),
    "endless trailer": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 3000 + b"\r\n", "truncated"),
    "202": (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok", "wrong-content"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", "wrong-content"),
    "two redirects": (
        b"HTTP/1.1 302 Found\r\nLocation: /0\r\nLocation: /1\r\n\r\n", "wrong-content"
    ),
    "redirect to no host": (b"HTTP/1.1 302 Found\r\nLocation: http:////h/x\r\n\r\n", "invalid-url"),
}  # fmt: skip


def test_an_answer_that_is_no_proper_http_is_a_failure_and_never_a_file(
    pyfetch: Command, server: LoopbackServer
) -> None:
    broken = for_engine(pyfetch.engine, BROKEN)
    for number, (answer, _) in enumerate(broken.values()):
        server.routes[f"/{number}"] = raw(answer)
        (pyfetch.directory / str(number)).write_bytes(b"as it was")
    urls = [f"{server.url}/{number}" for number in range(len(broken))]
    ended = pyfetch("--retries", "0", "--timeout", "5", *urls)
    found = {name: row[4] for name, row in zip(broken, ended.rows, strict=True)}
    assert found == {name: error for name, (_, error) in broken.items()}
    for number in range(len(broken)):
        assert (pyfetch.directory / str(number)).read_bytes() == b"as it was"


def test_interim_responses_without_end_end_a_try(pyfetch: Command, server: LoopbackServer) -> None:
    """Each one is new data, so `--timeout` does not end it."""

    def hints(handler: Handler) -> None:
        while not handler.server.over.wait(0.005):
            handler.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")

    server.routes["/x"] = hints
    ended = pyfetch("--retries", "0", "--max-time", "10s", f"{server.url}/x")
    assert ended.rows[0][4] == "wrong-content"


SOUND: dict[str, bytes] = {
    "folded coding": OK + b"Transfer-Encoding:\r\n chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "blank behind the coding": OK + b"Transfer-Encoding: chunked \t\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "padded size": CHUNKED + b"0005 ; a=b\r\nhello\r\n000\r\n\r\n",
    "trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + b"\r\nhello",
    "processing": b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + OK + b"Content-Length: 5\r\n\r\nhello",
    "length twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "a year far off": OK + b"Last-Modified: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\nhello",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "identity": OK + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhelloXX",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "300 fields": OK + b"X: y\r\n" * 300 + b"Content-Length: 5\r\n\r\nhello",
    "odd fields": OK + b"X : 1\r\nX Y: 1\r\n: 1\r\nZ: a\x01b\r\nContent-Length: 5\r\n\r\nhello",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
}  # fmt: skip


def test_an_answer_that_is_odd_but_sound_is_taken(pyfetch: Command, server: LoopbackServer) -> None:
    sound = for_engine(pyfetch.engine, SOUND)
    for number, answer in enumerate(sound.values()):
        server.routes[f"/{number}"] = raw(answer)
    ended = pyfetch("--retries", "0", *(f"{server.url}/{number}" for number in range(len(sound))))
    for number, name in enumerate(sound):
        assert ended.rows[number][4] == "-", name
        assert (pyfetch.directory / str(number)).read_bytes() == b"hello", name
    assert ended.status == 0


ODD_LENGTHS = {
    "identity": b"Transfer-Encoding: identity\r\nContent-Length: %d\r\n\r\n",
    "empty coding": b"Transfer-Encoding:\r\nContent-Length: %d\r\n\r\n",
    "space before the colon": b"Content-Length : %d\r\n\r\n",
    "tab before the colon": b"Content-Length\t: %d\r\n\r\n",
}


@pytest.mark.parametrize("size", [0, 5, 700_000])
def test_a_body_ends_where_its_length_says_though_its_connection_does_not(
    pyfetch: Command, server: LoopbackServer, size: int
) -> None:
    """libcurl knows none of these lengths, and reads on."""

    def answering(head: bytes) -> Callable[[Handler], None]:
        return lambda handler: handler.send(OK + head % size + b"x" * size)

    for number, head in enumerate(ODD_LENGTHS.values()):
        server.routes[f"/{number}"] = answering(head)
    urls = [f"{server.url}/{number}" for number in range(len(ODD_LENGTHS))]
    ended = pyfetch("--retries", "0", "--read-timeout", "10", *urls)
    assert dict(zip(ODD_LENGTHS, [row[4] for row in ended.rows], strict=True)) == dict.fromkeys(
        ODD_LENGTHS, "-"
    )
    for number in range(len(ODD_LENGTHS)):
        assert (pyfetch.directory / str(number)).read_bytes() == b"x" * size


def test_chunks_that_are_told_in_an_odd_way_are_decoded_or_refused(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """libcurl does not decode them, and would save them as they came."""
    heads = (
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding\t: chunked\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: 15\r\n",
    )
    for number, head in enumerate(heads):
        server.routes[f"/{number}"] = raw(OK + head + b"\r\n5\r\nhello\r\n0\r\n\r\n")
    ended = pyfetch("--retries", "0", *(f"{server.url}/{number}" for number in range(len(heads))))
    if pyfetch.engine == "curl":
        assert [row[4] for row in ended.rows] == ["wrong-content"] * len(heads)
        assert list(pyfetch.directory.glob("[0-9]")) == []
    else:
        for number in range(len(heads)):
            assert (pyfetch.directory / str(number)).read_bytes() == b"hello"


def test_an_empty_body_may_have_a_trailer(pyfetch: Command, server: LoopbackServer) -> None:
    """Head, last chunk and trailer come at once."""
    empty = b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nX: z\r\n\r\n"
    server.routes["/away"] = raw(b"HTTP/1.1 302 Found\r\nLocation: /empty\r\n" + empty)
    server.routes["/empty"] = raw(OK + empty)
    ended = pyfetch("--retries", "0", f"{server.url}/away")
    assert ended.rows[0][4] == "-"
    assert (pyfetch.directory / "away").read_bytes() == b""


@pytest.mark.parametrize("place", [".pyfetch", ".pyfetch/parts", ".pyfetch/lock"])
def test_what_is_ours_is_no_link_to_what_is_not(
    pyfetch: Command, server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory, place: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    precious = outside / "precious.txt"
    precious.write_bytes(b"precious")
    link = pyfetch.directory / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(precious if place.endswith("lock") else outside)
    ended = pyfetch(f"{server.url}/x")
    assert ended.status == 3
    assert len(ended.err.splitlines()) == 1
    assert [path.name for path in outside.iterdir()] == ["precious.txt"]
    assert precious.read_bytes() == b"precious"


@pytest.mark.parametrize("place", [".pyfetch", ".pyfetch/parts", ".pyfetch/state.sqlite3"])
def test_a_thing_in_the_place_of_ours_is_an_error_that_names_it(
    pyfetch: Command, server: LoopbackServer, place: str
) -> None:
    odd = pyfetch.directory / place
    odd.parent.mkdir(exist_ok=True)
    if place.endswith("3"):
        odd.mkdir()
    else:
        odd.write_bytes(b"")
    ended = pyfetch(f"{server.url}/x")
    assert ended.status == 3
    assert Path(place).name in ended.err
    assert "Traceback" not in ended.err


def test_what_is_not_ours_among_the_parts_stays(pyfetch: Command, server: LoopbackServer) -> None:
    parts = pyfetch.directory / ".pyfetch" / "parts"
    (parts / "sub").mkdir(parents=True)
    (parts / "note.txt").write_bytes(b"mine")
    server.pages["/x"] = Page(b"x")
    assert pyfetch(f"{server.url}/x").status == 0
    assert sorted(path.name for path in parts.iterdir()) == ["note.txt", "sub"]


@pytest.mark.parametrize("option", ["--checksums", "--failed-to"])
def test_a_fifo_for_a_report_stays_when_its_reader_goes(
    forked: InstalledCommand, server: LoopbackServer, option: str
) -> None:
    fifo = forked.directory / "fifo"
    os.mkfifo(fifo)
    server.routes["/x"] = Handler.stall
    server.pages["/y"] = Page(b"y")
    run = forked.start(option, "fifo", f"{server.url}/x", f"{server.url}/gone", f"{server.url}/y")
    reader = os.open(fifo, os.O_RDONLY)
    while "/x" not in server.paths():
        assert run.poll() is None
    os.close(reader)
    server.over.set()
    run.communicate(timeout=20)
    assert fifo.is_fifo()


@pytest.mark.parametrize("url", ["http://127.0.0.1\\@evil.example/x", "http://h/\\x"])
def test_a_backslash_is_no_part_of_a_url(pyfetch: Command, url: str) -> None:
    assert pyfetch(stdin=url).rows[0][4] == "invalid-url"


def test_a_tls_handshake_that_says_nothing_ends_when_its_time_is_over(pyfetch: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/x"
        arguments = ("--max-time", "0.5", "--connect-timeout", "20", "--retries", "0")
        (result,) = pyfetch(*arguments, "--format", "jsonl", url).results
    assert result["error"] == "timeout"
    assert within(5, result["elapsed"])


def test_a_connect_that_hangs_ends_when_its_time_is_over(pyfetch: Command) -> None:
    with dropping_packets() as host:
        arguments = ("--max-time", "0.5", "--connect-timeout", "20", "--retries", "0")
        (result,) = pyfetch(*arguments, "--format", "jsonl", f"{host}/").results
    assert result["error"] == "timeout"
    assert within(5, result["elapsed"])


def test_a_body_over_tls_that_is_cut_is_truncated(
    pyfetch: Command, server: LoopbackServer, tmp_path: Path
) -> None:
    authority = trustme.CA()
    host = speak_tls(server, context_with(authority.issue_cert("127.0.0.1")))
    server.routes["/x"] = raw(OK + b"Content-Length: 10\r\n\r\nabc")
    bundle = authorities_in(tmp_path / "authority.pem", authority)
    pyfetch.environment["REQUESTS_CA_BUNDLE"] = bundle
    assert pyfetch("--retries", "0", f"{host}/x").rows[0][4] == "truncated"


OF_ANOTHER = {
    "a body": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "no body": b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 No\r\nContent-Length: 4\r\nLocation: /evil\r\n\r\nevil",
    "half of a head": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: ",
    "no HTTP": b"evil",
}


@pytest.mark.parametrize("framing", ["length", "chunked", "redirect"])
@pytest.mark.parametrize("unasked", OF_ANOTHER.values(), ids=OF_ANOTHER)
def test_what_comes_behind_a_response_answers_no_request(
    pyfetch: Command, server: LoopbackServer, unasked: bytes, framing: str
) -> None:
    """Nor does the genuine answer to one request become that to the next."""

    def smuggles(handler: Handler) -> None:
        if framing == "length":
            handler.head(200, Content_Length="5")
            handler.wfile.flush()
            handler.server.over.wait(0.03)  # it comes at once with the rest of the body
            handler.send(b"hello" + unasked)
        elif framing == "chunked":
            handler.head(200, Transfer_Encoding="chunked")
            handler.send(b"5\r\nhello\r\n0\r\n\r\n" + unasked)
        else:
            handler.head(302, Location="/hello", Content_Length="0")
            handler.send(unasked)

    server.routes["/x"] = smuggles
    server.pages |= {"/hello": Page(b"hello"), "/y": Page(b"genuine"), "/z": Page(b"too")}
    ended = pyfetch("-w", "1", *(f"{server.url}/{name}" for name in "xyz"))
    assert ended.status == 0
    bodies = [(pyfetch.directory / name).read_bytes() for name in "xyz"]
    assert bodies == [b"hello", b"genuine", b"too"]
