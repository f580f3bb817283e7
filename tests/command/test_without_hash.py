"""`--no-hash`: no sha256 is computed where no checksum is demanded."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from pyfetch import checksum
from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page

CONTENT = os.urandom(400_000)


class Counted:
    """Stands in for hashlib, and counts the bytes that are hashed."""

    def __init__(self) -> None:
        self.bytes = 0

    def sha256(self) -> Any:
        return self.new("sha256")

    def new(self, name: str, **_: Any) -> Any:
        counted, real = self, hashlib.new(name)

        class Hash:
            def update(self, data: bytes) -> None:
                counted.bytes += len(data)
                real.update(data)

            def copy(self) -> Any:
                return self

            def hexdigest(self) -> str:
                return real.hexdigest()

        return Hash()


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """What is hashed of bodies and parts."""
    counted = Counted()
    monkeypatch.setattr(checksum, "hashlib", counted)
    return counted


def cut_once(server: LoopbackServer, page: Page) -> None:
    """The first answer brings 150,000 bytes; others bring what is asked for."""

    def route(handler: Handler) -> None:
        if len(server.asked) == 1:
            handler.head(200, Content_Length=str(len(page.body)), ETag=str(page.etag))
            handler.send(page.body[:150_000])
            handler.cut()
        else:
            handler.page(page)

    server.routes["/x"] = route


def test_no_byte_is_hashed_and_no_sha256_is_told_or_kept(
    pyfetch: Command, server: LoopbackServer, hashed: Counted
) -> None:
    server.pages["/x"] = Page(CONTENT)
    for outcome in ("fetched", "unchanged"):
        (result,) = pyfetch("--no-hash", "--format", "jsonl", f"{server.url}/x").results
        assert (result["outcome"], result["sha256"]) == (outcome, None)
    assert hashed.bytes == 0
    assert (pyfetch.directory / "x").read_bytes() == CONTENT


def test_a_demanded_checksum_is_computed_all_the_same(
    pyfetch: Command, server: LoopbackServer, hashed: Counted
) -> None:
    server.pages["/x"] = Page(CONTENT)
    right, wrong = hashlib.sha256(CONTENT).hexdigest(), "0" * 64
    urls = [f"{server.url}/x#sha256={right}", f"{server.url}/x?2#sha256={wrong}"]
    ended = pyfetch("--no-hash", "--format", "jsonl", *urls)
    assert [one["error"] for one in ended.results] == [None, "checksum"]
    assert ended.results[0]["sha256"] == right
    assert hashed.bytes == 2 * len(CONTENT)


def test_a_part_goes_on_without_being_read(
    pyfetch: Command, server: LoopbackServer, hashed: Counted
) -> None:
    cut_once(server, Page(CONTENT))
    assert pyfetch("--no-hash", "--retries", "0", f"{server.url}/x").rows[0][4] == "truncated"
    (result,) = pyfetch("--no-hash", "--format", "jsonl", f"{server.url}/x").results
    assert (result["resumed"], result["sha256"]) == (150_000, None)
    assert hashed.bytes == 0
    assert (pyfetch.directory / "x").read_bytes() == CONTENT


def test_a_part_that_was_not_hashed_is_hashed_where_a_later_run_wants_it(
    pyfetch: Command, server: LoopbackServer
) -> None:
    cut_once(server, Page(CONTENT))
    pyfetch("--no-hash", "--retries", "0", f"{server.url}/x")
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert result["resumed"] == 150_000
    assert result["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_a_file_whose_content_is_not_known_is_changed_and_never_the_same(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"one", etag='"1"')
    pyfetch("--no-hash", f"{server.url}/x")
    server.pages["/x"] = Page(b"two", etag='"2"')
    (result,) = pyfetch("--no-hash", "--format", "jsonl", f"{server.url}/x").results
    assert (result["outcome"], result["change"]) == ("fetched", "changed")


def test_verify_says_that_it_cannot_know(pyfetch: Command, server: LoopbackServer) -> None:
    """Nor does it call changed what has the same size and time."""
    server.pages["/x"] = Page(b"content")
    server.pages["/y"] = Page(b"content")
    pyfetch("--no-hash", f"{server.url}/x")
    pyfetch(f"{server.url}/y")
    ended = pyfetch("--verify")
    assert ended.status == 0
    assert [row[4] for row in ended.rows] == [
        "no checksum is known: only its size and time were compared",
        "-",
    ]
    assert "(1 by size and time alone: no checksum is known)" in ended.err
    file = pyfetch.directory / "x"
    before = file.stat()
    file.write_bytes(b"altered")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert pyfetch("--verify").status == 0
    os.utime(file)
    assert pyfetch("--verify").status == 1


def test_what_needs_the_sha256_of_each_file_says_so_before_anything_is_fetched(
    pyfetch: Command, server: LoopbackServer
) -> None:
    for options in (("--checksums", "sums"), ("--exec", "true {path}"), ("--map", "json:loads")):
        ended = pyfetch("--no-hash", *options, f"{server.url}/x")
        assert ended.status == 2
        assert "--no-hash" in ended.err
    assert server.asked == []


def test_the_bytes_of_another_run_are_compared_and_not_their_sha256(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A file that pyfetch does not know and that is the same stays; another one is kept."""
    server.pages["/x"] = Page(b"content", modified=None)
    file = pyfetch.directory / "x"
    file.write_bytes(b"content")
    assert pyfetch("--no-hash", "--format", "jsonl", f"{server.url}/x").results[0]["outcome"] == (
        "unchanged"
    )
    file.write_bytes(b"mine")
    pyfetch("--no-hash", "--no-state", f"{server.url}/x")
    assert (pyfetch.directory / "x.~1~").read_bytes() == b"mine"
