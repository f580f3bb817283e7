"""Attempts, as a server sees them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

import pytest

from tests.conftest import Command
from tests.server import Handler, LoopbackServer


def failing(times: int, wrong: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """A route that goes wrong so many times, then answers."""
    numbers = count(1)
    return lambda h: wrong(h) if next(numbers) <= times else h.answer(200, b"at last")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(
    pyfetch: Command, server: LoopbackServer, status: int
) -> None:
    server.routes["/x"] = failing(3, lambda h: h.answer(status, b"later"))
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert (result["outcome"], result["attempts"]) == ("fetched", 4)
    assert (pyfetch.directory / "x").read_bytes() == b"at last"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_a_status_that_stays_is_not(pyfetch: Command, server: LoopbackServer, status: int) -> None:
    server.routes["/x"] = failing(1, lambda h: h.answer(status, b"never"))
    ended = pyfetch("--format", "jsonl", f"{server.url}/x")
    assert ended.status == 1
    assert (ended.results[0]["error"], ended.results[0]["status"]) == ("http", status)
    assert len(server.asked) == 1


def test_a_connection_that_breaks_is_tried_again(pyfetch: Command, server: LoopbackServer) -> None:
    def cut(handler: Handler) -> None:
        handler.head(200, Content_Length="10")
        handler.send(b"half")
        handler.cut()

    server.routes |= {"/before": failing(2, Handler.cut), "/within": failing(2, cut)}
    ended = pyfetch("--format", "jsonl", f"{server.url}/before", f"{server.url}/within")
    assert [r["attempts"] for r in ended.results] == [3, 3]
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


def test_retry_after_of_zero_and_a_date_that_has_passed_are_at_once(
    pyfetch: Command, server: LoopbackServer
) -> None:
    passed = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    server.routes |= {
        "/s": failing(1, lambda h: h.answer(429, Retry_After="0")),
        "/d": failing(1, lambda h: h.answer(503, Retry_After=passed)),
    }
    assert pyfetch("--retry-wait", "0", f"{server.url}/s", f"{server.url}/d").status == 0


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
