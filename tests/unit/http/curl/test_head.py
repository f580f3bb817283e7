"""The lines that libcurl passes on become the same head that other clients read."""

from __future__ import annotations

from http.client import HTTPException

import pytest

from pyfetch.headers import LONGEST_VALUE
from pyfetch.http.curl.head import final_head

OK = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"\r\n"]
INTERIM = [b"HTTP/1.1 103 Early Hints\r\n", b"Link: </a>\r\n", b"\r\n"]


def test_interim_responses_are_skipped_and_trailers_are_no_fields() -> None:
    head = final_head([*INTERIM, *OK, b"X: of a trailer\r\n", b"\r\n"], 0)
    assert (head.status_line.status, head.status_line.reason, head.version) == (200, "OK", None)
    assert list(head.fields.items()) == [("content-length", "5")]


def test_the_answer_of_a_proxy_to_connect_is_not_that_of_the_host() -> None:
    tunnel = [b"HTTP/1.1 200 Connection established\r\n", b"\r\n"]
    refused = [b"HTTP/1.1 404 Not Found\r\n", b"\r\n"]
    assert final_head([*tunnel, *refused], 1).status_line.status == 404


@pytest.mark.parametrize("version", ["2", "3"])
def test_a_later_version_has_no_reason_and_the_same_fields(version: str) -> None:
    line = f"HTTP/{version} 206 \r\n".encode()
    head = final_head([line, b'etag: "x"\r\n', b"\r\n"], 0)
    assert (head.status_line.status, head.status_line.reason) == (206, "")
    assert (head.version, head.fields["etag"]) == (version, '"x"')


@pytest.mark.parametrize(
    "lines",
    [
        [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n"],
        [*INTERIM * 17, *OK],
        [b"HTTP/1.1 200 OK\r\n", b"no field\r\n", b"\r\n"],
        [b"HTTP/1.1 200 OK\r\n", b"A: " + b"x" * 300_000 + b"\r\n", b"\r\n"],
        [b"nonsense\r\n", b"\r\n"],
    ],
    ids=["cut", "too many interim", "no field", "too long", "no HTTP"],
)
def test_what_is_no_proper_head_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(HTTPException):
        final_head(lines, 0)


@pytest.mark.parametrize("length", [10, 300, 9000])
def test_long_lines_are_read_as_short_ones_but_not_kept_for_results(length: int) -> None:
    """Lines up to some length are remembered from one head to the next, longer ones are not."""
    value = "v" * length
    head = final_head([OK[0], f"ETag: {value}\r\n".encode(), *OK[1:]], 0)
    assert dict(head.fields) == {"etag": value, "content-length": "5"}
    assert head.fields.kept().get("etag") == (value if length <= LONGEST_VALUE else None)
    assert head.fields.kept()["content-length"] == "5"
