"""For an archive, both clients keep the heads as they were sent, and answers that bring nothing."""

from __future__ import annotations

import time

import pytest

from pyfetch.attempt import Assignment, RedirectState
from pyfetch.http import other_answer
from pyfetch.http.client import Client
from pyfetch.http.curl.client import CurlClient
from pyfetch.http.other_answer import OtherAnswer
from pyfetch.http.response import ResponseHead
from pyfetch.http.trace import without_secrets
from pyfetch.models import Failure, Target, TargetError
from pyfetch.settings import Engine, Pack, Settings
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url
from tests.support.server import Handler, LoopbackServer, Page

AGENT = "tests/1"


class Kept:
    """Takes what a client passes on."""

    def __init__(self) -> None:
        self.others: list[OtherAnswer] = []
        self.heads: list[ResponseHead] = []
        self.body = b""

    def keep_answer(self, answer: OtherAnswer) -> None:
        self.others.append(answer)

    def head(self, head: ResponseHead) -> bool:
        self.heads.append(head)
        return head.status == 200

    def chunk(self, data: bytes | memoryview) -> None:
        self.body += bytes(data)


class Fetching:
    """Fetches over one engine, as a run that writes WARC does."""

    def __init__(self, engine: Engine, *, timeout: float = 30.0) -> None:
        self.settings = Settings(engine=engine, pack=Pack.WARC, timeout=timeout)
        self.error: BaseException | None = None

    def get(self, url: str) -> Kept:
        kept = Kept()
        state = RedirectState(parse_url(url))
        transfer = Transfer(Assignment.first_of(Target(1, state.url)))
        if self.settings.engine is Engine.THREADS:
            try:
                Client(self.settings, AGENT).get(state, {}, transfer, kept)
            except TargetError as error:
                self.error = error
            return kept
        client = CurlClient(self.settings, AGENT)
        ended: list[BaseException | None] = []
        client.start(state, {}, transfer, kept, lambda _, error: ended.append(error))
        until = time.monotonic() + 20
        while not ended and time.monotonic() < until:
            client.wait(0.1, lambda: False, lambda: None)
        (self.error,) = ended
        client.helpers.close()
        client.close()
        return kept


@pytest.fixture(params=Engine)
def fetching(request: pytest.FixtureRequest) -> Fetching:
    return Fetching(request.param)


def test_both_heads_are_kept_as_they_were_sent(fetching: Fetching, server: LoopbackServer) -> None:
    """Those of the request that was answered, after the one that was redirected."""
    server.routes["/from"] = lambda h: h.answer(302, b"moved", Location="/to")
    server.routes["/to"] = chunked
    kept = fetching.get(f"{server.url}/from")
    assert kept.body == b"hello"
    (raw,) = [head.raw for head in kept.heads]
    assert raw
    request, *fields = raw.request.decode().split("\r\n")
    assert request == "GET /to HTTP/1.1"
    assert fields[-2:] == ["", ""]
    assert dict(field.split(": ", 1) for field in fields[:-2]) == server.asked[1].headers
    assert raw.response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert raw.response.endswith(b"X-oDD:  kept \r\nTransfer-Encoding: chunked\r\n\r\n")
    assert raw.address == "127.0.0.1"
    assert abs(raw.sent_at - time.time()) < 60


def chunked(handler: Handler) -> None:
    handler.wfile.write(
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-oDD:  kept \r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )


def test_each_answer_that_brings_nothing_is_kept_with_its_body(
    fetching: Fetching, server: LoopbackServer
) -> None:
    server.routes["/from"] = lambda h: h.answer(302, b"moved", Location="/lost")
    (moved, lost) = fetching.get(f"{server.url}/from").others
    assert (moved.head.status, moved.body, moved.cut_by) == (302, b"moved", None)
    assert (lost.head.status, lost.body, lost.cut_by) == (404, b"there is no such page\n", None)
    assert moved.head.raw
    assert b"Location: /lost\r\n" in moved.head.raw.response


def test_so_is_a_redirect_that_is_not_followed(fetching: Fetching, server: LoopbackServer) -> None:
    server.routes["/loop"] = lambda h: h.answer(302, b"round", Location="/loop")
    server.routes["/ftp"] = lambda h: h.answer(302, b"gone", Location="ftp://127.0.0.1/x")
    for path, body, failure in (
        ("loop", b"round", Failure.TOO_MANY_REDIRECTS),
        ("ftp", b"gone", Failure.UNSUPPORTED_SCHEME),
    ):
        assert [one.body for one in fetching.get(f"{server.url}/{path}").others] == [body]
        assert isinstance(fetching.error, TargetError)
        assert fetching.error.failure is failure


def test_what_is_too_long_or_ends_too_early_says_so(
    fetching: Fetching, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_answer, "MOST_KEPT", 100_000)
    server.routes |= {
        "/long": lambda h: h.answer(404, b"l" * 300_000),
        "/all": lambda h: h.answer(404, b"a" * 100_000),
        "/cut": cut_off,
    }
    for path, size, why in (("long", 100_000, "length"), ("all", 100_000, None)):
        (kept,) = fetching.get(f"{server.url}/{path}").others
        assert (len(kept.body), kept.cut_by) == (size, why)
    (kept,) = fetching.get(f"{server.url}/cut").others
    assert (kept.body, kept.cut_by) == (b"only", "disconnect")


def cut_off(handler: Handler) -> None:
    handler.head(500, Content_Length="100")
    handler.send(b"only")
    handler.cut()


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.slow
def test_a_body_that_nobody_sends_is_not_waited_for_longer_than_timeout(
    engine: Engine, server: LoopbackServer
) -> None:
    def silent(handler: Handler) -> None:
        handler.head(503, Content_Length="100")
        handler.send(b"slow")
        handler.stall()

    server.routes["/slow"] = silent
    (kept,) = Fetching(engine, timeout=0.3).get(f"{server.url}/slow").others
    assert (kept.body, kept.cut_by) == (b"slow", "time")


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.slow
def test_a_body_that_drips_is_not_waited_for_long(
    engine: Engine, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, and still it is over soon."""
    monkeypatch.setattr(other_answer, "KEPT_WITHIN", 0.3)

    def dripping(handler: Handler) -> None:
        handler.head(302, Content_Length="100000", Location="/missing")
        for _ in range(1000):
            handler.send(b"d")
            handler.wfile.flush()
            if server.over.wait(0.02):
                return

    server.routes["/drips"] = dripping
    moved, missing = Fetching(engine).get(f"{server.url}/drips").others
    assert moved.cut_by == "time"
    assert 0 < len(moved.body) < 1000
    assert missing.head.status == 404


def test_without_an_archive_no_head_is_kept(server: LoopbackServer) -> None:
    server.pages = {"/x": Page(b"x")}
    for engine in Engine:
        fetching = Fetching(engine)
        fetching.settings = Settings(engine=engine)
        assert [head.raw for head in fetching.get(f"{server.url}/x").heads] == [None]


def test_the_heads_of_a_request_are_archived_without_what_may_be_a_secret() -> None:
    head = (
        b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nauthorization: Basic eDp5\r\n"
        b"Cookie: a=b; c\r\nX-Key: 1\r\nAccept: */*\r\n\r\n"
    )
    assert without_secrets(head) == (
        b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nauthorization: ***\r\n"
        b"Cookie: ***\r\nX-Key: ***\r\nAccept: */*\r\n\r\n"
    )
