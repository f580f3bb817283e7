"""The client over libcurl, apart from its transfers."""

from __future__ import annotations

import threading
from types import FrameType
from typing import Any

import pytest

from pyfetch import fetch_all
from pyfetch.attempt import Assignment, RedirectState
from pyfetch.http.curl.client import CurlClient
from pyfetch.http.curl.flight import Flight
from pyfetch.http.curl.multi import EndedHandle, Multi
from pyfetch.models import Failure, Target, TargetError
from pyfetch.settings import Engine, Settings
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url
from tests.support.server import LoopbackServer, Page
from tests.support.waiting import until

_ALL = 16
"""Transfers in flight."""


@pytest.mark.slow
def test_a_look_up_that_hangs_keeps_no_run_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """To close is to wait for it: libcurl joins its threads."""
    answered, closed = threading.Event(), threading.Event()
    close = Multi.close

    def hang_and_close(multi: Multi) -> None:
        answered.wait()
        close(multi)
        closed.set()

    monkeypatch.setattr(Multi, "close", hang_and_close)
    CurlClient(Settings(engine=Engine.CURL), "agent").close()  # else this would never return
    answered.set()
    assert closed.wait(10)


def test_a_transfer_that_was_stopped_before_its_request_ends_as_stopped() -> None:
    """As where a run ends while it is looked up in a bucket what has the file's name."""
    target = Target(1, parse_url("http://host/a"))
    transfer = Transfer(Assignment.first_of(target))
    transfer.stop(Failure.CANCELLED, "stopped")
    client = CurlClient(Settings(engine=Engine.CURL), "agent")
    ended: list[BaseException | None] = []
    receiver: Any = None  # it hears of nothing
    state = RedirectState(target.url)
    client.start(state, {}, transfer, receiver, lambda _, error: ended.append(error))
    client.helpers.close()
    client.close()
    (error,) = ended
    assert isinstance(error, TargetError)
    assert error.failure is Failure.CANCELLED


def test_requests_that_follow_are_sent_before_all_that_have_ended_are_dealt_with(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a server that answers many at once has nothing to do until the last one is saved."""
    server.pages["/page"] = Page(b"x")
    wait, end = Multi.wait, Flight.end
    ended: list[EndedHandle] = []
    dealt_with: list[Flight] = []

    def all_at_once(multi: Multi, *how: Any) -> list[EndedHandle]:
        ended.extend(wait(multi, *how))
        if not dealt_with and len(ended) < _ALL:  # the first ones
            return []
        return [ended.pop() for _ in range(len(ended))]

    def the_last_one_late(flight: Flight, code: int, text: str) -> None:
        dealt_with.append(flight)
        if len(dealt_with) == _ALL:
            until(lambda: len(server.asked) > _ALL, "another request")
        end(flight, code, text)

    monkeypatch.setattr(Multi, "wait", all_at_once)
    monkeypatch.setattr(Flight, "end", the_last_one_late)
    urls = [f"{server.url}/page?{number}" for number in range(2 * _ALL)]
    results = fetch_all(urls, engine="curl", workers=_ALL, discard=True)
    assert [result.status for result in results] == [200] * 2 * _ALL


def test_a_piece_of_a_large_body_costs_few_calls(server: LoopbackServer) -> None:
    """libcurl gives pieces of 16 KiB: what is called for each is most of what a body costs."""
    piece, number = 16 * 1024, 1024
    calls = [0]

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        calls[0] += event == "call"

    def calls_for(size: int) -> int:
        server.pages["/page"] = Page(b"x" * size)
        calls[0] = 0
        threading.setprofile(count)  # the loop is a thread of its own
        try:
            (result,) = fetch_all([f"{server.url}/page"], engine="curl", discard=True)
        finally:
            threading.setprofile(None)
        assert result.size == size
        return calls[0]

    few = calls_for(number * piece)
    assert calls_for(3 * number * piece) - few < 4 * 2 * number
