"""Messages between a run and its processes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from pyfetch.compute.messages import Call
from pyfetch.models import Change, Outcome, Result
from pyfetch.processes.channel import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    try:
        here, there = map(Channel, socket.socketpair())
    finally:
        socket.setdefaulttimeout(before)
    yield here, there
    here.close()
    there.close()


def test_messages_arrive_whole_and_in_order_whatever_their_size(
    ends: tuple[Channel, Channel],
) -> None:
    """Also where they come together, or in pieces with time between."""
    here, there = ends
    messages = ["a", None, "x" * 3_000_000, (1, [2.5]), "b"]
    got: list[object] = []

    def receive() -> None:
        threading.Event().wait(0.05)
        got.extend(there.receive() for _ in messages)

    thread = threading.Thread(target=receive)
    thread.start()
    for message in messages:
        here.send(message)
    thread.join()
    assert got == messages


def test_the_end_of_the_other_end_is_told(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    here.send("last")
    here.shut()
    assert there.receive() == "last"
    with pytest.raises(EOFError):
        there.receive()
    with pytest.raises(OSError, match="Broken pipe"):
        there.send("too late")


def test_a_function_gets_the_result_without_its_timing(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    result = Result(
        3, "http://h/x", Outcome.FETCHED, status=200, file="data/x", change=Change.SAME,
        input={"a": [1]}, backup_file="data/x.~1~",
    )  # fmt: skip
    here.send(Call.of("/data/x", result))
    call = there.receive()
    assert (call.path, call.result) == ("/data/x", result)
    assert isinstance(call.result, Result)
    assert call.result.outcome is Outcome.FETCHED
    assert call.result.change is Change.SAME
