"""A body that is decoded while it comes: what is counted, and how it ends."""

from __future__ import annotations

import gzip

import pytest

from pyfetch.attempt import Assignment
from pyfetch.engine.expectations import Expectations
from pyfetch.engine.receiver import BodyWriter
from pyfetch.engine.verdict import FOR_ALL
from pyfetch.headers import Fields
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.response import Response, framing_of
from pyfetch.http.response_head import StatusLine
from pyfetch.models import Failure, Target, TargetError
from pyfetch.settings import Settings
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url

MIB = 1024 * 1024
URL = parse_url("http://h/x")


class Coded:
    """A body that comes, and what is made of it."""

    def __init__(self, body: bytes, expected: Expectations | None = None) -> None:
        self.body = body
        self.transfer = Transfer(Assignment.first_of(Target(1, URL)))
        self.writer = BodyWriter(
            self.transfer.target, self.transfer, None, FOR_ALL,
            expected or Expectations(Settings(), None), decodes=True, hashes=False,
        )  # fmt: skip
        fields = Fields([("content-encoding", "gzip"), ("content-length", str(len(body)))])
        status, buffer = StatusLine(1, 200, "OK"), ReadBuffer(None)  # type: ignore[arg-type]
        head = Response(URL, status, fields, framing_of(200, fields), buffer, lambda _: None)
        assert self.writer.head(head)

    def comes(self, start: int, end: int) -> None:
        """The client passes this piece on."""
        self.transfer.received += end - start
        self.writer.chunk(self.body[start:end])


def test_progress_is_of_the_bytes_that_come_and_the_result_of_those_that_are_saved() -> None:
    """Their announced length is that of the coded body: a bar must not pass its end."""
    coded = Coded(gzip.compress(bytes(4 * MIB)))
    size = len(coded.body)
    coded.comes(0, size // 2)
    assert (coded.transfer.received, coded.transfer.size) == (size // 2, size)
    assert coded.writer.size > size
    coded.comes(size // 2, size)
    coded.writer.finish()
    assert (coded.transfer.received, coded.transfer.size) == (size, size)
    assert (coded.writer.size, coded.writer.coded_size) == (4 * MIB, size)
    assert coded.writer.sha256 is None


def test_a_run_that_is_stopped_need_not_wait_for_the_end_of_a_bomb() -> None:
    """All of it may have come in one piece."""

    class StoppedAfterAMegabyte(Expectations):
        def check_not_too_large(self, size: int) -> None:
            if size > MIB:
                coded.transfer.stop(Failure.CANCELLED, "stopped")

    expected = StoppedAfterAMegabyte(Settings(), None)
    coded = Coded(gzip.compress(bytes(16 * MIB), 1), expected)
    with pytest.raises(TargetError) as raised:
        coded.comes(0, len(coded.body))
    assert raised.value.failure is Failure.CANCELLED
    assert coded.writer.size < 2 * MIB


def test_a_bomb_is_refused_at_the_first_byte_too_many() -> None:
    coded = Coded(gzip.compress(bytes(16 * MIB), 1), Expectations(Settings(max_size=3 * MIB), None))
    with pytest.raises(TargetError) as raised:
        coded.comes(0, len(coded.body))
    assert raised.value.failure is Failure.TOO_LARGE
    assert 3 * MIB < coded.writer.size < 4 * MIB
