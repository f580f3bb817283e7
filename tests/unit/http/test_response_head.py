"""The head of a response: where it ends, what is taken and refused, and what is cached."""

from __future__ import annotations

import ast
import itertools
import re
import socket
from http.client import HTTPException
from pathlib import Path
from typing import cast

import pytest

import pyfetch
from pyfetch.headers import Fields
from pyfetch.http import response_head
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.response import Framing, framing_of
from pyfetch.http.response_head import StatusLine, read_head
from tests.support.cases import cases
from tests.support.measuring import takes_linear_time


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
        assert fields["server"] == "a, b"
        assert fields.get_all("server") == ["a", "b"]
        assert fields["etag"] == tag.decode()


@cases("line", ["X-A: " + "b" * 300, "no field" + "!" * 300])
def test_long_lines_are_not_cached(line: str) -> None:
    response_head.cached_field.cache_clear()
    data = f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode()
    try:
        assert head_of(data)[1]["x-a"] == "b" * 300
    except response_head.BadHeadError:
        assert "no field" in line
    assert response_head.cached_field.cache_info().currsize == 0


OK = "HTTP/1.1 200 OK\r\n"

# curl 7.88 and wget 1.21 take all of these, but for HTTP/1.2, which wget alone takes.
TAKEN: dict[str, tuple[str, dict[str, str]]] = {
    "HTTP/1.2 means the same as 1.1 (RFC 9110, 2.5)": ("HTTP/1.2 200 OK\r\nA: b", {"a": "b"}),
    "blanks before the status": ("HTTP/1.1  200 OK\r\nA: b", {"a": "b"}),
    "a control character in the reason": ("HTTP/1.1 200 O\x01K\r\nA: b", {"a": "b"}),
    "a CR in the reason": ("HTTP/1.1 200 \rOK\r\nA: b", {"a": "b"}),
    "blanks before a colon": (OK + "A : b\r\nC \t: d", {"a": "b", "c": "d"}),
    "a name with a blank": (OK + "A B: c\r\nD: e", {"d": "e"}),
    "a name with a control character": (OK + "A\x01B: c\r\nD: e", {"d": "e"}),
    "a name with brackets": (OK + "A(1): c\r\nD: e", {"d": "e"}),
    "a name beyond ASCII": (OK + "\xe9: c\r\nD: e", {"d": "e"}),
    "no name": (OK + ": c\r\n:\r\nD: e", {"d": "e"}),
    "a line that continues what is passed over": (OK + "D: e\r\n: c\r\n more", {"d": "e"}),
    "control characters in a value": (OK + "A: b\x01c\x7f\x0bd", {"a": "bcd"}),
    "a CR in a value": (OK + "A: b\rc", {"a": "b c"}),
    "control characters in a line that goes on": (OK + "A: b\r\n c\x01d", {"a": "b cd"}),
    "control characters in what has to be exact": (
        OK + 'ETag: "a\x01"\r\nSet-Cookie: a=\x02b\r\nA: b', {"a": "b"}
    ),
    "hundreds of fields": (OK + "A: b\r\n" * 300 + "C: d", {"a": ", ".join("b" * 300), "c": "d"}),
}  # fmt: skip

# What stays refused, each for a reason.
REFUSED: dict[str, str] = {
    "RFC 9110, 2.5: another major version is another language": "HTTP/2.0 200 OK\r\n",
    "RFC 9112, 2.3: a version has one digit behind the dot": "HTTP/1.10 200 OK\r\n",
    "RFC 9110, 15: a status has three digits, the first not 0": "HTTP/1.1 099 OK\r\n",
    "curl refuses it, too: a tab before the status": "HTTP/1.1\t200 OK\r\n",
    "curl and wget refuse it, too: no status": "HTTP/1.1 OK\r\n",
    "it may be any text: HTTP 0.9": "hello world\r\n",
    "it may belong to an earlier body: a line end in front": "\r\n" + OK,
    "curl refuses it, too: no colon": OK + "garbage\r\n",
    "curl refuses it, too: a line that continues nothing": OK + " folded\r\n",
    "RFC 9110, 5.5: NUL is dangerous, and curl refuses it (value)": OK + "A: b\0c\r\n",
    "the same (name)": OK + "A\0B: c\r\n",
    "the same (reason)": "HTTP/1.1 200 O\0K\r\n",
    "without the control character it is another length": OK + "Content-Length: 1\x012\r\n",
    "the same, where the field goes on": OK + "Content-Length: 1\r\n \x012\r\n",
    "another range": OK + "Content-Range: bytes 0-1\x01/2\r\n",
    "another URL (curl refuses it, too)": "HTTP/1.1 302 Found\r\nLocation: /a\x01b\r\n",
    "another coding (curl refuses it, too)": OK + "Transfer-Encoding: \x0bchunked\r\n",
    "more fields than anybody needs": OK + "A: b\r\n" * 1001,
}


@cases("name", TAKEN)
def test_a_head_whose_meaning_is_clear_is_taken_though_it_breaks_the_rules(name: str) -> None:
    """What is wrong in it is dropped, or its field passed over."""
    head, expected = TAKEN[name]
    status_line, fields = head_of(head.encode("latin-1") + b"\r\n\r\n")
    assert (status_line.status, status_line.reason) == (200, "OK")
    assert dict(fields) == expected


@cases("reason", REFUSED)
def test_a_head_is_refused_for_a_reason(reason: str) -> None:
    """A guess at its meaning could be wrong, and wrong bytes would be taken for the file."""
    with pytest.raises(HTTPException):
        head_of(REFUSED[reason].encode("latin-1") + b"\r\n")


@cases(
    ("lines", "expected"),
    [
        (["identity"], Framing(length=5)),
        ([""], Framing(length=5)),
        (["Identity", "identity"], Framing(length=5)),
        (["chunked", "chunked"], Framing(chunked=True)),
        (["identity, Chunked"], Framing(chunked=True)),
    ],
)
def test_a_transfer_coding_that_changes_nothing_is_none(
    lines: list[str], expected: Framing
) -> None:
    """RFC 2616, section 3.6, had the coding `identity`."""
    fields = [("transfer-encoding", line) for line in lines] + [("content-length", "5")]
    assert framing_of(200, Fields(fields)) == expected


@cases(
    ("name", "value", "reason"),
    [
        ("transfer-encoding", "gzip, chunked", "it was not asked for (curl refuses it, too)"),
        ("transfer-encoding", "xchunked", "nobody knows it (curl refuses it, too)"),
        ("transfer-encoding", "chunked;x=1", "chunked has no parameters (curl refuses it, too)"),
        ("content-length", "5, 8", "RFC 9112, 6.3: the end of the body cannot be known"),
        ("content-length", "+5", "the same"),
        ("content-length", "-1", "the same"),
        ("content-length", "5abc", "the same"),
        ("content-length", "", "the same"),
    ],
)
def test_a_body_whose_end_is_in_doubt_is_refused(name: str, value: str, reason: str) -> None:
    """A file that is not known to be whole is no file."""
    assert framing_of(200, Fields([(name, value)])).error, reason


@pytest.mark.slow
def test_a_head_that_comes_byte_by_byte_costs_no_more_than_its_length() -> None:
    """A quarter of a megabyte in pieces is not copied with each of them."""

    class Dripping:
        def __init__(self, data: bytes) -> None:
            self.left = memoryview(data)

        def recv(self, size: int) -> bytes:
            data, self.left = bytes(self.left[:2]), self.left[2:]
            return data

    def read(size: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nA: " + b"b" * size + b"\r\n\r\n"
        _, fields = read_head(ReadBuffer(cast("socket.socket", Dripping(head))))
        assert len(fields["a"]) == size

    assert takes_linear_time(read, 100_000)


@pytest.mark.slow
def test_fields_of_a_response_are_asked_for_in_lower_case() -> None:
    """`Fields` is a `dict`, so it would not find them under any other name."""
    wrong = []
    for file in Path(pyfetch.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=asked, attr="get"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    pass
                case ast.Compare(
                    left=ast.Constant(value=str(name)), comparators=[ast.Attribute() as asked]
                ):
                    pass
                case _:
                    continue
            if ast.unparse(asked) in ("headers", "fields", "head.headers", "response.headers"):
                wrong += [f"{file}: {name}"] * (name != name.lower())
    assert wrong == []
