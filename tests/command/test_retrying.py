"""Attempts, as a server sees them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import count
from unittest import mock

import pytest

from pyfetch.scheduling.retry import RetryPolicy
from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page


def failing(times: int, wrong: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """A route that goes wrong so many times, then answers."""
    numbers = count(1)
    return lambda h: wrong(h) if next(numbers) <= times else h.answer(200, b"at last")


def test_a_status_that_may_pass_is_tried_again(pyfetch: Command, server: LoopbackServer) -> None:
    statuses = [408, 429, 500, 502, 503, 504]
    for status in statuses:
        server.routes[f"/{status}"] = failing(3, lambda h: h.answer(int(h.path[1:]), b"later"))
    urls = [f"{server.url}/{status}" for status in statuses]
    results = pyfetch("--format", "jsonl", *urls).results
    assert [(r["outcome"], r["attempts"]) for r in results] == [("fetched", 4)] * len(statuses)
    assert (pyfetch.directory / "503").read_bytes() == b"at last"


def test_a_status_that_stays_is_not(pyfetch: Command, server: LoopbackServer) -> None:
    statuses = [400, 401, 403, 404, 410, 501]
    for status in statuses:
        server.routes[f"/{status}"] = failing(1, lambda h: h.answer(int(h.path[1:]), b"never"))
    ended = pyfetch("--format", "jsonl", *(f"{server.url}/{status}" for status in statuses))
    assert ended.status == 1
    assert [(r["error"], r["status"]) for r in ended.results] == [("http", s) for s in statuses]
    assert len(server.asked) == len(statuses)


def test_a_connection_that_breaks_is_tried_again(pyfetch: Command, server: LoopbackServer) -> None:
    def cut(handler: Handler) -> None:
        handler.head(200, Content_Length="10")
        handler.send(b"half")
        handler.cut()

    server.routes |= {"/before": failing(2, Handler.cut), "/within": failing(2, cut)}
    for path in ("/before", "/within"):
        ended = pyfetch("--format", "jsonl", f"{server.url}{path}")
        assert [result["attempts"] for result in ended.results] == [3]
        assert ended.status == 0


def test_silence_is_tried_again(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/x"] = failing(1, Handler.stall)
    assert pyfetch("--timeout", "0.3", f"{server.url}/x").status == 0


def test_a_refused_connection_is_tried_as_often_as_retries_says(pyfetch: Command) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        (result,) = pyfetch("--retries", "2", "--format", "jsonl", url).results
    assert (result["error"], result["attempts"]) == ("connect", 3)
    assert "refused" in result["detail"]


def test_retry_after_of_zero_and_a_date_that_has_passed_are_no_hints(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """The usual back-off of up to a second applies, not four tries at once."""
    passed = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    server.routes |= {
        "/s": failing(1, lambda h: h.answer(429, Retry_After="0")),
        "/d": failing(1, lambda h: h.answer(503, Retry_After=passed)),
    }
    with mock.patch.object(RetryPolicy, "backoff", autospec=True, return_value=0.0) as backoff:
        assert pyfetch(f"{server.url}/s", f"{server.url}/d").status == 0
    assert backoff.call_count >= 2
    assert all(asked is None for call in backoff.call_args_list for asked in call.args[2:])


def test_retry_status_adds_and_removes(pyfetch: Command, server: LoopbackServer) -> None:
    """What is no failure of the moment elsewhere may be one here, and the other way round."""
    for status in (418, 500, 520):
        server.routes[f"/{status}"] = failing(1, partial(Handler.answer, status=status))
    urls = [f"{server.url}/{status}" for status in (418, 500, 520)]
    arguments = ("--discard", "--format", "jsonl", "--retry-status", "+418,-500")
    found = {one["status"]: one["attempts"] for one in pyfetch(*arguments, urls[1]).results}
    assert found == {500: 1}
    teapot, flare = pyfetch(*arguments, urls[0], urls[2]).results
    assert (teapot["status"], teapot["attempts"]) == (200, 2)
    assert (flare["status"], flare["attempts"]) == (200, 2)


@pytest.mark.parametrize("wrong", ["", "4", "teapot", "500,", "4.18", "600000", "++418"])
def test_what_is_no_list_of_statuses_is_a_usage_error(pyfetch: Command, wrong: str) -> None:
    ended = pyfetch("--retry-status", wrong, "http://127.0.0.1:1/")
    assert (ended.status, ended.out) == (2, "")
    assert "status codes like +418,-500" in ended.err


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_host_that_asks_for_too_long_a_wait_is_given_up(
    pyfetch: Command, server: LoopbackServer, form: str
) -> None:
    tomorrow = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    after = "86400" if form == "seconds" else tomorrow
    server.routes["/x"] = lambda h: h.answer(429, Retry_After=after)
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert result["attempts"] == 1
    assert result["error"] == "http"
    assert "asked to wait" in result["detail"]


def test_each_retry_is_told_when_asked(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/x"] = failing(1, lambda h: h.answer(503, b""))
    assert "503" in pyfetch("-v", f"{server.url}/x").err
    server.routes["/x"] = failing(1, lambda h: h.answer(503, b""))
    assert "503" not in pyfetch(f"{server.url}/x").err


def test_a_kept_connection_that_was_closed_meanwhile_is_no_failure(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Its other end may close it at any time; a GET is sent again over another one."""

    def closes_with_the_next(handler: Handler) -> None:
        handler.answer(200, b"first")
        handler.wfile.flush()
        handler.rfile.readline()  # the next request has come, and gets no answer
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    server.routes["/first"] = closes_with_the_next
    server.pages["/second"] = Page(b"second")
    urls = [f"{server.url}/first", f"{server.url}/second"]
    ended = pyfetch("--retries", "0", "--workers", "1", "--format", "jsonl", *urls)
    assert [result["error"] for result in ended.results] == [None, None]
    assert [result["attempts"] for result in ended.results] == [1, 1]
    assert server.connections == 2


def test_a_new_connection_that_is_closed_at_once_is_one(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def closes(handler: Handler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    server.routes["/x"] = closes
    (result,) = pyfetch("--retries", "1", "--format", "jsonl", f"{server.url}/x").results
    assert (result["error"], result["attempts"]) == ("connect", 2)


def test_a_file_that_is_cut_off_again_and_again_comes_piece_by_piece(
    pyfetch: Command, server: LoopbackServer
) -> None:
    page = Page(bytes(range(256)) * 4000)

    def send_a_tenth(handler: Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        fields = {"Content_Length": str(len(page.body) - start), "ETag": str(page.etag)}
        if start:
            fields["Content_Range"] = f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"
        handler.head(206 if start else 200, **fields)
        handler.send(page.body[start : start + len(page.body) // 10])
        handler.cut()

    server.routes["/big"] = send_a_tenth
    ended = pyfetch("--retries", "1", "--format", "jsonl", f"{server.url}/big")
    (result,) = ended.results
    assert (result["outcome"], result["attempts"]) == ("fetched", 10)
    assert (pyfetch.directory / "big").read_bytes() == page.body
