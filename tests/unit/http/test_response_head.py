"""The head of a response: where it ends, and which of its lines are cached."""

from __future__ import annotations

import itertools
import re
import socket

import pytest

from pyfetch.headers import Fields
from pyfetch.http import response_head
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.response_head import StatusLine, read_head


def head_of(data: bytes) -> tuple[StatusLine, Fields]:
    """The head that is read from a connection over which `data` comes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        return read_head(ReadBuffer(ours))


def test_a_head_ends_with_the_first_empty_line() -> None:
    # RFC 9112, section 2.2: a lone LF may be taken for the end of a line.
    empty_line = re.compile(rb"\r?\n\r?\n")
    for length in range(8):
        for letters in itertools.product(b"a\r\n", repeat=length):
            data = b"H" + bytes(letters)
            found = empty_line.search(data)
            expected = (found.start(), found.end()) if found else (len(data), 0)
            assert response_head.end_of_head(data, 0) == expected, data


def test_lines_that_come_again_mean_the_same_and_others_their_own() -> None:
    first = b"HTTP/1.1 200 OK\r\nServer: a\r\nETag: %b\r\nServer: b\r\n\r\n"
    for tag in (b"1", b"2", b"1"):
        status_line, fields = head_of(first % tag)
        assert status_line == StatusLine(1, 200, "OK")
        assert fields["SERVER"] == "a, b"
        assert fields.get_all("server") == ["a", "b"]
        assert fields["etag"] == tag.decode()


@pytest.mark.parametrize("line", ["X-A: " + "b" * 300, "no field" + "!" * 300])
def test_long_lines_are_not_cached(line: str) -> None:
    response_head.cached_field.cache_clear()
    data = f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode()
    try:
        assert head_of(data)[1]["x-a"] == "b" * 300
    except response_head.BadHeadError:
        assert "no field" in line
    assert response_head.cached_field.cache_info().currsize == 0
