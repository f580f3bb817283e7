"""HTTP/2, which `--engine curl` speaks: a server may refuse requests that it has not looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.support.certificates import authorities_in, context_with
from tests.support.command import Command
from tests.support.http_2 import BODY, Http2Connection, Http2Server

WITHOUT_RETRIES = ("--engine", "curl", "--retries", "0", "--format", "jsonl")
URLS = 100


class Certified:
    """An authority that the command trusts, for servers."""

    def __init__(self, pyfetch: Command, directory: Path) -> None:
        self._authority = trustme.CA()
        bundle = authorities_in(directory / "authority.pem", self._authority)
        pyfetch.environment["REQUESTS_CA_BUNDLE"] = bundle

    def server(self, deal_with: Callable[[Http2Connection, int], None]) -> Http2Server:
        return Http2Server(context_with(self._authority.issue_cert("127.0.0.1")), deal_with)


@pytest.fixture
def certified(pyfetch: Command, tmp_path: Path) -> Certified:
    return Certified(pyfetch, tmp_path)


def go_away_after_one(connection: Http2Connection, stream: int) -> None:
    """As nginx does it after `keepalive_requests`."""
    if connection.number == 1:
        connection.answer(stream)
        connection.go_away(stream)


def test_requests_that_were_refused_unseen_cost_no_attempt(
    pyfetch: Command, certified: Certified
) -> None:
    with certified.server(go_away_after_one) as server:
        urls = [f"{server.url}/{number}" for number in range(URLS)]
        ended = pyfetch(*WITHOUT_RETRIES, "-w", "32", *urls)
        assert server.asked > URLS  # some were refused
    outcomes = {(one["error"], one["attempts"], one["http_version"]) for one in ended.results}
    assert outcomes == {(None, 1, "2")}
    files = [pyfetch.directory / str(number) for number in range(URLS)]
    assert {file.read_bytes() for file in files} == {BODY}


def go_away_at_once(connection: Http2Connection, _stream: int) -> None:
    connection.go_away(0)


@pytest.mark.parametrize("refuse", [Http2Connection.refuse, go_away_at_once])
def test_a_server_that_has_refused_a_request_time_and_again_is_asked_once_more(
    pyfetch: Command, certified: Certified, refuse: Callable[[Http2Connection, int], None]
) -> None:
    with certified.server(refuse) as server:
        (result,) = pyfetch(*WITHOUT_RETRIES, f"{server.url}/x").results
        assert (result["error"], result["attempts"]) == ("connect", 1)
        assert "refused the request" in result["detail"]
        tried_by_libcurl = server.asked // 2

    def refuse_so_often(connection: Http2Connection, stream: int) -> None:
        if connection.server.asked > tried_by_libcurl:
            connection.answer(stream)
        else:
            refuse(connection, stream)

    with certified.server(refuse_so_often) as server:
        ended = pyfetch(*WITHOUT_RETRIES, "-v", f"{server.url}/x")
        (result,) = ended.results
        assert (result["error"], result["attempts"]) == (None, 1)
        assert ended.err.count("asked again over a new connection") == 1
        assert server.asked == tried_by_libcurl + 1


def test_what_is_refused_once_its_answer_has_begun_is_a_failure(
    pyfetch: Command, certified: Certified
) -> None:
    def begin_and_refuse(connection: Http2Connection, stream: int) -> None:
        connection.begin_answer(stream)
        connection.refuse(stream)

    with certified.server(begin_and_refuse) as server:
        (result,) = pyfetch(*WITHOUT_RETRIES, f"{server.url}/x").results
        assert (result["error"], result["attempts"], server.asked) == ("truncated", 1, 1)
