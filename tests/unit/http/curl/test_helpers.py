"""Large bodies are taken by other threads than the loop's, in order and within bounds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import pytest

from pyfetch.attempt import Assignment
from pyfetch.http.curl.helpers import Helpers, QueuedBody
from pyfetch.models import Target
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

PIECE = b"x" * 65536


class Receiver:
    """Takes pieces when it may."""

    def __init__(self) -> None:
        self.keep_answer = None
        self.may = threading.Event()
        self.taken: list[bytes] = []
        self.error: Exception | None = None

    def head(self, head: object) -> bool:
        raise AssertionError(head)

    def chunk(self, data: bytes | memoryview) -> None:
        self.may.wait(10)
        if self.error:
            raise self.error
        self.taken.append(bytes(data))


class Loop:
    """What a queue calls in the thread of the loop."""

    def __init__(self) -> None:
        self.posted: deque[Callable[[], None]] = deque()
        self.helpers = Helpers(self.posted.append, 1)
        self.receiver = Receiver()
        self.transfer = Transfer(Assignment.first_of(Target(1, parse_url("http://h/x"))))
        self.heard: list[str] = []
        self.body = QueuedBody(
            self.helpers, self.transfer, self.receiver,
            lambda: self.heard.append("room"), lambda: self.heard.append("idle"),
        )  # fmt: skip

    def finish(self) -> None:
        self.receiver.may.set()
        assert self.helpers.wait(10)
        while self.posted:
            self.posted.popleft()()
        self.helpers.close()


def test_pieces_arrive_in_order_and_are_counted() -> None:
    loop = Loop()
    pieces = [bytes([number]) * 1000 for number in range(50)]
    assert all(loop.body.put(piece) for piece in pieces)
    assert not loop.body.is_busy  # so few are not worth a helper yet
    loop.body.hand_over()
    loop.finish()
    assert b"".join(loop.receiver.taken) == b"".join(pieces)
    assert loop.transfer.received == 50_000
    assert not loop.body.is_busy
    assert loop.heard == ["idle"]


def test_no_more_than_two_mebibytes_wait_and_there_is_word_when_there_is_room() -> None:
    loop = Loop()
    number = 0
    while loop.body.put(PIECE):
        number += 1
        assert number < 100
    assert number * len(PIECE) <= 2.5 * 1024 * 1024
    loop.finish()
    assert loop.heard[-1] == "idle"
    assert "room" in loop.heard


def test_what_a_receiver_raises_is_kept_and_the_rest_goes_nowhere() -> None:
    loop = Loop()
    loop.receiver.error = OSError("the disk is full")
    loop.body.put(PIECE)
    loop.body.hand_over()
    loop.finish()
    assert loop.body.error is loop.receiver.error
    assert (loop.receiver.taken, loop.heard) == ([], ["idle"])


@pytest.mark.parametrize("seconds", [0.01])
def test_waiting_for_helpers_ends_in_time(seconds: float) -> None:
    loop = Loop()
    loop.body.put(PIECE)
    loop.body.hand_over()
    assert not loop.helpers.wait(seconds)
    loop.finish()


def test_pieces_that_were_collected_are_taken_in_order_however_many_they_are() -> None:
    """More pieces than are hashed and written at once, added at once."""
    loop = Loop()
    pieces = [bytes([number]) * 10 for number in range(100)]
    loop.body.add(pieces, 1000)
    loop.body.hand_over()
    loop.finish()
    assert b"".join(loop.receiver.taken) == b"".join(pieces)
    assert len(loop.receiver.taken) < len(pieces)
    assert loop.transfer.received == 1000


def test_a_body_that_is_full_says_when_there_is_room() -> None:
    loop = Loop()
    loop.body.add([PIECE] * 40, 40 * len(PIECE))
    assert loop.body.is_full()
    loop.finish()
    assert not loop.body.is_full()
    assert "room" in loop.heard


def waiting_for(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        event.wait(10)

    return wait


def no_thread_starts(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("waits", [False, True])
def test_where_no_thread_starts_the_work_is_done_at_once(
    monkeypatch: pytest.MonkeyPatch, *, waits: bool
) -> None:
    helpers = Helpers(lambda call: call(), 2)
    monkeypatch.setattr(threading.Thread, "start", no_thread_starts)
    done: list[int] = []
    helpers.submit(lambda: done.append(threading.get_ident()), waits=waits)
    assert done == [threading.get_ident()]
    assert helpers.wait(0)


def test_where_no_more_threads_start_the_work_is_done_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pool keeps what it could start no thread for, and a busy one would come to it later."""
    helpers = Helpers(lambda call: call(), 2)
    goes_on, done = threading.Event(), list[str]()
    helpers.submit(waiting_for(goes_on), waits=True)
    monkeypatch.setattr(threading.Thread, "start", no_thread_starts)
    helpers.submit(lambda: done.append("at once"), waits=True)
    goes_on.set()
    assert helpers.wait(10)
    helpers.submit(lambda: done.append("by the helper"), waits=True)
    assert helpers.wait(10)
    assert done == ["at once", "by the helper"]


def test_what_waits_for_a_helper_is_dropped_at_the_end() -> None:
    helpers = Helpers(lambda call: call(), 1)
    goes_on, done = threading.Event(), list[str]()
    helpers.submit(waiting_for(goes_on), waits=True)
    helpers.submit(lambda: done.append("too late"), waits=True)
    helpers.close()
    goes_on.set()
    assert helpers.wait(10)
    assert done == []
    with pytest.raises(RuntimeError, match="after shutdown"):
        helpers.submit(lambda: done.append("never"), waits=True)
    assert helpers.wait(0)
    assert done == []
