"""What the log says: with `-v`, with `-vv`, and in the file of `--log-file`."""

from __future__ import annotations

import re

from tests.support.command import Command, InstalledCommand
from tests.support.half_fetched import ETAG, GOOD_REST, OTHER, cut, in_turn, whole
from tests.support.server import LoopbackServer, Page, basic


def test_v_says_addresses_connections_and_answers(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages |= {"/a": Page(b"a" * 10), "/b": Page(b"b")}
    url = f"http://localhost:{server.server_port}"
    said = pyfetch(f"{url}/a", f"{url}/b", f"{url}/c", "-w", "1", "--discard", "-4", "-v").err
    lines = said.splitlines()
    assert lines[0] == "pyfetch: localhost is 127.0.0.1"
    port = server.server_port
    assert re.fullmatch(
        rf"pyfetch: connected to {url} at 127\.0\.0\.1 port {port} in \d\S* m?s", lines[1]
    )
    assert re.search(rf"{url}/a: 200 OK, 10 B, in \d\S* m?s, new connection", said)
    assert re.search(rf"{url}/b: 200 OK, 1 B, in \d\S* m?s, reused connection", said)
    assert re.search(rf"{url}/c: 404 Not Found, .*, reused connection", said)
    assert said.count("connected to") == 1
    assert "> GET" not in said


def test_v_says_how_long_a_host_is_left_alone(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/a"] = in_turn(lambda handler: handler.answer(429, Retry_After="0"), whole(b"x"))
    said = pyfetch(f"{server.url}/a", "--discard", "-v").err
    assert re.search(rf"pyfetch: {server.url} is paused for 0\.\d s: 429\n", said)


def test_v_says_that_a_part_goes_on_and_why_it_does_not(
    pyfetch: Command, server: LoopbackServer
) -> None:
    for answer, reason in (
        (GOOD_REST, "the part goes on at 100.0 kB"),
        (whole(OTHER, ETag='"v2"'), "the part does not go on: the server sends the whole (200)"),
    ):
        server.routes["/x"] = in_turn(cut(ETag=ETAG), answer)
        said = pyfetch(f"{server.url}/x", "-v", "--if-exists", "replace").err
        assert f"{server.url}/x: {reason}" in said
    server.routes["/y"] = in_turn(cut(), whole())
    assert (
        "y: its part does not go on: the server gave no ETag or date to know"
        in pyfetch(f"{server.url}/y", "-v").err
    )


def test_v_says_why_a_file_is_fetched_anew(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"one")
    assert pyfetch(f"{server.url}/x").status == 0
    assert "fetched anew" not in pyfetch(f"{server.url}/x", "-v").err
    server.pages["/x"] = Page(b"two")
    said = pyfetch(f"{server.url}/x", "-v").err
    assert f"{server.url}/x: the file is fetched anew: the server has another version now" in said
    (pyfetch.directory / "x").write_bytes(b"mine")
    said = pyfetch(f"{server.url}/x", "-v").err
    assert "x is fetched anew: it was changed since pyfetch wrote it" in said
    said = pyfetch(f"{server.url}/x", "-v", "--min-size", "9").err
    assert "x is fetched anew: it is not as the options of this run want it" in said


def test_vv_shows_heads_and_no_secret(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/a"] = lambda handler: handler.answer(200, b"x", Set_Cookie="id=s3cret1; Path=/")
    host = server.url.removeprefix("http://")
    url = f"http://me:s3cret2@{host}/a?X-Amz-Signature=s3cret3&n=1"
    said = pyfetch(url, "--discard", "-vv", "-H", "X-Token: s3cret4", "-H", "Accept: text/*").err
    lines = said.splitlines()
    assert "pyfetch: > GET /a?X-Amz-Signature=***&n=1 HTTP/1.1" in lines
    assert f"pyfetch: > Host: {host}" in lines
    assert "pyfetch: > Accept: text/*" in lines
    assert "pyfetch: > X-Token: ***" in lines
    assert "pyfetch: > Authorization: ***" in lines
    assert "pyfetch: < 200 OK" in lines
    assert "pyfetch: < set-cookie: ***" in lines
    assert "pyfetch: < content-length: 1" in lines
    assert "s3cret" not in said
    assert basic("me", "s3cret2").split()[1] not in said


def test_a_log_file_has_what_vv_would_say_and_the_terminal_has_not(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"a")
    for _ in range(2):  # the second run appends
        ended = pyfetch(f"{server.url}/a", f"{server.url}/b", "--discard", "--log-file", "log")
        assert "GET" not in ended.err
    log = (pyfetch.directory / "log").read_text().splitlines()
    assert all(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} (debug|info) ", line) for line in log
    )
    assert len([line for line in log if line.endswith("> GET /a HTTP/1.1")]) == 2
    assert len([line for line in log if f"failed: {server.url}/b: 404 Not Found" in line]) == 2


def test_a_log_file_that_cannot_be_written_is_a_usage_error(pyfetch: Command) -> None:
    ended = pyfetch("http://127.0.0.1:1/", "--log-file", "no/such/file")
    assert ended.status == 2
    assert "cannot write no/such/file: No such file or directory" in ended.err


def test_processes_send_their_lines(forked: InstalledCommand, server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"a")
    said = forked(f"{server.url}/a", "--discard", "-vv", "--processes", "2").err
    assert f"{server.url}/a: 200 OK" in said
    assert "> GET /a HTTP/1.1" in said
