"""Fields that are longer than any honest one: they are not kept, and nothing is cut."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer

LONG = "a" * (200 * 1024)
FIELDS = {
    "content_type": f"Content-Type: {LONG}/x",
    "content_encoding": f"Content-Encoding: {LONG}",
    "etag": f'ETag: "{LONG}"',
    "last_modified": f"Last-Modified: {LONG}",
}


def raw(answer: str) -> Callable[[Handler], None]:
    """A route that answers with these bytes and ends the connection."""

    def handle(handler: Handler) -> None:
        handler.wfile.write(answer.encode())
        handler.cut()

    return handle


@pytest.mark.parametrize("key", FIELDS)
def test_a_result_keeps_no_field_of_more_than_8_kib(
    pyfetch: Command, server: LoopbackServer, key: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n{FIELDS[key]}\r\n\r\nbody"
    server.routes["/x"] = raw(head)
    ended = pyfetch("--format", "jsonl", f"{server.url}/x")
    result = json.loads(ended.out)
    assert (result["outcome"], result["size"], result[key]) == ("fetched", 4, None)
    again = json.loads(pyfetch("--format", "jsonl", "--if-exists", "skip", f"{server.url}/x").out)
    assert again[key] is None


def test_a_reason_of_more_than_8_kib_is_not_shown(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/x"] = raw(f"HTTP/1.1 404 {LONG}\r\nContent-Length: 0\r\n\r\n")
    ended = pyfetch("--format", "jsonl", "--discard", f"{server.url}/x")
    assert json.loads(ended.out)["detail"] == "404"


def test_a_field_of_8_kib_is_kept_whole(pyfetch: Command, server: LoopbackServer) -> None:
    etag = f'"{"e" * 8000}"'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: {etag}\r\n\r\nbody"
    server.routes["/x"] = raw(head)
    assert json.loads(pyfetch("--format", "jsonl", f"{server.url}/x").out)["etag"] == etag
